"""Where Tracegate meets other packages: OpenTelemetry instrumentations, and other ASGI applications."""

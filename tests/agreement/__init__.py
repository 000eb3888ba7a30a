"""The shared agreement check: what the provider saw, the spans, the headers, the metrics and the client say the same."""

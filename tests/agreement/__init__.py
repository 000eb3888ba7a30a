"""The shared agreement check: providers' log, spans, headers, metrics and the client tell the same story."""

"""OTLP as a receiver sees it: decoding, checking, and what was decoded."""

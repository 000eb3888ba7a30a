"""Wire formats, sans-IO: no clock, no network. A new format is one module here and an entry point."""

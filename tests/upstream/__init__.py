"""The upstream hop and its transports."""

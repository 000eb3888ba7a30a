"""What the gateway costs, beside a bare handler, nginx and other gateways; `python -m tests.bench`, see `__main__`."""

"""CPU of the gateway per request, beside a bare Starlette handler; `python -m tests.bench`, see `__main__`."""

"""The real stack beside a gateway: a Collector, Jaeger, Prometheus and VictoriaLogs, on loopback.

It builds them once (`collector/build`), starts and ends them, and reads back what arrived. It is no part of serving:
a gateway needs a Collector's address and nothing of this.

```python
async with Stack() as stack:
    …  # export to stack.otlp_http
    spans = await found(lambda: stack.jaeger.trace(trace_id))
```

`commands` has what `tracegate stack up|down|status` does.
"""

"""Whether the dashboards tell the truth: `python -m dashboards.check`.

It starts the real stores, sends a scripted load through gateways to simulated providers, and asks every query of every
panel as Grafana would. What must come out is made from the providers' own log and from what the clients saw, never from
anything that the gateway said. Then it breaks what the alerts are for, one after another, and sees panel and alert
move. It needs a checkout and what `collector/build` makes.
"""

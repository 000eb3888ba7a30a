"""The public test kit: simulated providers, a fake clock, traces as text, an ASGI driver that streams and hangs up.

**Try a configuration against providers that misbehave.** Start the simulator, and let the providers of your file point
at it. A model whose name begins with `sim-` says itself how it behaves:

```
python -m tracegate.testing --port 4010
```

```yaml
providers:
  first:  {row: openai, base_url: "http://127.0.0.1:4010/first/v1", key: none}
  second: {row: azure, base_url: "http://127.0.0.1:4010/azure/v1", key: none}
targets:
  flaky:   first/sim-503x3                 # three times 503, then good answers
  limited: first/sim-429+retry-after=2:ok  # once 429, then good answers
  slow:    first/sim-first-token=20s       # a stream that keeps one waiting
  broken:  first/sim-cut=3+reset           # reset after three events
  backup:  second/gpt-5                    # any other model gives good answers
routes:
  chat: [flaky, limited, slow, broken, backup]
```

`curl http://127.0.0.1:4010/log` tells each call as the provider saw it: its headers and body, nanosecond times, what
was done, and when the caller hung up. `script_text` has the whole grammar, `script.Step` everything a step can do,
`--scripts FILE` and `POST /scripts` take longer scripts for models of any name. The path's first part names the
provider; one that is a row of `wire_flavour` (`azure`, `vllm`, `mistral`, …) answers in that provider's way.

**Test in Python.** `Simulator` is the same server inside a running loop, `SimulatorProcess` starts one beside you,
`MemoryExchange` plays the same scripts without sockets on a fake clock, to the nanosecond. All three keep the same log.

```python
async with Simulator({"gpt-5": "503x3:ok"}) as sim:
    …
    assert [entry.status for entry in sim.log.of("gpt-5")] == [503, 503, 503, 200]
```

**Look at what it did.** `run` gives a test virtual time: an hour of back-off costs nothing, and a hang or a leak fails.
`drive` is a client of an ASGI app that streams and hangs up (`lifespan` has what starts the app), `Receiver` an OTLP
receiver that believes nothing (`listen` puts it on a socket), `span_tree` a trace as text, `picture` one for people.
`MemoryLog` is an audit log that waits for no disk. `StampAuthority` makes real time stamps, `LockedBucket` keeps
what is locked until its date; both misbehave as they are told.

```python
async def main():
    receiver = Receiver(FakeClock())
    …  # an app that exports to `receiver.post`
    async with drive(app, "POST", "/v1/chat/completions", body=body) as exchange:
        assert await exchange.head() == 200
        assert await exchange.next_chunk()
        exchange.disconnect()
    receiver.check()
    assert span_tree(receiver.spans) == expected

run(main)
```

The names below are here for short; their modules have more. They are loaded when they are used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tracegate.testing.audit import MemoryLog
    from tracegate.testing.clock import FakeClock
    from tracegate.testing.driver import drive
    from tracegate.testing.ids import SeededIds
    from tracegate.testing.lag import LagTicker
    from tracegate.testing.locked_bucket import LockedBucket
    from tracegate.testing.loop import run
    from tracegate.testing.memory import MemoryExchange
    from tracegate.testing.process import SimulatorProcess
    from tracegate.testing.receiver import Receiver
    from tracegate.testing.receiving import listen
    from tracegate.testing.script import Script, ScriptError, Step
    from tracegate.testing.script_text import read_script
    from tracegate.testing.simulator import Simulator
    from tracegate.testing.simulator_log import Entry, Log
    from tracegate.testing.stamp_authority import StampAuthority
    from tracegate.testing.tree import record_tree, span_tree

__all__ = [
    "Entry",
    "FakeClock",
    "LagTicker",
    "LockedBucket",
    "Log",
    "MemoryExchange",
    "MemoryLog",
    "Receiver",
    "Script",
    "ScriptError",
    "SeededIds",
    "Simulator",
    "SimulatorProcess",
    "StampAuthority",
    "Step",
    "drive",
    "listen",
    "read_script",
    "record_tree",
    "run",
    "span_tree",
]

_HOMES = {
    "Entry": "simulator_log",
    "FakeClock": "clock",
    "LagTicker": "lag",
    "LockedBucket": "locked_bucket",
    "Log": "simulator_log",
    "MemoryExchange": "memory",
    "MemoryLog": "audit",
    "Receiver": "receiver",
    "Script": "script",
    "ScriptError": "script",
    "SeededIds": "ids",
    "Simulator": "simulator",
    "SimulatorProcess": "process",
    "StampAuthority": "stamp_authority",
    "Step": "script",
    "drive": "driver",
    "listen": "receiving",
    "read_script": "script_text",
    "record_tree": "tree",
    "run": "loop",
    "span_tree": "tree",
}


def __getattr__(name: str) -> Any:
    """Load a name's module when it is first asked for: the receiver alone brings all of protobuf."""
    if name not in _HOMES:
        raise AttributeError(f"module `tracegate.testing` has no `{name}`; it has {', '.join(__all__)}")
    return getattr(importlib.import_module(f"tracegate.testing.{_HOMES[name]}"), name)

"""From HTTP to a call and back: the only room, beside `plugin`, that imports starlette."""

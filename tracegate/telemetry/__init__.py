"""Records to views: the only room, beside `plugin`, that imports opentelemetry."""

"""Prices: usage × dated price → cost.

Prices are data: `table.json`, made by `python -m tracegate.prices.make` from a pinned data set, and what the
configuration says over it. Nothing here reads a clock, a network or a provider's answer; the table is read when the
first price is bound, never per request.
"""

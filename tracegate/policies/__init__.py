"""Policies decide over their children; orders are pure functions that rank candidates."""

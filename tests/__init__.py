"""The tests; their folders mirror the package, and `house` has the rules of the repository."""

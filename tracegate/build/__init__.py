"""From configuration to running parts: the tree of recorded hops, the ways to the providers, the views."""

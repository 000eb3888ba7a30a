"""From configuration to running parts."""

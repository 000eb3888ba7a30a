"""Tracegate: an LLM gateway whose first job is evidence.

The rooms, and who may enter which, are drawn in CONTRIBUTING.md and enforced by the import contracts in
pyproject.toml.
"""

__version__ = "0.1.0"

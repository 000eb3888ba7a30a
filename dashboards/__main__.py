"""`python -m dashboards` writes `json/` and the list of panels in README.md anew."""

from __future__ import annotations

import sys

from dashboards.written import write

sys.exit(write())

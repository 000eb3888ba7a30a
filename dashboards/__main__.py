"""`python -m dashboards` writes the dashboards in `json/` anew."""

from __future__ import annotations

import sys

from dashboards.written import write

sys.exit(write())

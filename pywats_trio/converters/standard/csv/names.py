"""The names of the columns that a CSV table may have."""

from __future__ import annotations

import re
from typing import Final

PER_RUN: Final = ("exec_time", "result")
"""Of one run of the test: a retest does not inherit them."""
UNIT: Final = (
    *("serial", "start", "part_number", "process_code", "revision", "process_name", "operator"),
    *("station", "location", "purpose", *PER_RUN),
)
STEP: Final = (
    *("step", "group", "measurement", "type", "value", "low", "high", "unit", "comp_op"),
    *("status", "report_text"),
)
KNOWN: Final = frozenset({*UNIT, *STEP})
REQUIRED: Final = ("serial", "part_number", "process_code", "step")
MISC: Final = "misc:"

_GAPS: Final = re.compile(r"[\s-]+")


def normal(name: str) -> str:
    """A column's name as it is compared: case, blanks and hyphens do not matter."""
    return _GAPS.sub("_", name.strip().lower())

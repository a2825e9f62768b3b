"""The schema of this program's layout."""

from __future__ import annotations

from importlib import resources


def own_schema() -> str:
    """`schema.sql`, which makes an empty queue."""
    return resources.files(__package__).joinpath("schema.sql").read_text(encoding="utf-8")

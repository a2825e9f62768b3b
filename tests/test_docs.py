"""Pages that are made from code are current."""

from __future__ import annotations

from pathlib import Path

from pywats_trio.config.reference import reference

DOCS = Path(__file__).parent.parent / "docs"


def test_the_configuration_reference_is_what_the_options_say() -> None:
    assert (DOCS / "reference" / "configuration.md").read_text() == reference()

"""The page of `why`, readable in 80 columns; and what is made of a path before it is asked."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from pywats_trio.cli.why import WIDTH, _meant, page

if TYPE_CHECKING:
    from pathlib import Path

WAITS = {
    "what": "server",
    "why": "no connection to https://wats.example.com",
    "hint": "Look at the network.",
    "since": "2026-01-30T17:52:47.123Z",
    "next_try": "2026-01-30T17:53:17.123Z",
}


def unit(**more: Any) -> dict[str, Any]:
    file = {
        "kind": "file",
        "id": 1,
        "state": "COMPLETED",
        "reason": None,
        "source": "/in/Done/a.json",
        "waits_for": None,
    }
    report = {
        "kind": "report",
        "id": 2,
        "state": "SUSPENDED",
        "reason": "server",
        "serial_number": "S-1",
        "part_number": "PCBA",
        "report_id": "0b0e3a2c-0000-4000-8000-000000000001",
        "source": "/in/a.json",
        "waits_for": WAITS,
        "repeat_of": None,
    }
    plain = {
        "found_by": ["serial_number", "item"],
        "outcome": "report 2 is not delivered, it is SUSPENDED (server)",
        "waits_for": WAITS,
        "story": ["2026-01-30T17:52:46.001Z accepted from /in/a.json (converter ict)"],
        "file": file,
        "reports": [report],
        "report_count": 1,
    }
    return {**plain, **more}


def lines(*units: dict[str, Any], more: int = 0) -> list[str]:
    return list(page({"units": list(units), "more": more}))


def test_a_unit_is_a_page() -> None:
    assert lines(unit()) == [
        "report 2 is not delivered, it is SUSPENDED (server)",
        "  found by serial number, item",
        "  file 1: COMPLETED, /in/Done/a.json",
        "  report 2: SUSPENDED (server), S-1, PCBA, 0b0e3a2c-0000-4000-8000-000000000001",
        "  report 2 waits for: server since 2026-01-30 17:52:47Z",
        "    no connection to https://wats.example.com",
        "    next try 2026-01-30 17:53:17Z",
        "    to do: Look at the network.",
        "  story",
        "    2026-01-30 17:52:46Z accepted from /in/a.json (converter ict)",
    ]


def test_a_file_that_is_no_item_yet_waits_by_itself() -> None:
    told = lines(unit(file=None, reports=[], report_count=0, story=[], found_by=["file"]))
    assert told[1:3] == ["  found by file", "  waits for: server since 2026-01-30 17:52:47Z"]
    assert not any("story" in line for line in told)


def test_several_units_stand_apart_and_the_rest_is_counted() -> None:
    told = lines(unit(), unit(outcome="delivered"), more=3)
    at = told.index("")
    assert told[at + 1] == "delivered"
    assert told[-2:] == ["", "and 3 more; --limit shows more of them"]


@pytest.mark.parametrize(
    ("count", "told"), [(1, None), (2, "1 more report"), (9, "8 more reports")]
)
def test_reports_that_are_not_shown_are_counted(count: int, told: str | None) -> None:
    found = [line for line in lines(unit(report_count=count)) if " more report" in line]
    assert found == ([f"  and {told}"] if told else [])


def test_a_repeat_is_shown() -> None:
    [report] = unit()["reports"]
    told = lines(unit(reports=[{**report, "repeat_of": 7}]))
    assert "    a repeat: the same report was stored before as item 7" in told


def test_long_text_is_wrapped_and_strange_text_is_escaped() -> None:
    told = lines(unit(outcome="no " * 100, story=["... 7 more ...", "x\x1b[31m " + "word " * 60]))
    assert max(map(len, told)) <= WIDTH
    assert "    ... 7 more ..." in told
    assert not any("\x1b" in line for line in told)
    assert all(line.startswith("  ") for line in told[1:])


def test_another_version_may_leave_facts_out() -> None:
    assert lines({}) == []
    assert lines({"file": {}, "reports": [{}]})[0] == "  None None: None"


@pytest.mark.parametrize(
    ("what", "whole"),
    [
        ("SN/1", False),
        ("a.json", False),
        ("/in/../a.json", False),
        ("drop/none.json", False),
        ("./a.json", True),
        ("../a.json", True),
        ("drop/a.json", True),
        ("drop/link.json", True),
    ],
)
def test_a_path_from_here_is_made_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, whole: bool
) -> None:
    (tmp_path / "drop").mkdir()
    (tmp_path / "drop" / "a.json").touch()
    (tmp_path / "drop" / "link.json").symlink_to("nowhere")
    monkeypatch.chdir(tmp_path)
    expected = os.path.normpath(tmp_path / what) if whole else what
    assert _meant(what) == expected

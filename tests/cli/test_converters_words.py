"""What a service tells of a converter, in words: short where all is well."""

from __future__ import annotations

from typing import Any

import pytest

from pywats_trio.cli.converters import words

NOW = 1_769_763_900.0
"""2026-01-30T09:05:00Z"""
SINCE = "2026-01-30T09:00:00.123Z"
GOOD: dict[str, Any] = {
    "name": "line-1",
    "enabled": True,
    "state": "in use",
    "why": "",
    "hint": "",
    "outage": None,
    "version": "2.1",
    "revision": "3f9a0c1d77e2",
    "last_used": "2026-01-30T09:04:57.000Z",
    "refused": None,
    "watching": True,
    "waiting_files": 3,
    "waiting_for": {"changing": 2, "waits for COMPLETE": 1},
    "trouble": "",
    "counts": {"PENDING": 4, "SUSPENDED": 5, "COMPLETED": 60, "FAILED": 1, "QUARANTINED": 2},
}
OUTAGE = {"why": "it failed", "hint": "Mend it.", "since": SINCE, "next_try": None}
PAUSED = {**GOOD, "state": "paused", "outage": {**OUTAGE, "next_try": "2026-01-30T09:05:20Z"}}
REFUSED = {"revision": "abc", "why": "no class", "since": SINCE}


def told(facts: dict[str, Any], **more: Any) -> list[str]:
    return list(words.troubles(facts, NOW, **more))


def test_one_that_works_is_told_in_few_words() -> None:
    assert words.state(GOOD, NOW) == "in use"
    assert words.code(GOOD) == "2.1 (3f9a0c1d77e2)"
    assert words.last_used(GOOD, NOW) == "2026-01-30T09:04:57Z (3 s)"
    assert words.in_folder(GOOD) == "3 wait (2 changing, 1 waits for COMPLETE)"
    assert words.in_queue(GOOD) == ("4 pending, 5 suspended, 60 completed, 1 failed, 2 quarantined")
    assert (words.waiting(GOOD), words.failed(GOOD)) == (12, 3)
    assert told(GOOD) == []


def test_one_that_is_paused_says_why_since_when_and_when_it_is_tried() -> None:
    assert words.state(PAUSED, NOW) == "paused, next try in 20 s"
    assert told(PAUSED) == [
        "paused, next try in 20 s, since 2026-01-30T09:00:00Z (5 min 0 s): it failed",
        "  Mend it.",
    ]
    assert told(PAUSED, known={"it failed"}) == []


def test_one_that_is_tried_only_when_it_is_mended_says_no_time() -> None:
    facts = {**GOOD, "state": "unusable", "outage": OUTAGE}
    assert words.state(facts, NOW) == "unusable"
    assert told(facts)[0] == "unusable, since 2026-01-30T09:00:00Z (5 min 0 s): it failed"


def test_one_that_was_turned_off_says_by_whom_and_how_to_turn_it_on() -> None:
    off = {**GOOD, "state": "disabled", "why": "disabled by anna", "hint": "enable it"}
    assert told(off) == ["disabled: disabled by anna", "  enable it"]


def test_a_folder_in_trouble_and_code_that_was_refused_are_told() -> None:
    facts = {**GOOD, "trouble": "/d: gone", "refused": REFUSED}
    assert told(facts) == [
        "/d: gone",
        "its changed code (abc) was refused, since 2026-01-30T09:00:00Z (5 min 0 s): no class",
        "  what was in use goes on; mend the code, and it is taken into use",
    ]


def test_where_nothing_is_in_use_nothing_is_said_to_go_on() -> None:
    facts = {**GOOD, "state": "unusable", "outage": OUTAGE, "refused": REFUSED}
    assert told(facts)[-1] == "  its files wait; mend the code, and it is taken into use"


@pytest.mark.parametrize(
    ("refused", "told"),
    [
        ([], ""),
        ([("a", True)], "not reloaded: a; what was in use goes on"),
        (
            [("a", False)],
            "not reloaded: a; its files wait; mend the code, and it is taken into use",
        ),
        (
            [("a", False), ("b", True), ("c", False), ("d", True)],
            "not reloaded: b, d; what was in use goes on; "
            "not reloaded: a, c; their files wait; mend the code, and it is taken into use",
        ),
    ],
)
def test_a_reload_says_of_what_was_refused_whether_other_code_goes_on(
    refused: list[tuple[str, bool]], told: str
) -> None:
    done = {"refused": [{"name": name, "in_use": in_use} for name, in_use in refused]}
    assert words.refused(done) == told


def test_of_an_older_service_less_is_told() -> None:
    assert words.state({}, NOW) == "in use"
    assert words.state({"enabled": False}, NOW) == "disabled"
    assert (words.code({}), words.last_used({}, NOW), words.in_queue({})) == ("", "", "")
    assert words.in_folder({}) == "0 wait"
    assert (words.waiting({}), words.failed({}), told({})) == (0, 0, [])


def test_a_queue_that_has_none_and_a_folder_that_is_not_watched_say_so() -> None:
    assert words.in_queue({"counts": {"PENDING": 0}}) == "nothing"
    assert words.in_folder({**GOOD, "watching": False}) == "not watched now"


@pytest.mark.parametrize(
    ("unit", "text"),
    [
        (None, ""),
        ({"form": "file"}, "files"),
        (
            {"form": "folder", "marker": "", "minimum_files": 1, "quiet_seconds": 2.0},
            "folders; complete with at least 1 file and 2 s of quiet",
        ),
        (
            {"form": "file-and-folder", "marker": "END", "minimum_files": 2, "quiet_seconds": 0.5},
            "header files, each with its folder; complete with the file END, at least 2 files and "
            "0.5 s of quiet",
        ),
    ],
)
def test_what_it_takes_is_told_with_when_it_is_complete(
    unit: dict[str, Any] | None, text: str
) -> None:
    assert words.takes(unit) == text


@pytest.mark.parametrize(
    ("level", "text"),
    [
        ("standard", "standard"),
        ("basic", "basic, although standard is configured"),
        (None, "none, although standard is configured"),
    ],
)
def test_a_sandbox_that_is_not_as_wanted_says_both(level: str | None, text: str) -> None:
    assert words.level({"wanted": "standard", "level": level, "missing": []}) == text

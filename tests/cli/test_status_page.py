"""The page that `status` shows: every fact, in words, whatever the service knows."""

from __future__ import annotations

from typing import Any

import pytest

from pywats_trio.cli.status_page import page, size
from pywats_trio.cli.times import span

NOW = 1_769_763_900.0
"""2026-01-30T09:05:00Z"""
TOLD: dict[str, Any] = {
    "state": "degraded",
    "cause": "no connection",
    "since": "2026-01-30T09:00:00.123Z",
    "instance": "line-7",
    "version": "0.1.0",
    "pid": 42,
    "started_at": "2026-01-30T06:00:00.000Z",
    "uptime_seconds": 11_100.0,
    "health": "http://127.0.0.1:8080",
    "waiting_for": [],
    "conditions": [
        {
            "cause": "server",
            "subject": "http://wats",
            "message": "no connection",
            "hint": "check the network",
            "since": "2026-01-30T09:00:00.000Z",
        },
        {
            "cause": "queue_full",
            "subject": "",
            "message": "10000 items",
            "hint": "",
            "since": "2026-01-30T09:04:58.000Z",
        },
    ],
    "queue": {
        "file": {"PENDING": 1, "COMPLETED": 20},
        "report": {"PENDING": 12345, "COMPLETED": 100, "QUARANTINED": 7},
    },
    "delivery": {
        "server": "http://wats",
        "breaker": "open",
        "outage": {
            "class": "connect",
            "message": "no connection",
            "hint": "check the network",
            "since": "2026-01-30T09:00:00.000Z",
        },
        "next_try_seconds": 75.4,
        "paced": True,
        "in_hand": 2,
        "server_version": "2026.1",
        "concurrency_limit": 8,
    },
    "converters": [
        {
            "name": "ict",
            "enabled": True,
            "state": "in use",
            "version": "1.2",
            "revision": "3f9a",
            "watch": "/d/ict",
            "waiting_files": 3,
            "waiting_for": {"waits for COMPLETE": 2, "0 of 2 files": 1},
            "counts": {"PENDING": 10, "SUSPENDED": 2, "COMPLETED": 9},
            "trouble": "",
        },
        {
            "name": "fct",
            "enabled": True,
            "watch": "/d/f\nct",
            "waiting_files": 0,
            "trouble": "gone",
        },
        {"name": "old", "enabled": False, "watch": "/d/old", "waiting_files": 0, "trouble": ""},
    ],
    "workers": {"limit": 2, "busy": 1, "idle": 0, "resident_bytes": 47_394_816},
    "restarts": {"intake ict": 2},
    "resources": {
        "resident_bytes": 52_428_800,
        "cpu_seconds": 3.2,
        "descriptors": 20,
        "disk_free_bytes": 10 * 1024**3,
        "queue_bytes": 94_768,
    },
}


def test_every_fact_is_on_the_page() -> None:
    assert page(TOLD, NOW) == [
        "line-7 is degraded, since 2026-01-30T09:00:00Z (5 min 0 s): no connection",
        "  version 0.1.0, process 42, up 3 h 5 min",
        "held up by",
        "  server http://wats, since 2026-01-30T09:00:00Z (5 min 0 s): no connection",
        "    check the network",
        "  queue_full, since 2026-01-30T09:04:58Z (2 s): 10000 items",
        "queue     pending  processing  suspended  held  completed  failed  quarantined",
        "  file    1        0           0          0     20         0       0",
        "  report  12345    0           0          0     100        0       7",
        "delivery to http://wats (version 2026.1)",
        "  breaker open, 2 in hand of 8 at once",
        "  away (connect) since 2026-01-30T09:00:00Z (5 min 0 s), next try in 1 min 15 s",
        "  the pace is what slows the backlog (server.requests_per_minute)",
        "converters  folder    waiting  version     state",
        "  ict       /d/ict    15       1.2 (3f9a)  in use",
        "  fct       /d/f\\nct  0                    in use",
        "  old       /d/old    0                    disabled",
        "  ict: what waits in its folder: 2 (waits for COMPLETE), 1 (0 of 2 files)",
        "  fct: gone",
        "workers: 1 busy and 0 idle of 2, 45.2 MiB",
        "service: 50 MiB, 3.2 s CPU, 20 descriptors",
        "disk: 10 GiB free, queue 92.55 KiB",
        "restarts: intake ict 2",
        "probes: http://127.0.0.1:8080/health http://127.0.0.1:8080/ready "
        "http://127.0.0.1:8080/metrics",
    ]


def test_a_service_that_is_well_has_no_list_of_troubles() -> None:
    delivery = {**TOLD["delivery"], "breaker": "closed", "outage": None, "paced": False}
    text = "\n".join(page({**TOLD, "conditions": [], "delivery": delivery}, NOW))
    assert "held up by" not in text
    assert "away" not in text
    assert "pace" not in text
    assert "breaker closed" in text


PAUSED = {
    **TOLD["converters"][0],
    "state": "paused",
    "outage": {
        "why": "it failed on 5 different files in a row",
        "hint": "Mend it.",
        "since": "2026-01-30T09:00:00.000Z",
        "next_try": "2026-01-30T09:05:20.000Z",
    },
}


def test_what_is_wrong_with_a_folder_is_told_once() -> None:
    why = "/d/ict: No such file or directory"
    hint = "make the folder"
    message = f"ict: watch folder unusable: {why}"
    known = {"cause": "folder", "message": message, "hint": hint, "since": TOLD["since"]}
    broken = {**TOLD["converters"][0], "trouble": f"{why}; {hint}"}
    for conditions in ([], [known]):
        lines = page({**TOLD, "converters": [broken], "conditions": conditions}, NOW)
        assert sum(why in line for line in lines) == 1
        assert sum(hint in line for line in lines) == 1


def test_a_converter_that_is_paused_says_why_once() -> None:
    why = PAUSED["outage"]["why"]
    known = {"cause": "converter", "subject": "ict", "message": why, "since": TOLD["since"]}
    for conditions in ([], [known]):
        lines = page({**TOLD, "converters": [PAUSED], "conditions": conditions}, NOW)
        assert "  ict       /d/ict  15       1.2 (3f9a)  paused, next try in 20 s" in lines
        assert sum(why in line for line in lines) == 1
        assert ("  ict:   Mend it." in lines) is (not conditions)


def test_a_sandbox_that_is_less_than_wanted_says_what_is_missing() -> None:
    sandbox = {"wanted": "standard", "level": "basic", "missing": ["there is no Landlock"]}
    lines = page({**TOLD, "workers": {**TOLD["workers"], "sandbox": sandbox}}, NOW)
    at = lines.index(
        "workers: 1 busy and 0 idle of 2, 45.2 MiB, sandbox basic, although standard is configured"
    )
    assert lines[at + 1] == "  there is no Landlock"


def test_a_service_before_its_work_says_what_it_can() -> None:
    told = {"state": "starting", "instance": "x", "since": TOLD["since"]}
    assert page(told, NOW)[0].startswith("x is starting, since 2026-01-30T09:00:00Z")


def test_a_drain_says_what_it_waits_for() -> None:
    told = {**TOLD, "state": "draining", "waiting_for": ["2 conversions"]}
    assert "  waiting for 2 conversions" in page(told, NOW)


def later(**more: Any) -> dict[str, Any]:
    queue = {"file": {"COMPLETED": 23}, "report": {"COMPLETED": 112}}
    return {**TOLD, "uptime_seconds": 11_102.0, "queue": queue, **more}


def test_the_rates_are_what_happened_between_two_readings() -> None:
    line = "  6.0 reports delivered and 1.5 files converted a second"
    assert line in page(later(), NOW, TOLD)
    assert not any("a second" in line for line in page(later(), NOW))


@pytest.mark.parametrize("before", [later(), {**TOLD, "started_at": "2026-01-29T00:00:00.000Z"}])
def test_readings_that_do_not_follow_each_other_have_no_rate(before: dict[str, Any]) -> None:
    assert not any("a second" in line for line in page(later(), NOW, before))


def test_what_was_cleared_is_no_negative_rate() -> None:
    text = page(later(queue={}), NOW, TOLD)
    assert "  0.0 reports delivered and 0.0 files converted a second" in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (60, "1 min 0 s"),
        (3599, "59 min 59 s"),
        (3600, "1 h 0 min"),
        (86_399, "23 h 59 min"),
        (86_400, "1 d 0 h"),
        (200_000, "2 d 7 h"),
    ],
)
def test_a_span_has_two_units_at_most(seconds: float, text: str) -> None:
    assert span(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (None, "?"),
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1 KiB"),
        (1_048_576, "1 MiB"),
        (5 * 1024**4, "5120 GiB"),
    ],
)
def test_a_size_is_in_the_unit_that_fits(count: int | None, text: str) -> None:
    assert size(count) == text

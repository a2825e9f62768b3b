"""Files that were seen and are not accepted can be asked for, by their paths."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from tests.service.test_lines import drop, hall, line, opened

if TYPE_CHECKING:
    from pathlib import Path

    from tests.service.test_lines import Hall


async def until_seen(here: Hall, count: int) -> None:
    """And looked at often enough to know why they wait."""
    with trio.fail_after(10):
        while [one.why for one in here.lines.not_accepted(lambda _seen: True)] != [
            "marker missing"
        ] * count:
            await trio.lowlevel.checkpoint()


async def test_files_that_wait_are_found_by_their_paths(tmp_path: Path) -> None:
    async with hall(tmp_path) as here:
        first, second = (line(tmp_path, name, settle="marker") for name in ("a", "b"))
        await opened(here, first)
        await opened(here, second)
        path = drop(first, "1.txt")
        drop(first, "2.txt")
        other = drop(second, "1.txt")
        await until_seen(here, 3)
        found = here.lines.not_accepted(lambda seen: seen.endswith("/1.txt"))
        assert [(one.converter, one.path, one.why) for one in found] == [
            ("a", str(path), "marker missing"),
            ("b", str(other), "marker missing"),
        ]
        assert all(one.seconds >= 0 for one in found)
        assert here.lines.not_accepted(lambda seen: seen.endswith("/3.txt")) == []
        await here.lines.retire("a")
        assert [one.converter for one in here.lines.not_accepted(lambda _seen: True)] == ["b"]

"""Which items are meant: every filter, its limits, and what cannot be meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pywats_trio.commands.command import BadArguments
from pywats_trio.commands.desk import CommandDesk
from pywats_trio.commands.queue.filters import LONGEST_AGE, LONGEST_TEXT, PAGE, each_page
from pywats_trio.control import ServiceState
from pywats_trio.errors import InvalidInputError
from pywats_trio.model import Failed, Kind, Problem, Reason, Wait
from pywats_trio.observe.board import Board
from pywats_trio.queue.actions import Reprioritize
from pywats_trio.queue.selection import Selection
from tests.commands.kit import VIEWER, House
from tests.contract.kit import a_file, a_report

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from pywats_trio.model import Item

START = 1_800_000_000.0
MINUTE = 60.0


class Wall:
    now = START

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """Six items, one a minute; the last one came a minute ago.

    1 a file that failed, 2 a file that waits, 3 to 6 reports: 3 waits for the server, 4 failed.
    """
    wall = Wall()
    house = House(Board("line-1", "1.2.3", wall))
    house.board.state = ServiceState.RUNNING
    async with house.with_queue(tmp_path):
        store = house.queue().store
        for envelope in (
            a_file("/in/one.txt"),
            a_file("/in/two 100%.txt", inode=2, converter="other"),
            a_report(serial_number="SN-3", report_id="aaaa"),
            a_report(serial_number="SN_4"),
            a_report(serial_number="SN-5\\x", part_number="Ünit"),
            a_report(serial_number="SN-6"),
        ):
            await store.put([envelope])
            wall.now += MINUTE
        [file] = await store.claim(Kind.FILE, 1, "x")
        await store.finish(file, Failed(Problem("rejected-file", "the end is missing")))
        first, second = await store.claim(Kind.REPORT, 2, "x")
        await store.finish(first, Wait(600, Reason.SERVER, Problem("timeout", "no answer")))
        await store.finish(second, Failed(Problem("rejected", "no such part")))
        yield house


async def found(house: House, **args: Any) -> list[int]:
    told = await CommandDesk(house).ask("get_queue", args, VIEWER)
    return sorted(item["id"] for item in told["items"])


FILTERS: list[tuple[dict[str, Any], list[int]]] = [
    ({}, [1, 2, 3, 4, 5, 6]),
    ({"kind": "file"}, [1, 2]),
    ({"kind": "REPORT"}, [3, 4, 5, 6]),
    ({"states": ["FAILED"]}, [1, 4]),
    ({"states": ["failed", "SUSPENDED", "FAILED"]}, [1, 3, 4]),
    ({"states": 100_000 * ["HELD"]}, []),
    ({"reason": "server"}, [3]),
    ({"reason": "retry"}, []),
    ({"converter": "other"}, [2]),
    ({"converter": "othe"}, []),
    ({"error_class": "rejected"}, [4]),
    ({"serial_number": "SN-3"}, [3]),
    ({"serial_number": "sn-3"}, []),
    ({"text": "sn-"}, [3, 5, 6]),
    ({"text": "sn_"}, [4]),
    ({"text": "0%"}, [2]),
    ({"text": "%"}, [2]),
    ({"text": "5\\x"}, [5]),
    ({"text": "aaaa"}, [3]),
    ({"text": "Ünit"}, [5]),
    ({"text": "end is"}, [1]),
    ({"text": "one.TXT"}, [1]),
    ({"older_than": 6 * MINUTE - 1}, [1]),
    ({"older_than": 6 * MINUTE}, []),
    ({"newer_than": 2 * MINUTE}, [5, 6]),
    ({"newer_than": 0}, []),
    ({"older_than": 0}, [1, 2, 3, 4, 5, 6]),
    ({"older_than": 2 * MINUTE, "newer_than": 3 * MINUTE}, [4]),
    ({"kind": "report", "states": ["FAILED"], "text": "part"}, [4]),
    ({"kind": "file", "reason": "server"}, []),
]


@pytest.mark.parametrize(("args", "ids"), FILTERS, ids=lambda value: str(value)[:40])
async def test_what_each_filter_means(house: House, args: dict[str, Any], ids: list[int]) -> None:
    assert await found(house, **args) == ids


STRANGE: list[tuple[dict[str, Any], str]] = [
    ({"kind": "files"}, r"there is no kind 'files', there are file, report; did you mean 'file'\?"),
    ({"states": ["FAILD"]}, r"there is no state 'FAILD', .*; did you mean 'FAILED'\?"),
    ({"states": ["faild"]}, r"did you mean 'FAILED'\?"),
    ({"states": [""]}, "there is no state ''"),
    ({"states": "FAILED"}, "is not a list"),
    ({"reason": "servr"}, r"did you mean 'server'\?"),
    ({"kind": 1_000_000 * "x"}, r"^there is no kind 'x{80}', there are file, report$"),
    ({"text": "a\0b"}, "text has a NUL character"),
    ({"serial_number": "\0"}, "serial_number has a NUL character"),
    ({"older_than": -1}, "older_than"),
    ({"older_than": LONGEST_AGE + 1}, "older_than"),
    ({"newer_than": float("nan")}, "newer_than"),
    ({"serial": "x"}, r"unknown 'serial'; did you mean 'serial_number'\?"),
]


@pytest.mark.parametrize(("args", "told"), STRANGE, ids=lambda value: str(value)[:40])
async def test_what_cannot_be_meant_is_told(house: House, args: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidInputError, match=told):
        await found(house, **args)


@pytest.mark.parametrize("name", ["text", "serial_number", "converter", "error_class"])
@pytest.mark.parametrize("length", [LONGEST_TEXT - 1, LONGEST_TEXT, LONGEST_TEXT + 1])
@pytest.mark.parametrize("character", ["%", "\U0001f600", "\ud800"])
async def test_a_text_has_a_longest(house: House, name: str, length: int, character: str) -> None:
    asked = {name: length * character}
    if length <= LONGEST_TEXT:
        assert await found(house, **asked) == []
        return
    with pytest.raises(BadArguments, match=f"{name} has 1001 characters; give 1000 at most"):
        await found(house, **asked)


async def test_a_text_that_is_no_unicode_is_looked_for_as_it_is_stored(house: House) -> None:
    await house.queue().store.put([a_report(serial_number="SN\udcff")])
    for name in ("text", "serial_number"):
        assert await found(house, **{name: "SN\udcff"}) == [7]


@pytest.mark.parametrize("age", [0, LONGEST_AGE])
async def test_an_age_at_its_ends_is_taken(house: House, age: float) -> None:
    assert len(await found(house, older_than=age)) == (0 if age else 6)


@pytest.mark.parametrize("count", [PAGE - 1, PAGE, PAGE + 1, 2 * PAGE + 1])
async def test_page_by_page_every_item_comes_once_whatever_is_done_to_it(
    tmp_path: Path, count: int
) -> None:
    house = House()
    async with house.with_queue(tmp_path):
        queue = house.queue()
        await queue.store.put([a_report(serial_number="mine") for _ in range(count)])
        wanted = Selection(serial_number="mine")
        seen: list[int] = []

        async def change(items: Sequence[Item]) -> None:
            assert len(items) <= PAGE
            ids = tuple(item.id for item in items)
            seen.extend(ids)
            await queue.store.change(Selection(ids=ids), Reprioritize(1), "test")
            await queue.store.put([a_report(serial_number="another")])

        await each_page(queue, wanted, change)
    assert seen == list(range(1, count + 1))

"""Commands about converters: the host does them, and the answers are what is documented."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pywats_trio.commands.command import BadArguments
from pywats_trio.commands.desk import CommandDesk
from pywats_trio.control import ServiceState
from pywats_trio.errors import NotAllowed
from pywats_trio.model import Envelope, Kind
from tests.commands.kit import OPERATOR, VIEWER, House

if TYPE_CHECKING:
    from pathlib import Path


def house_at_work() -> House:
    house = House()
    house.board.state = ServiceState.RUNNING
    house.board.converters = lambda: [{"name": "c", "state": "in use"}, {"name": "d"}]
    return house


async def test_they_are_listed_with_what_the_queue_has_of_each(tmp_path: Path) -> None:
    house = house_at_work()
    async with house.with_queue(tmp_path):
        store = house.queue().store
        await store.put([Envelope(Kind.FILE, "c", f"/in/{n}.csv") for n in range(3)])
        await store.claim(Kind.FILE, 1, "test")
        told = await CommandDesk(house).ask("get_converters", {}, VIEWER)
    first, second = told["items"]
    assert first == {"name": "c", "state": "in use", "counts": {"PENDING": 2, "PROCESSING": 1}}
    assert second == {"name": "d", "counts": {}}
    assert told["next"] is None


async def test_before_there_is_a_queue_they_are_listed_without_counts() -> None:
    told = await CommandDesk(house_at_work()).ask("get_converters", {}, VIEWER)
    assert [one["counts"] for one in told["items"]] == [None, None]


async def test_on_and_off_are_told_to_the_host_with_who_asked() -> None:
    house = house_at_work()
    desk = CommandDesk(house)
    told = await desk.ask("disable_converter", {"name": "c"}, OPERATOR)
    assert told == {"name": "c", "enabled": False, "changed": True}
    told = await desk.ask("enable_converter", {"name": "c"}, OPERATOR)
    assert told == {"name": "c", "enabled": True, "changed": False}
    assert house.converters.asked == [("disable", "c", "operator"), ("enable", "c", "operator")]


@pytest.mark.parametrize("names", [(), ("c",), ("c", "d")])
async def test_all_are_reloaded_or_those_that_are_named(names: tuple[str, ...]) -> None:
    house = house_at_work()
    args = {"names": list(names)} if names else {}
    told = await CommandDesk(house).ask("reload_converters", args, OPERATOR)
    assert told["unchanged"][0]["name"] == "c"
    assert house.converters.asked == [("reload", *names)]


@pytest.mark.parametrize("command", ["enable_converter", "disable_converter", "reload_converters"])
async def test_a_viewer_may_not(command: str) -> None:
    house = house_at_work()
    with pytest.raises(NotAllowed, match="operator"):
        await CommandDesk(house).ask(command, {"name": "c"}, VIEWER)
    assert house.converters.asked == []


@pytest.mark.parametrize("command", ["enable_converter", "disable_converter"])
async def test_which_one_must_be_said(command: str) -> None:
    with pytest.raises(BadArguments, match="missing 'name'"):
        await CommandDesk(house_at_work()).ask(command, {}, OPERATOR)

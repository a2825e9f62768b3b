"""Commands about the service as a whole."""

from __future__ import annotations

from pywats_trio.commands.desk import CommandDesk
from pywats_trio.control import ServiceState
from pywats_trio.observe.status import status
from tests.commands.kit import ADMIN, OPERATOR, VIEWER, House


def house_at_work() -> House:
    house = House()
    house.board.state = ServiceState.RUNNING
    return house


async def test_ping_says_that_somebody_answers() -> None:
    asked = CommandDesk(House()).ask("ping", {}, VIEWER)
    assert await asked == {"pong": True, "authenticated": True}


async def test_the_status_is_the_boards() -> None:
    house = house_at_work()
    told = await CommandDesk(house).ask("get_status", {}, VIEWER)
    assert told.keys() == status(house.board).keys()
    assert (told["state"], told["instance"], told["version"]) == ("running", "line-1", "1.2.3")


async def test_a_pause_and_its_end_say_who_asked_and_what_came_of_it() -> None:
    house = house_at_work()
    desk = CommandDesk(house)
    assert await desk.ask("pause", {}, OPERATOR) == {"state": "paused"}
    assert house.board.cause == "paused by operator"
    assert await desk.ask("resume", {}, OPERATOR) == {"state": "running"}
    assert house.board.cause == "resumed by operator"


async def test_sync_now_says_what_it_set_going() -> None:
    house = house_at_work()
    told = await CommandDesk(house).ask("sync_now", {}, OPERATOR)
    assert told == {"folders": 2, "probing": False, "resumed": 3}
    assert house.synced == [OPERATOR]


async def test_a_reload_says_what_changed() -> None:
    house = house_at_work()
    told = await CommandDesk(house).ask("reload_config", {}, ADMIN)
    assert told == {"changed": ["retry.max_attempts"], "needs_restart": []}
    assert house.reloads == 1


async def test_a_stop_names_who_asked() -> None:
    house = house_at_work()
    assert await CommandDesk(house).ask("stop", {}, ADMIN) == {"requested": True}
    assert house.stopped == ["asked by admin"]

"""The table through its door: every command in every state, for every role."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pywats_trio.commands.command import LONGEST_NAME, When, nearest
from pywats_trio.commands.desk import CommandDesk, UnknownCommand
from pywats_trio.commands.host import Finished
from pywats_trio.commands.queue.carry.manifest import Receipts, written
from pywats_trio.commands.table import TABLE
from pywats_trio.control import Role, ServiceState, Who
from pywats_trio.errors import NotAllowed, NotReady
from tests.commands.kit import ADMIN, House, make_item
from tests.contract.kit import a_report

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

S = ServiceState
EVERYWHERE = frozenset(ServiceState)
WITH_QUEUE = {S.RUNNING, S.DEGRADED, S.PAUSED, S.RELOADING, S.DRAINING, S.FAILED}
AT_WORK = {S.RUNNING, S.DEGRADED, S.RELOADING}
PERMITTED: Mapping[str, tuple[Role, set[S] | frozenset[S], bool]] = {
    "ping": (Role.VIEWER, EVERYWHERE, False),
    "get_status": (Role.VIEWER, EVERYWHERE, False),
    "get_item": (Role.VIEWER, WITH_QUEUE, False),
    "sync_now": (Role.OPERATOR, AT_WORK, True),
    "pause": (Role.OPERATOR, AT_WORK | {S.PAUSED}, True),
    "resume": (Role.OPERATOR, AT_WORK | {S.PAUSED}, True),
    "submit_file": (Role.OPERATOR, AT_WORK, True),
    "submit_report": (Role.OPERATOR, AT_WORK, True),
    "get_converters": (Role.VIEWER, EVERYWHERE, False),
    "enable_converter": (Role.OPERATOR, AT_WORK | {S.PAUSED}, True),
    "disable_converter": (Role.OPERATOR, AT_WORK | {S.PAUSED}, True),
    "reload_converters": (Role.OPERATOR, AT_WORK | {S.PAUSED}, True),
    "reload_config": (Role.ADMIN, AT_WORK | {S.PAUSED}, True),
    "stop": (Role.ADMIN, EVERYWHERE, True),
    "get_queue": (Role.VIEWER, WITH_QUEUE, False),
    "why": (Role.VIEWER, WITH_QUEUE, False),
    "backup_queue": (Role.ADMIN, WITH_QUEUE, True),
    "export_items": (Role.OPERATOR, WITH_QUEUE, True),
    "import_items": (Role.OPERATOR, WITH_QUEUE, True),
    "export_receipts": (Role.OPERATOR, WITH_QUEUE, True),
    **dict.fromkeys(
        (
            "retry_items",
            "hold_items",
            "release_items",
            "set_priority",
            "remove_items",
            "clear_queue",
            "import_pywats",
            "compact_queue",
            "verify_queue",
        ),
        (Role.OPERATOR, WITH_QUEUE, True),
    ),
}
"""Who may ask, when, and whether it changes something (contract section 9), written once more."""
ARGS: Mapping[str, dict[str, Any]] = {
    "submit_file": {"path": "/in/a.json"},
    "submit_report": {"text": "{}"},
    "get_item": {"id": 1},
    "why": {"what": "1"},
    "enable_converter": {"name": "c"},
    "disable_converter": {"name": "c"},
    "retry_items": {"ids": [1]},
    "hold_items": {"ids": [1]},
    "release_items": {"ids": [1]},
    "set_priority": {"ids": [1], "priority": 1},
    "remove_items": {"ids": [1]},
    "import_pywats": {"path": "/"},
    "backup_queue": {"path": "TMP/backup.db"},
    "export_items": {"path": "TMP/parcel"},
    "import_items": {"path": "TMP/receipts.json"},
    "export_receipts": {"path": "TMP/written.json"},
}


ORIGIN = "0b0e3a2c-0000-4000-8000-000000000001/1"
"""A name under which a report may have been imported."""


def args_of(name: str, folder: Path) -> dict[str, Any]:
    """Arguments that are good; their files lie in `folder`."""
    (folder / "receipts.json").write_bytes(written(Receipts("line", "", ())))
    args = ARGS.get(name, {})
    return {
        key: value.replace("TMP", str(folder)) if isinstance(value, str) else value
        for key, value in args.items()
    }


def house_in(state: ServiceState) -> House:
    house = House()
    house.board.state = state
    house.items[1] = Finished(make_item(1))
    return house


def test_the_table_is_complete() -> None:
    told = {name: (c.role, set(c.when.value), c.changes) for name, c in TABLE.items()}
    assert told == {name: (role, set(when), ch) for name, (role, when, ch) in PERMITTED.items()}
    assert all(command.name == name for name, command in TABLE.items())


def test_only_what_waits_or_may_be_much_is_unbounded() -> None:
    unbounded = {command.name for command in TABLE.values() if not command.bounded}
    changing = {name for name, entry in TABLE.items() if entry.offline and entry.changes}
    assert unbounded == {"get_item", "reload_converters"} | changing


@pytest.mark.parametrize("state", ServiceState)
@pytest.mark.parametrize("name", PERMITTED)
async def test_a_command_is_done_in_its_states_and_refused_in_all_others(
    tmp_path: Path, name: str, state: ServiceState
) -> None:
    house = house_in(state)
    asked = CommandDesk(house).ask(name, args_of(name, tmp_path), ADMIN)
    if state in PERMITTED[name][1]:
        async with house.with_queue(tmp_path):
            await house.queue().store.put([a_report(origin=ORIGIN)])
            assert isinstance(await asked, dict)
        return
    with pytest.raises(NotReady) as caught:
        await asked
    assert str(caught.value).startswith(f"{name!r} cannot be done now: the service is {state}")
    assert (house.stopped, house.synced, house.reloads, len(house.items)) == ([], [], 0, 1)
    assert house.board.state is state


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("name", PERMITTED)
async def test_a_command_needs_its_role(tmp_path: Path, name: str, role: Role) -> None:
    house = house_in(S.RUNNING)
    asked = CommandDesk(house).ask(name, args_of(name, tmp_path), Who("somebody", role))
    needed = PERMITTED[name][0]
    if list(Role).index(role) >= list(Role).index(needed):
        async with house.with_queue(tmp_path):
            await house.queue().store.put([a_report(origin=ORIGIN)])
            assert isinstance(await asked, dict)
        return
    with pytest.raises(NotAllowed, match=f"^somebody may not ask for {name!r}; it needs role"):
        await asked
    assert (house.stopped, house.synced, house.reloads, len(house.items)) == ([], [], 0, 1)


async def test_who_may_not_is_not_told_the_state() -> None:
    with pytest.raises(NotAllowed):
        await CommandDesk(house_in(S.DRAINING)).ask("sync_now", {}, Who("x", Role.VIEWER))


async def test_a_paused_service_says_how_to_go_on() -> None:
    with pytest.raises(NotReady, match="the service is paused; resume it first"):
        await CommandDesk(house_in(S.PAUSED)).ask("sync_now", {}, ADMIN)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("get_stats", "Unknown command: get_stats; did you mean 'get_status'?"),
        ("Ping", "Unknown command: Ping; did you mean 'ping'?"),
        ("xyzzy", "Unknown command: xyzzy"),
        ("", "Unknown command: "),
        ("x" * 1_000_000, "Unknown command: " + "x" * 63 + "…"),
    ],
)
async def test_a_command_that_is_none_names_the_nearest(name: str, told: str) -> None:
    with pytest.raises(UnknownCommand) as caught:
        await CommandDesk(house_in(S.CREATED)).ask(name, {}, ADMIN)
    assert str(caught.value) == told
    assert caught.value.code == "unknown_command"


@pytest.mark.parametrize("when", When)
def test_every_command_can_be_asked_in_some_state(when: When) -> None:
    assert when.value


@pytest.mark.parametrize(
    ("length", "told"), [(LONGEST_NAME, f"; did you mean {'x' * LONGEST_NAME!r}?"), (65, "")]
)
def test_a_name_is_compared_up_to_a_length(length: int, told: str) -> None:
    name = length * "x"
    assert nearest(name, [name]) == told

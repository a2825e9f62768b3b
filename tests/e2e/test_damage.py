"""A damaged store: the service starts, what is whole is sent once, and it tells what is lost."""

from __future__ import annotations

import contextlib
import json
import random
from typing import TYPE_CHECKING, Any

import pytest
import trio

from benchmarks import data
from pywats_trio.control import ServiceState
from pywats_trio.devserver import open_devserver
from pywats_trio.model import Kind, State
from pywats_trio.observe.board import Cause
from pywats_trio.queue.database import connect, open_reader
from pywats_trio.queue.salvage import inspection
from pywats_trio.queue.salvage.damage import EVENT
from tests.e2e.calling import NOWHERE, ask, call
from tests.e2e.harness import daemon, write_config
from tests.e2e.site import PATIENCE, make_site, recorded
from tests.queue.damaging import DAMAGES, DELIVERED, PAGE, REPORTS, RUN, Damage, a_body, make

if TYPE_CHECKING:
    from pathlib import Path

    from pywats_trio.devserver import DevServer
    from pywats_trio.service.service import Service
    from tests.e2e.site import Site

NUMBERS = {data.report_id(RUN, number): number for number in range(REPORTS)}
WAITING = (State.PENDING, State.PROCESSING, State.SUSPENDED)


async def came(server: DevServer) -> set[int]:
    """The numbers of the reports that came: each once, and as it was put in."""
    found = {NUMBERS[record.id] for record in await server.received()}
    assert (await server.totals()).sends == len(found)
    for number in found:
        assert await server.body(data.report_id(RUN, number)) == a_body(number)
    return found


async def until_done(service: Service) -> None:
    with trio.fail_after(PATIENCE):
        await service.wait_until(lambda counts: not counts.of(Kind.REPORT, *WAITING))


def salvaged(site: Site) -> dict[str, Any] | None:
    """What the history says of it; None: nothing was salvaged."""
    told = [json.loads(text) for (text,) in site.rows(_TOLD, EVENT)]
    assert len(told) <= 1
    return told[0] if told else None


_TOLD = "SELECT message FROM history WHERE event = ?"


def originals(folder: Path) -> dict[str, bytes]:
    """The files that hold data; the others are made from them."""
    files = (folder / name for name in ("queue.db", "queue.db-wal"))
    return {file.name: file.read_bytes() for file in files if file.exists()}


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.name)
async def test_what_is_whole_is_sent_once_and_the_rest_is_told(
    tmp_path: Path, damage: Damage
) -> None:
    folder = tmp_path / "data"
    await make(folder, crashed=damage.crashed)
    damage.do(folder, random.Random(damage.name))
    before = originals(folder)
    async with open_devserver() as server:
        site = make_site(tmp_path, server.url)
        with recorded(site):
            async with site.running() as service:
                await until_done(service)
                facts = salvaged(site)
                states = dict(site.rows("SELECT state, count(*) FROM items GROUP BY state"))
                conditions = service.board.held_up_by(Cause.STORE_DAMAGED)
                assert service.state is (
                    ServiceState.DEGRADED if conditions else ServiceState.RUNNING
                )
        sent = await came(server)
    if damage.name == "no log":  # nobody knows what it held
        assert "the log that belongs to the queue is missing" in conditions[0].message
        return
    if facts is None:  # the log holds all that was damaged, or one report alone is
        assert len(sent) + states.get("QUARANTINED", 0) == REPORTS - DELIVERED
        return
    assert facts["salvaged"] + facts["lost"] == facts["total"]
    assert not damage.told or facts["total"] == REPORTS
    # Whole are those that were delivered before, those sent now, and those nobody knows of.
    assert facts["salvaged"] == states.get("COMPLETED", 0) + states.get("HELD", 0)
    assert facts["quarantined"] == states.get("QUARANTINED", 0)
    assert f"of {facts['total']} items {facts['salvaged']} were salvaged" in conditions[0].message
    [aside] = folder.glob("queue.db.damaged-*")
    assert before.items() <= originals(aside).items()


# While it runs: a large store is not read as a whole at the start


async def test_a_damage_that_is_met_while_it_works_is_salvaged_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspection, "CHECKED_WHOLE", 0)
    folder = tmp_path / "data"
    await make(folder, crashed=False)
    damage_report(folder / "queue.db", 200)
    async with open_devserver() as server:
        site = make_site(tmp_path, server.url)
        with recorded(site):
            async with site.running() as service:
                await site.until_event("queue salvaged")
                await until_done(service)
                facts = salvaged(site)
                assert service.state is ServiceState.DEGRADED
                lost = await service.item(201)  # by the desk, which has found the new database
                assert lost.item.state is State.QUARANTINED
                assert service.board.restarts == {"store": 1}
        sent = await came(server)
    assert facts is not None
    assert (facts["total"], facts["salvaged"], facts["quarantined"]) == (REPORTS, REPORTS - 1, 1)
    assert sent == set(range(DELIVERED, REPORTS)) - {200}


@pytest.mark.parametrize("table", ["items", "history", "items_in_hand", "items_waiting"])
async def test_a_damage_that_the_start_meets_is_salvaged_before_anything_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    monkeypatch.setattr(inspection, "CHECKED_WHOLE", 0)
    folder = tmp_path / "data"
    await make(folder, crashed=False)
    damage_page(folder / "queue.db", last_page(folder, table))
    async with open_devserver() as server:
        site = make_site(tmp_path, server.url)
        with recorded(site):
            async with site.running() as service:
                await until_done(service)
                await site.until_event("queue salvaged")
                await until_done(service)
        sent = await came(server)
    assert sent == set(range(DELIVERED, REPORTS))


def damage_report(path: Path, number: int) -> None:
    """One bit in the middle of a stored report."""
    raw = bytearray(path.read_bytes())
    serial = f'"sn":"{RUN}-{number:06d}"'.encode()
    raw[raw.rindex(serial) + len(serial) + 100] ^= 1
    path.write_bytes(raw)


def damage_page(path: Path, page: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[page * PAGE - 100] ^= 1
    path.write_bytes(raw)


def last_page(folder: Path, name: str) -> int:
    """One that a reading of the newest rows meets."""
    with contextlib.closing(open_reader(folder / "queue.db")) as connection:
        sql = "SELECT max(pageno) FROM dbstat WHERE name = ? AND pagetype = 'leaf'"
        return int(connection.execute(sql, (name,)).get)


# The operator


async def said(config: Path, *arguments: str) -> str:
    """What the command prints, on one line, when all is well."""
    done = await call(config, *arguments)
    assert (done.returncode, done.stderr) == (0, b"")
    return " ".join(done.stdout.decode().split())


async def test_the_operator_sees_it_and_has_seen_to_it(tmp_path: Path) -> None:
    await make(tmp_path / "data", crashed=False)
    damage_report(tmp_path / "data" / "queue.db", 200)
    config = write_config(tmp_path, NOWHERE)
    async with daemon(config) as running:
        [told] = running.events("queue salvaged")
        assert (told["salvaged"], told["lost"]) == (REPORTS - 1, 1)
        assert "of 300 items 299 were salvaged, 1 lost" in await said(config, "status")
        assert await running.stop() == 0
    async with daemon(config):  # it does not forget
        assert "299 were salvaged" in await said(config, "status")
        verified = await said(config, "queue", "verify")
        assert "all is well" in verified
        assert "of 300 items 299 were salvaged" in verified
        assert "salvaged" not in await said(config, "status")
        again = await ask(config, "queue", "verify")
        assert (again["whole"], again["salvaged"]) == (True, None)


async def test_a_stopped_queue_is_looked_through_as_well(tmp_path: Path) -> None:
    await make(tmp_path / "data", crashed=False)
    config = write_config(tmp_path, NOWHERE)
    assert "all is well" in await said(config, "queue", "verify")
    with contextlib.closing(connect(tmp_path / "data" / "queue.db")) as connection:
        connection.execute("UPDATE payloads SET body = x'7b7d' WHERE item_id IN (200, 201)")
    done = await call(config, "queue", "verify")
    assert done.returncode == 1
    assert b"item 200 (PENDING): its report is damaged" in done.stderr
    assert b"2 quarantined" in done.stderr
    assert b"something is wrong" in done.stdout
    found = await ask(config, "queue", "ls", "--state", "QUARANTINED", "--error-class", "damaged")
    assert {item["id"] for item in found["items"]} == {200, 201}
    assert (await ask(config, "queue", "verify"))["reports"] == REPORTS - DELIVERED - 2

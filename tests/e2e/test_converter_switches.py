"""One converter is turned off and on again while the others work; its files wait, and are told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
from attrs import evolve

from benchmarks import data
from pywats_trio.config.options import StationOptions
from pywats_trio.control import Role, ServiceState, Who
from pywats_trio.devserver import open_devserver
from pywats_trio.errors import ConfigError, NotFoundError, NotReady
from pywats_trio.observe.board import Cause
from pywats_trio.service.parts import ReloadFailed
from pywats_trio.service.service import Service
from tests.e2e.calling import ask, call, refused
from tests.e2e.harness import daemon, write_config
from tests.e2e.plant import Plant, plant, stamping, until_history, with_line
from tests.e2e.test_reload import in_the_way

if TYPE_CHECKING:
    from pathlib import Path

    from pywats_trio.config.options import Config

ANNA = Who("anna", Role.OPERATOR)


def with_second(config: Config, folder: Path) -> Config:
    """And another converter, `line-2`."""
    folder.mkdir()
    [first] = config.converters
    return evolve(config, converters=(first, evolve(first, name="line-2", watch=folder)))


def facts_of(service: Service, name: str = "line-1") -> dict[str, Any]:
    [found] = [one for one in service.board.converters() if one["name"] == name]
    return found


async def until_waiting(here: Plant, count: int) -> None:
    """Until so many files are in the queue."""
    await here.service.wait_until(lambda counts: counts.unfinished >= count)


async def test_a_disabled_converter_takes_and_converts_nothing_and_the_others_go_on(
    tmp_path: Path,
) -> None:
    async with plant(tmp_path, audited=False) as here:
        await here.service.reload(with_second(here.config, tmp_path / "second"))
        told = await here.service.converters.disable("line-1", ANNA)
        assert told == {"name": "line-1", "enabled": False, "changed": True}
        here.books.drop(3)
        (tmp_path / "second" / "a.json").write_bytes(data.report("second", 1, 1000))
        await here.site.until_delivered(1)
        assert len(list(here.site.watch.glob("*.json"))) == 3
        facts = facts_of(here.service)
        assert (facts["state"], facts["enabled"], facts["watching"]) == ("disabled", False, False)
        assert facts["why"] == "the converter 'line-1' was disabled by anna"
        assert "converters enable line-1" in facts["hint"]
        assert here.service.board.state == "degraded"
        unit = here.site.drop("../unit.json", data.report("other", 1, 1000))
        with pytest.raises(NotFoundError, match="'line-1' is disabled; `pywats-trio converters en"):
            await here.service.submit_file(unit, converter="line-1")
        [condition] = here.service.board.held_up_by(Cause.DISABLED)
        assert "converters enable line-1" in condition.hint
        path = str(here.site.watch / here.books.dropped[0].name)
        with pytest.raises(NotFoundError, match="but the converter 'line-1' was disabled by anna"):
            await here.service.control.ask("why", {"what": path}, ANNA)
        told = await here.service.converters.enable("line-1", ANNA)
        assert told == {"name": "line-1", "enabled": True, "changed": True}
        await here.arrived()
        assert here.service.state is ServiceState.RUNNING
        assert facts_of(here.service)["state"] == "in use"


async def test_what_is_in_hand_is_finished_and_what_is_in_the_queue_waits_until_it_is_enabled(
    tmp_path: Path,
) -> None:
    slow = {"seconds": 0.5}
    async with plant(tmp_path, audited=False, type=stamping(tmp_path), arguments=slow) as here:
        here.books.drop(6)
        await here.site.until_event("a converter says")
        await until_waiting(here, 6)
        await here.service.converters.disable("line-1", ANNA)
        await until_history(here, 1, "converted")
        await until_history(here, 1, "suspended")
        answer = await here.service.control.ask("get_converters", {}, ANNA)
        [line] = answer["items"]
        counts = line["counts"]
        assert counts.pop("COMPLETED") >= 1
        assert counts.keys() <= {"PENDING", "PROCESSING", "SUSPENDED"}
        assert sum(counts.values()) >= 1
        [(waiting,)] = here.site.rows(
            "SELECT id FROM items WHERE kind = 'file' AND state IN ('PENDING', 'SUSPENDED')"
            " ORDER BY id DESC LIMIT 1"
        )
        why = await here.service.control.ask("why", {"what": str(waiting)}, ANNA)
        [unit] = why["units"]
        assert unit["waits_for"]["what"] == "converter"
        assert unit["waits_for"]["why"] == "the converter 'line-1' was disabled by anna"
        await here.service.converters.enable("line-1", ANNA)
        with trio.fail_after(20):  # at once, and not when they are looked at again
            await here.arrived()


async def test_it_stays_off_over_a_restart_until_it_is_enabled(tmp_path: Path) -> None:
    async with plant(tmp_path, audited=False) as here:
        await here.service.converters.disable("line-1", ANNA)
        here.service.stop()
        await here.service.wait_stopped()
        again = Service(here.config)
        async with trio.open_nursery() as nursery:
            await nursery.start(again.run)
            assert again.state is ServiceState.DEGRADED
            assert facts_of(again)["why"] == "the converter 'line-1' was disabled by anna"
            here.books.drop(2)
            await again.reload(with_line(here.config, priority=1))  # still
            assert facts_of(again)["state"] == "disabled"
            await again.converters.enable("line-1", ANNA)
            await here.arrived()
            again.stop()
        once_more = Service(here.config)
        async with trio.open_nursery() as nursery:
            await nursery.start(once_more.run)
            assert once_more.state is ServiceState.RUNNING
            once_more.stop()


async def test_twice_is_once(tmp_path: Path) -> None:
    async with plant(tmp_path) as here:
        switches = here.service.converters
        assert (await switches.enable("line-1", ANNA))["changed"] is False
        assert [(await switches.disable("line-1", ANNA))["changed"] for _ in "ab"] == [True, False]
        assert [(await switches.enable("line-1", ANNA))["changed"] for _ in "ab"] == [True, False]
        here.books.drop(1)
        await here.arrived()


async def test_the_configuration_wins(tmp_path: Path) -> None:
    async with plant(tmp_path, enabled=False) as here:
        switches = here.service.converters
        assert here.service.state is ServiceState.RUNNING  # as it is meant to be
        assert facts_of(here.service)["state"] == "disabled"
        with pytest.raises(ConfigError, match="set enabled = true there and reload"):
            await switches.enable("line-1", ANNA)
        assert (await switches.disable("line-1", ANNA))["changed"] is False
        await here.service.reload(with_line(here.config, enabled=True))
        here.books.drop(1)
        await here.arrived()


async def test_who_is_not_there_is_told(tmp_path: Path) -> None:
    async with plant(tmp_path, audited=False) as here:
        for asked in (
            here.service.converters.enable("line-2", ANNA),
            here.service.converters.disable("line-2", ANNA),
            here.service.converters.reload(["line-2"]),
        ):
            with pytest.raises(NotFoundError, match="did you mean 'line-1'"):
                await asked
        await here.service.converters.disable("line-1", ANNA)
        with pytest.raises(ConfigError, match="disabled; enable it"):
            await here.service.converters.reload(["line-1"])
        assert await here.service.converters.reload() == {
            "reloaded": [],
            "unchanged": [],
            "refused": [],
        }


async def test_one_that_cannot_be_used_stays_off(tmp_path: Path) -> None:
    stamp = {"stamp": "-a"}
    async with plant(tmp_path, audited=False, type=stamping(tmp_path), arguments=stamp) as here:
        await here.service.converters.disable("line-1", ANNA)
        file = tmp_path / "stamping.py"
        file.write_text(file.read_text().replace('"stamp": Argument', '"other": Argument'))
        with pytest.raises(ConfigError, match=r"arguments\.stamp"):
            await here.service.converters.enable("line-1", ANNA)
        assert facts_of(here.service)["state"] == "disabled"
        stamping(tmp_path)
        await here.service.converters.enable("line-1", ANNA)
        here.books.drop(1)
        await here.arrived()


async def test_turning_another_one_off_and_on_makes_none_look_healthy_that_cannot_be_used(
    tmp_path: Path,
) -> None:
    broken = tmp_path / "stamping.py"
    broken.write_text("this is no code")
    options: dict[str, Any] = {"type": f"{broken}:Stamp", "patterns": ("*.json",)}
    async with plant(tmp_path, audited=False, **options) as here:
        first, second = with_second(here.config, tmp_path / "second").converters
        second = evolve(second, type="wats-json")
        await here.service.reload(evolve(here.config, converters=(first, second)))
        here.books.drop(1)
        await here.site.until(lambda: facts_of(here.service)["state"] == "unusable")
        await until_history(here, 1, "suspended")
        outage = facts_of(here.service)["outage"]
        for change in (
            here.service.converters.disable("line-2", ANNA),
            here.service.converters.enable("line-2", ANNA),
            here.service.reload(evolve(here.config, station=StationOptions(name="S9"))),
            here.service.reload(with_line(here.config, priority=1)),  # it was asked, and refused
        ):
            await change
            facts = facts_of(here.service)
            assert facts["state"] == "unusable"
            assert facts["outage"]["since"] == outage["since"]
            assert facts["outage"]["why"] == outage["why"]
            [condition] = here.service.board.held_up_by(Cause.CONVERTER)
            assert condition.subject == "line-1"
            assert here.service.board.state == "degraded"
        stamping(tmp_path)
        await here.service.converters.reload(["line-1"])
        await here.arrived()
        assert here.service.state is ServiceState.RUNNING


async def test_one_that_a_reload_finds_to_be_good_is_used_at_once(tmp_path: Path) -> None:
    broken = tmp_path / "stamping.py"
    broken.write_text("this is no code")
    options: dict[str, Any] = {"type": f"{broken}:Stamp", "patterns": ("*.json",)}
    async with plant(tmp_path, audited=False, **options) as here:
        here.books.drop(1)
        await until_history(here, 1, "suspended")
        stamping(tmp_path)
        await here.service.reload(with_line(here.config, arguments={"stamp": "!"}))
        assert here.service.state is ServiceState.RUNNING
        with trio.fail_after(20):
            await here.arrived()


async def test_what_cannot_be_done_is_not_remembered(tmp_path: Path) -> None:
    async with plant(tmp_path) as here:
        for switch, state, generations in (
            ("disable", "in use", range(3, 20)),
            ("enable", "disabled", range(5, 20)),
        ):
            files = in_the_way(tmp_path, generations)
            with pytest.raises(ReloadFailed):
                await getattr(here.service.converters, switch)("line-1", ANNA)
            assert facts_of(here.service)["state"] == state
            assert bool(here.service.board.conditions) is (state == "disabled")
            for file in files:
                file.unlink()
            told = await getattr(here.service.converters, switch)("line-1", ANNA)
            assert told["changed"] is True
        here.books.drop(1)
        await here.arrived()


async def test_a_draining_service_is_not_changed(tmp_path: Path) -> None:
    async with plant(tmp_path, audited=False) as here:
        switches = here.service.converters
        here.service.stop()
        for asked in (switches.disable("line-1", ANNA), switches.reload()):
            with pytest.raises(NotReady):
                await asked
        await here.service.wait_stopped()


async def test_the_commands(tmp_path: Path) -> None:
    async with open_devserver() as server:
        config = write_config(tmp_path, server.url)
        async with daemon(config) as running:
            told = await ask(config, "converters", "disable", "line-1")
            assert told == {"name": "line-1", "enabled": False, "changed": True}
            done = await call(config, "converters", "disable", "line-1")
            assert done.stdout == b"line-1 was disabled\n"
            done = await call(config, "converters", "enable", "line-1")
            assert (done.returncode, done.stdout) == (0, b"line-1: enabled\n")
            refused(await call(config, "converters", "enable", "line"), 21, "'line-1'")
            assert await running.stop() == 0
        refused(await call(config, "converters", "enable", "line-1"), 32, "no service answers")

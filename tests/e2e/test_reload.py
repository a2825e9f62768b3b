"""Another configuration while the service works: no job is dropped, and nothing is sent twice."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio
from attrs import evolve

from pywats_trio.config.load import load
from pywats_trio.control import ServiceState
from pywats_trio.convert.conversion import SCRATCH
from pywats_trio.devserver import Fault, open_devserver
from pywats_trio.errors import ConfigError, NotReady
from pywats_trio.observe.board import Cause
from pywats_trio.service.parts import ReloadFailed
from pywats_trio.service.reload import Source
from pywats_trio.service.service import Service
from tests.contract.kit import CancelAt
from tests.e2e.books import Books, files_in
from tests.e2e.plant import Plant, plant, stamping, until_history, with_line
from tests.e2e.site import make_site

if TYPE_CHECKING:
    from pathlib import Path

    from pywats_trio.config.options import Config

LOAD = 200


# Under load


async def _changes(here: Plant, tmp_path: Path) -> dict[str, Config]:
    """One of everything that a reload can change, by what it is called there."""
    config = here.config
    other = tmp_path / "other"
    other.mkdir()
    [line] = config.converters
    return {
        "converters.line-1": with_line(config, priority=2, done_dir="Done2"),
        "workers.max": evolve(config, workers=evolve(config.workers, max=2)),
        "server.token": evolve(config, server=evolve(config.server, token="b3RoZXI6dG9rZW4=")),
        "queue.max_items": evolve(config, queue=evolve(config.queue, max_items=20)),
        "queue.max_bytes": evolve(config, queue=evolve(config.queue, max_bytes=2**30)),
        "retry.max_attempts": evolve(config, retry=evolve(config.retry, max_attempts=7)),
        "supervision.max_restarts": evolve(
            config, supervision=evolve(config.supervision, max_restarts=2)
        ),
        "shutdown.grace_seconds": evolve(
            config, shutdown=evolve(config.shutdown, grace_seconds=20.0)
        ),
        "log.level": evolve(config, log=evolve(config.log, level="debug")),
        "converters.line-2": evolve(
            config, converters=(line, evolve(line, name="line-2", watch=other))
        ),
        "station.name": evolve(config, station=evolve(config.station, name="S2")),
    }


async def test_each_change_under_load_drops_nothing_and_sends_nothing_twice(
    tmp_path: Path,
) -> None:
    async with plant(tmp_path) as here:
        changes = await _changes(here, tmp_path)
        for key, config in changes.items():
            here.books.drop(LOAD // len(changes))
            assert await here.service.reload(config) == {"changed": [key], "needs_restart": []}
            assert here.config == config
            assert (await here.service.reload(here.site.config))["changed"] == [key]
        await here.arrived()
        assert here.service.state is ServiceState.RUNNING
    done = files_in(here.site.watch / "Done") | files_in(here.site.watch / "Done2")
    assert done == {file.name: file.content for file in here.books.dropped}


async def test_jobs_in_hand_end_on_the_old_converter_and_the_next_begin_on_the_new(
    tmp_path: Path,
) -> None:
    kind = stamping(tmp_path)
    slow = {"stamp": "-old", "seconds": 1.0}
    async with plant(tmp_path, type=kind, arguments=slow) as here:
        here.books.drop(5)
        await here.site.until_event("a converter says")
        stamping(tmp_path, "2")
        await here.service.reload(with_line(here.config, arguments={"stamp": "-new"}))
        assert here.server.journal.submits == 0  # the old one works on
        await here.arrived()
        assert await here.revisions() == {"1-old": 1, "2-new": 4}


async def test_a_converter_that_was_corrected_takes_what_waited_for_it_at_once(
    tmp_path: Path,
) -> None:
    (tmp_path / "stamping.py").write_text("raise ImportError('not yet')")
    kind = f"{tmp_path / 'stamping.py'}:Stamp"
    async with plant(tmp_path, audited=False, type=kind, patterns=("*.json",)) as here:
        here.books.drop(1)
        await here.site.until(lambda: here.service.state is ServiceState.DEGRADED)
        assert here.service.board.held_up_by(Cause.CONVERTER)
        stamping(tmp_path)
        await here.service.reload(with_line(here.config, arguments={"stamp": "!"}))
        with trio.fail_after(20):  # and not after the 30 s for which it is left alone
            await here.arrived()
        assert here.service.state is ServiceState.RUNNING


# Converters that go, come and move


async def test_files_of_a_removed_converter_are_still_converted_sent_and_put_away(
    tmp_path: Path,
) -> None:
    async with plant(tmp_path, type=stamping(tmp_path), arguments={"seconds": 0.2}) as here:
        here.books.drop(10)
        await here.site.until_event("a converter says")
        accepted = await until_history(here, 10, "accepted")
        await here.service.reload(evolve(here.config, converters=()))
        (here.site.watch / "late.json").write_bytes(b"{}")
        await here.arrived()
        assert accepted == 10
        assert here.service.board.converters() == []
        await here.service.sync_now()
        (here.site.watch / "late.json").unlink()
    assert len(files_in(here.site.watch / "Done")) == 10


async def test_a_removed_converter_can_come_back(tmp_path: Path) -> None:
    async with plant(tmp_path) as here:
        before = here.config
        for _ in range(3):
            await here.service.reload(evolve(before, converters=()))
            here.books.drop(2)
            await here.service.reload(before)
            await here.arrived()


async def test_a_disabled_converter_takes_nothing_and_its_accepted_files_wait_for_it(
    tmp_path: Path,
) -> None:
    kind, slow = stamping(tmp_path), {"seconds": 0.3}
    async with plant(tmp_path, audited=False, type=kind, arguments=slow) as here:
        here.books.drop(3)
        await until_history(here, 3, "accepted")
        await here.site.until_event("a converter says")
        await here.service.reload(with_line(here.config, enabled=False))
        await until_history(here, 1, "suspended")  # the others are not even claimed
        here.books.drop(1)
        assert (await here.service.sync_now())["folders"] == 0
        await here.service.reload(with_line(here.config, enabled=True))
        await here.arrived()


async def test_files_accepted_from_a_former_folder_are_still_converted_and_put_away(
    tmp_path: Path,
) -> None:
    (tmp_path / "other").mkdir()
    async with plant(tmp_path, type=stamping(tmp_path), arguments={"seconds": 0.1}) as here:
        here.books.drop(8)
        await until_history(here, 8, "accepted")
        await here.service.reload(with_line(here.config, watch=tmp_path / "other"))
        more = Books(tmp_path / "other", "more")
        here.books.dropped += more.drop(3)
        await here.arrived()
    assert files_in(tmp_path / "drop") == files_in(tmp_path / "other") == {}
    done = [files_in(tmp_path / folder / "Done") for folder in ("drop", "other")]
    assert sum(map(len, done)) == 11
    assert len(done[1]) > 3


async def test_kept_files_of_a_former_folder_are_not_sent_again_when_it_comes_back(
    tmp_path: Path,
) -> None:
    (tmp_path / "other").mkdir()
    async with plant(tmp_path, audited=False, post_action="keep") as here:
        before = here.config
        here.books.drop(3)
        await here.arrived()
        await here.service.reload(with_line(before, watch=tmp_path / "other"))
        more = Books(tmp_path / "other", "more")
        more.drop(1)
        await more.until_delivered(here.server)
        await here.service.reload(before)
        here.books.drop(1)
        await here.arrived()
        assert here.server.journal.submits == 5


# The server


async def test_another_server_takes_what_waited_for_the_former_one(tmp_path: Path) -> None:
    patient = {"base_seconds": 600.0, "max_seconds": 600.0}
    async with (
        open_devserver(faults=(Fault(status=503),)) as away,
        plant(tmp_path, audited=False, retry=patient) as here,
    ):
        right = here.config
        await here.service.reload(evolve(right, server=evolve(right.server, url=away.url)))
        here.books.drop(3)
        await here.site.until_event("deliveries suspended")
        [condition] = here.service.board.held_up_by(Cause.SERVER)
        assert condition.subject == away.url
        await here.service.reload(right)
        await here.arrived()
        assert here.service.board.conditions == {}


async def test_what_a_former_server_answers_late_is_no_word_about_the_present_one(
    tmp_path: Path,
) -> None:
    async with open_devserver() as other, plant(tmp_path, audited=False) as here:
        here.server.faults.set(Fault(status=503, latency_ms=500))
        here.books.drop(1)
        await here.server.wait_until(lambda server: server.journal.submits == 1)
        config = here.config
        await here.service.reload(evolve(config, server=evolve(config.server, url=other.url)))
        await here.site.until_event("deliveries suspended")
        assert here.service.board.conditions == {}
        await here.books.until_delivered(other)
        assert here.service.state is ServiceState.RUNNING


async def test_another_token_is_used_at_once(tmp_path: Path) -> None:
    token = "bmV3OnRva2Vu"
    async with open_devserver(token=token) as strict, plant(tmp_path, audited=False) as here:
        config = here.config
        wrong = evolve(config, server=evolve(config.server, url=strict.url))
        await here.service.reload(wrong)
        here.books.drop(1)
        await here.site.until(lambda: bool(here.service.board.held_up_by(Cause.AUTH)))
        await here.service.reload(evolve(wrong, server=evolve(wrong.server, token=token)))
        await here.books.until_delivered(strict)
        assert here.service.board.held_up_by(Cause.AUTH) == []


# What is refused, and what fails


async def test_what_needs_a_restart_is_told_and_not_in_effect(tmp_path: Path) -> None:
    async with plant(tmp_path) as here:
        config = here.config
        wanted = evolve(config, instance="other", health=evolve(config.health, port=1))
        told = {"changed": [], "needs_restart": ["health.port", "instance"]}
        assert await here.service.reload(wanted) == told
        assert here.config == config
        # It is told again with the next change, for it still is not in effect.
        told = {"changed": ["converters.line-1"], "needs_restart": ["health.port", "instance"]}
        assert await here.service.reload(with_line(wanted, priority=1)) == told
        here.books.drop(1)
        await here.arrived()


async def test_a_file_that_cannot_be_used_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "station.toml"
    file.write_text("[workers]\nmax = -1\n[server]\nurll = 'x'\n")
    applied: list[Config] = []
    source = Source(file, partial(load, file), applied.append)
    async with plant(tmp_path, source=source) as here:
        before = here.config
        with pytest.raises(ConfigError) as caught:
            await here.service.reload()
        assert "workers.max" in str(caught.value)
        assert "server.urll" in str(caught.value)
        assert (here.config, applied) == (before, [])
        assert here.service.state is ServiceState.RUNNING
        here.books.drop(2)
        await here.arrived()


async def test_without_a_file_there_is_nothing_to_read_again(tmp_path: Path) -> None:
    async with plant(tmp_path) as here:
        with pytest.raises(NotReady, match="not started from a file"):
            await here.service.reload()
        assert here.service.state is ServiceState.RUNNING
        here.books.drop(1)
        await here.arrived()


def in_the_way(tmp_path: Path, generations: range = range(3, 20)) -> list[Path]:
    """Files where the next pools want to make their folders."""
    found = [tmp_path / "data" / SCRATCH / str(number) for number in generations]
    for file in found:
        file.write_text("in the way")
    return found


async def test_a_new_part_that_does_not_start_leaves_the_former_ones_at_work(
    tmp_path: Path,
) -> None:
    async with plant(tmp_path, type=stamping(tmp_path), arguments={"seconds": 0.05}) as here:
        before = here.config
        here.books.drop(10)
        await here.site.until_event("a converter says")
        files = in_the_way(tmp_path)
        for _ in range(3):
            with pytest.raises(ReloadFailed, match=r"'convert' did not start \(FileExistsError"):
                await here.service.reload(with_line(before, priority=9))
        assert here.config is before
        assert here.service.state is ServiceState.RUNNING
        assert here.service.board.conditions == {}
        here.books.drop(2)
        await here.arrived()
        for file in files:
            file.unlink()
        await here.service.reload(with_line(before, priority=1))
        here.books.drop(2)
        await here.arrived()


# At the same time


async def test_a_stop_in_the_middle_of_a_reload_is_prompt_and_loses_nothing(
    tmp_path: Path,
) -> None:
    async with plant(tmp_path, type=stamping(tmp_path), arguments={"seconds": 0.1}) as here:
        here.books.drop(5)
        await here.site.until_event("a converter says")
        async with trio.open_nursery() as nursery:
            for number in range(2, 8):
                nursery.start_soon(refused_or_done, here, with_line(here.config, priority=number))
            here.service.lifecycle.entered = lambda: here.service.stop("in the middle")
            with trio.fail_after(20):
                await here.service.wait_stopped()
        assert not here.service.forced
        again = Service(here.config)
        async with trio.open_nursery() as nursery:
            await nursery.start(again.run)
            await here.arrived()
            await again.wait_until(lambda counts: not counts.unfinished)
            again.stop()


async def refused_or_done(here: Plant, config: Config) -> None:
    with contextlib.suppress(NotReady):  # the service is stopping
        await here.service.reload(config)


@pytest.mark.parametrize("steps", range(1, 16, 2))
async def test_a_reload_that_is_cancelled_is_in_effect_as_a_whole_or_not_at_all(
    tmp_path: Path, steps: int
) -> None:
    applied: list[Config] = []
    source = Source(tmp_path / "none", lambda: make_site(tmp_path, "").config, applied.append)
    async with plant(tmp_path, source=source) as here:
        before = here.config
        wanted = with_line(before, done_dir="Other")
        here.books.drop(5)
        with trio.CancelScope() as scope:
            instrument = CancelAt(steps, scope)
            trio.lowlevel.add_instrument(instrument)
            try:
                await here.service.reload(wanted)
            finally:
                trio.lowlevel.remove_instrument(instrument)
        assert (here.config, applied) in [(wanted, [wanted]), (before, [])]
        assert here.service.state is ServiceState.RUNNING
        here.books.drop(5)
        await here.arrived()
        expected = {"changed": ["converters.line-1"], "needs_restart": []}
        last = with_line(before, done_dir="Last")
        assert await here.service.reload(last) == expected
        here.books.drop(1)
        await here.arrived()


async def test_reloads_at_once_come_one_after_the_other(tmp_path: Path) -> None:
    async with plant(tmp_path) as here:
        wanted = [with_line(here.config, priority=number) for number in range(1, 5)]
        here.books.drop(10)
        async with trio.open_nursery() as nursery:
            for config in wanted:
                nursery.start_soon(here.service.reload, config)
        assert here.config in wanted
        await here.arrived()
        changes = [event["state"] for event in here.site.events("service state")]
        assert changes[4:] == ["reloading", "running"] * (changes.count("reloading"))


async def test_a_pause_outlives_a_reload_and_new_parts_begin_paused(tmp_path: Path) -> None:
    async with plant(tmp_path) as here:
        await here.service.pause()
        here.books.drop(3)
        config = here.config
        await here.service.reload(with_line(config, priority=1))
        server = evolve(config.server, max_connections=2)
        await here.service.reload(evolve(here.config, server=server))
        assert here.service.state is ServiceState.PAUSED
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert (here.server.journal.submits, len(files_in(here.site.watch))) == (0, 3)
        await here.service.resume()
        await here.arrived()


async def test_former_parts_leave_nothing_behind(tmp_path: Path) -> None:
    async with plant(tmp_path, type=stamping(tmp_path)) as here:
        for number in range(1, 6):
            await here.service.reload(with_line(here.config, priority=number))
            here.books.drop(1)
            await here.arrived()
        await here.service.reload(with_line(here.config, priority=7))
        scratch = tmp_path / "data" / SCRATCH
        with trio.fail_after(20):
            while len(children_of(scratch)) > 1:
                await trio.lowlevel.checkpoint()


def children_of(folder: Path) -> list[Path]:
    return list(folder.iterdir())

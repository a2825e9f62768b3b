"""A stop by a signal: prompt, complete, with the right exit code. And starts that are refused."""

from __future__ import annotations

import json
import random
import signal
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio

from pywats_trio.devserver import DevServer, Fault, open_devserver
from pywats_trio.faultpoint import VARIABLE
from tests.e2e.books import Books, audit, lives
from tests.e2e.harness import daemon, write_config

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SEED = 20261124
MOMENTS = 5
ROUNDS = 4
"""So many times so many moments, each round on a folder of its own."""
LOAD = 40
NOWHERE = "http://127.0.0.1:9"
GRACE = {"grace_seconds": 1}
FORCED = 34
NOISE = 2.0
"""Seconds that a machine which is busy with other tests may add where no bound is promised."""
SIGNALS = [signal.SIGTERM, signal.SIGINT]

SLOW = """
import time
from pathlib import Path

from pywats_trio.converters import Argument, Converter, Report


class Slow(Converter):
    id = "slow"
    patterns = ("*.json",)
    arguments = {"seconds": Argument(float), "mark": Argument(str)}

    def convert(self, source, context):
        with Path(context.arguments["mark"]).open("a") as mark:
            mark.write(source.name + "\\n")
        context.logger.info("begun")
        time.sleep(context.arguments["seconds"])
        yield from Report.from_bytes(source.read_bytes())
"""
"""A converter that takes its time, and leaves a mark each time that it begins."""


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
async def test_an_idle_service_ends_by_itself(tmp_path: Path, number: signal.Signals) -> None:
    async with daemon(write_config(tmp_path, NOWHERE)) as running:
        assert await running.stop(number) == 0
        assert running.log[-1]["state"] == "stopped"
        assert running.other_output == []


@pytest.mark.parametrize("number", range(ROUNDS))
async def test_stops_under_load_lose_and_double_nothing(tmp_path: Path, number: int) -> None:
    dice = random.Random(f"{SEED} {number}")
    async with open_devserver() as server:
        config = write_config(tmp_path, server.url)
        books = Books(tmp_path / "drop")
        for moment in range(MOMENTS):
            books.drop(LOAD - len(books.missing(server)))
            async with daemon(config, ready=False) as running:
                await running.until_lines(dice.randint(1, 40))
                assert await running.stop(SIGNALS[moment % 2]) == 0
            assert {life.state for life in lives(tmp_path / "data")} <= {"PENDING", "COMPLETED"}
        async with daemon(config) as running:
            await running.until_true(partial(books.until_delivered, server))
            assert await running.stop() == 0
        await audit(books, tmp_path / "data", server, books.folder / "Done")
        assert sum(life.cut_off for life in lives(tmp_path / "data")) == 0
        assert set(server.journal.sends().values()) == {1}


def slow_config(folder: Path, url: str, seconds: float, **tables: Mapping[str, object]) -> Path:
    script = folder / "slow.py"
    script.write_text(SLOW)
    arguments = {"seconds": seconds, "mark": str(folder / "mark")}
    lines = [f"{key} = {json.dumps(value)}" for key, value in arguments.items()]
    text = "\n".join(["[converters.arguments]", *lines, ""])
    converter = {"type": f"{script}:Slow"}
    workers = {"sandbox": "basic"}  # it leaves its mark in a folder of the test's
    return write_config(folder, url, text=text, converter=converter, workers=workers, **tables)


async def test_a_conversion_in_flight_is_finished_and_not_done_again(tmp_path: Path) -> None:
    async with open_devserver() as server:
        config = slow_config(tmp_path, server.url, 2)
        books = Books(tmp_path / "drop")
        async with daemon(config) as running:
            [file] = books.drop(1)
            await running.until_event("a converter says")
            begun = trio.current_time()
            assert await running.stop() == 0
            assert trio.current_time() - begun < 2 + NOISE
            assert len(running.events("file converted")) == 1
        async with daemon(config) as running:
            await running.until_true(partial(books.until_delivered, server))
            assert await running.stop() == 0
        assert (tmp_path / "mark").read_text() == f"{file.name}\n"
        assert await audit(books, tmp_path / "data", server, books.folder / "Done") == 0


async def test_a_conversion_without_end_is_given_back_when_the_grace_is_over(
    tmp_path: Path,
) -> None:
    async with open_devserver() as server:
        config = slow_config(tmp_path, server.url, 60, shutdown=GRACE)
        books = Books(tmp_path / "drop")
        async with daemon(config) as running:
            [file] = books.drop(1)
            await running.until_event("a converter says")
            begun = trio.current_time()
            assert await running.stop() == FORCED
            assert trio.current_time() - begun < GRACE["grace_seconds"] + 1
            [sentence] = running.other_output
            assert "nothing is lost" in sentence
        [item] = lives(tmp_path / "data")
        assert (item.state, item.attempts, item.interruptions) == ("PENDING", 0, 1)
        async with daemon(slow_config(tmp_path, server.url, 0)) as running:
            await running.until_true(partial(books.until_delivered, server))
            assert await running.stop() == 0
        assert (tmp_path / "mark").read_text() == f"{file.name}\n" * 2
        assert await audit(books, tmp_path / "data", server, books.folder / "Done") == 0


async def test_a_server_that_never_answers_does_not_hold_the_stop(tmp_path: Path) -> None:
    async with open_devserver(faults=(Fault(hang=True),)) as server:
        config = write_config(tmp_path, server.url, shutdown=GRACE)
        books = Books(tmp_path / "drop")
        async with daemon(config) as running:
            books.drop(5)
            await running.until_true(partial(server.wait_until, lambda s: s.journal.hanging() > 0))
            begun = trio.current_time()
            assert await running.stop() == FORCED
            assert trio.current_time() - begun < GRACE["grace_seconds"] + 1
        reports = [life for life in lives(tmp_path / "data") if life.kind == "report"]
        assert {(life.state, life.attempts) for life in reports} == {("PENDING", 0)}
        server.faults.clear()
        async with daemon(config) as running:
            await running.until_true(partial(books.until_delivered, server))
            assert await running.stop() == 0
        assert await audit(books, tmp_path / "data", server, books.folder / "Done") > 0


async def test_a_second_signal_makes_every_deadline_one_second_and_loses_nothing(
    tmp_path: Path,
) -> None:
    async with open_devserver() as server:
        config = slow_config(tmp_path, server.url, 60)
        books = Books(tmp_path / "drop")
        async with daemon(config) as running:
            books.drop(1)
            await running.until_event("a converter says")
            running.process.send_signal(signal.SIGTERM)
            await running.until_event("draining", 2)
            begun = trio.current_time()
            assert await running.stop() == FORCED
            assert 1 <= trio.current_time() - begun < 1 + NOISE
        await given_back_and_delivered(tmp_path, books, server)


async def test_a_third_signal_ends_at_once_and_loses_nothing(tmp_path: Path) -> None:
    async with open_devserver() as server:
        config = slow_config(tmp_path, server.url, 60)
        books = Books(tmp_path / "drop")
        async with daemon(config) as running:
            books.drop(1)
            await running.until_event("a converter says")
            running.process.send_signal(signal.SIGTERM)
            await running.until_event("draining", 2)
            running.process.send_signal(signal.SIGINT)
            await running.until_event("hurrying")
            begun = trio.current_time()
            assert await running.stop() == FORCED
            # Sooner than by the second one; what it had in hand is found by the next start.
            assert trio.current_time() - begun < 1
        [item] = lives(tmp_path / "data")
        assert (item.state, item.attempts, item.interruptions) == ("PROCESSING", 0, 0)
        async with daemon(slow_config(tmp_path, NOWHERE, 60), ready=False) as running:
            await running.until_event("a converter says")
            running.kill()
            await running.end()
        await given_back_and_delivered(tmp_path, books, server, interruptions=1)


async def given_back_and_delivered(
    folder: Path, books: Books, server: DevServer, *, interruptions: int = 1
) -> None:
    """One start more delivers what a forced stop left behind."""
    async with daemon(slow_config(folder, server.url, 0)) as running:
        await running.until_true(partial(books.until_delivered, server))
        assert await running.stop() == 0
    assert await audit(books, folder / "data", server, books.folder / "Done") == 0


# Starts that are refused


async def test_a_second_service_on_the_same_folder_is_refused_and_the_first_goes_on(
    tmp_path: Path,
) -> None:
    async with open_devserver() as server:
        config = write_config(tmp_path, server.url)
        books = Books(tmp_path / "drop")
        async with daemon(config) as first:
            async with daemon(config, ready=False) as second:
                assert await second.end() == 30
                [sentence] = second.other_output
                assert "already running" in sentence
                assert str(first.process.pid) in sentence
            books.drop(1)
            await first.until_true(partial(books.until_delivered, server))
            assert await first.stop() == 0
        assert await audit(books, tmp_path / "data", server, books.folder / "Done") == 0


async def test_a_configuration_with_an_error_is_refused_with_its_line(tmp_path: Path) -> None:
    config = write_config(tmp_path, NOWHERE, queue={"max_itemz": 5})
    line = 1 + config.read_text().splitlines().index("max_itemz = 5")
    async with daemon(config, ready=False) as running:
        assert await running.end() == 20
        [sentence] = running.other_output
    assert f"{config}:{line}" in sentence
    assert "max_items" in sentence


async def test_a_data_folder_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    config = write_config(tmp_path, NOWHERE)
    (tmp_path / "data").write_text("a file lies in the way")
    async with daemon(config, ready=False) as running:
        assert await running.end() == 30
        assert str(tmp_path / "data") in "".join(running.other_output)


async def test_a_queue_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    config = write_config(tmp_path, NOWHERE)
    first_commit = {VARIABLE: "store.before_commit=raise@1"}
    async with daemon(config, environment=first_commit, ready=False) as running:
        assert await running.end() == 30
        [sentence] = running.other_output
    assert sentence.startswith(f"{tmp_path / 'data'}: the queue cannot be written (")

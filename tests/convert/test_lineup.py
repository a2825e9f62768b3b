"""Which state of a converter's code is in use: read once, in threads, and replaced by `adopt`."""

from __future__ import annotations

import fcntl
import os
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio

from pywats_trio.config.options import Config, ConverterOptions, StationOptions
from pywats_trio.convert import lineup as module
from pywats_trio.convert.lineup import Edition, Lineup, Refusal, Renewals
from pywats_trio.convert.outages import Outages
from pywats_trio.converters.registry import parse, pinned
from pywats_trio.errors import ConfigError
from pywats_trio.model import Identity
from pywats_trio.observe.board import Board, Cause

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

IDENTITY = Identity(1, 2, 3, 4)
REFUSED = Refusal("abc", "it is wrong", "", 7.0)


def write(file: Path, text: str) -> None:
    file.write_text(text)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "made.py"
    path.write_text("one")
    return path


def options(file: Path, name: str = "line", **changes: object) -> ConverterOptions:
    values = {"name": name, "type": f"{file}:Made", "watch": file.parent, **changes}
    return ConverterOptions(**values)  # type: ignore[arg-type] # by name


def lineup_of(*converters: ConverterOptions, board: Board | None = None) -> Lineup:
    outages = Outages(board or Board())
    outages.show(one.name for one in converters)
    return Lineup(Config(converters=converters, station=StationOptions(name="S1")), outages)


@asynccontextmanager
async def running(lineup: Lineup) -> AsyncIterator[Lineup]:
    async with trio.open_nursery() as nursery:
        await nursery.start(lineup.run)
        yield lineup
        nursery.cancel_scope.cancel()


async def test_what_is_read_at_the_start_stays_in_use(file: Path) -> None:
    async with running(lineup_of(options(file))) as lineup:
        line = lineup.get("line")
        assert line is not None
        assert line.spec.code == b"one"
        write(file, "two")
        assert (await lineup.found(options(file))).spec.code == b"one"
        assert (await lineup.read(options(file))).code == b"two"
    async with running(lineup):  # its part failed and is started again
        assert lineup.get("line") is line


async def test_one_that_cannot_be_read_holds_up_no_other_and_is_told(file: Path) -> None:
    board = Board()
    lost = options(file.with_name("lost.py"), "lost")
    async with running(lineup_of(lost, options(file), board=board)) as lineup:
        assert lineup.get("lost") is None
        assert lineup.get("line") is not None
        [condition] = board.held_up_by(Cause.CONVERTER)
        assert (condition.subject, "does not exist" in condition.message) == ("lost", True)
        with pytest.raises(ConfigError, match="does not exist"):
            await lineup.found(lost)
        write(file.with_name("lost.py"), "found")
        assert (await lineup.found(lost)).spec.code == b"found"
        assert board.conditions == {}


@pytest.mark.skipif(not hasattr(fcntl, "F_SETLEASE"), reason="no leases here")
async def test_a_file_that_hangs_stops_nothing_and_comes_into_use_when_it_answers(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever opens a file with a lease of another kind waits until that is given back."""
    monkeypatch.setattr(module, "READ_SECONDS", 0.05)
    board = Board()
    slow = file.with_name("slow.py")
    write(slow, "slow")
    holder = os.open(slow, os.O_RDWR)
    fcntl.fcntl(holder, fcntl.F_SETSIG, signal.SIGURG)
    fcntl.fcntl(holder, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    try:
        lineup = lineup_of(options(slow, "slow"), options(file), board=board)
        async with running(lineup):
            assert (lineup.get("slow"), lineup.get("line") is None) == (None, False)
            assert "cannot be read yet" in board.held_up_by(Cause.CONVERTER)[0].message
            fcntl.fcntl(holder, fcntl.F_SETLEASE, fcntl.F_UNLCK)
            with trio.fail_after(10):
                while board.conditions:
                    await trio.lowlevel.checkpoint()
            line = lineup.get("slow")
            assert line is not None
            assert line.spec.code == b"slow"
    finally:
        os.close(holder)


async def test_the_next_jobs_run_what_was_adopted(file: Path) -> None:
    async with running(lineup_of(options(file))) as lineup:
        before = lineup.get("line")
        assert before is not None
        before.used("1", 42.0)
        write(file, "two")
        spec = pinned(parse(options(file).type))
        lineup.adopt(Renewals(refused={"line": REFUSED}))
        assert (lineup.get("line"), lineup.refused) == (before, {"line": REFUSED})
        lineup.adopt(Renewals({"line": Edition(spec, "2"), "gone": Edition(spec)}))
        line = lineup.get("line")
        assert line is not None
        assert (line.spec.code, line.version, line.last_used) == (b"two", "2", 42.0)
        request = line.requests.convert("/in/a", IDENTITY)
        assert request["where"]["revision"] == spec.revision
        assert (before.spec.code, lineup.get("gone"), lineup.refused) == (b"one", None, {})


async def test_a_job_tells_the_version_and_one_that_told_none_changes_nothing(file: Path) -> None:
    async with running(lineup_of(options(file))) as lineup:
        line = lineup.get("line")
        assert line is not None
        line.used("1", 1.0)
        line.used("", 2.0)
        assert (line.version, line.last_used) == ("1", 2.0)


async def test_another_configuration_goes_on_with_the_code_in_use(file: Path) -> None:
    async with running(lineup_of(options(file), options(file, "other"))) as former:
        former.adopt(Renewals(refused={"line": REFUSED}))
        write(file, "two")
    other = options(file, "other", type="wats-json")
    lineup = lineup_of(options(file, arguments={"a": 1}), other, options(file, "third"))
    lineup.follow(former, Renewals())
    async with running(lineup):
        lines = {name: lineup.get(name) for name in ("line", "other", "third")}
        assert [line and line.spec.code for line in lines.values()] == [b"one", b"", b"two"]
        assert lines["line"] is not None
        request = lines["line"].requests.convert("/in/a", IDENTITY)
        assert request["arguments"] == {"a": 1}
        assert lineup.refused == {"line": REFUSED}


def test_why_one_is_absent(file: Path) -> None:
    lineup = lineup_of(options(file, enabled=False))
    assert "converters enable line" in lineup.why_absent("line").hint
    assert "is not enabled" in lineup.why_absent("line").message
    assert "not in the configuration" in lineup.why_absent("nobody").message

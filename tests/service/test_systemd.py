"""What systemd is told, read from a socket as systemd has one."""

from __future__ import annotations

import configparser
import contextlib
import math
import os
import re
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import pytest
from attrs import define

from pywats_trio.config.load import load
from pywats_trio.control import ServiceState as State
from pywats_trio.model import Counts, Kind
from pywats_trio.model import State as ItemState
from pywats_trio.observe.board import Board, Cause
from pywats_trio.service.lifecycle import Lifecycle
from pywats_trio.service.systemd import (
    EXTEND_AFTER,
    LONGEST_STATUS,
    MOST_UNSENT,
    Notifier,
    Systemd,
)
from tests.service.notify_socket import NotifySocket, notify_socket

if TYPE_CHECKING:
    from collections.abc import Iterator

READY: Final = f"READY=1\nMAINPID={os.getpid()}"
STARTING: Final = (State.VALIDATING, State.RECOVERING, State.STARTING)


@define
class Clock:
    """Seconds, moved by hand."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


class Told:
    """A life cycle whose notifier speaks to a socket of ours."""

    def __init__(self, listening: NotifySocket, watchdog_seconds: float = math.inf) -> None:
        self.listening = listening
        self.clock = Clock()
        self.board = Board()
        self.lifecycle = Lifecycle(self.board)
        self.systemd = Systemd(listening.address, watchdog_seconds)
        self.notifier = Notifier(self.systemd, self.board, self.clock)
        self.lifecycle.entered = self.notifier.tell

    def enter(self, *states: State) -> list[str]:
        """The messages of these changes, without the status lines."""
        for state in states:
            self.lifecycle.enter(state, "a test")
        return self.heard()

    def heard(self) -> list[str]:
        """The messages since the last look, without the status lines."""
        return [message for message in self.listening.messages() if "STATUS" not in message]

    def status(self) -> str:
        """The last status line."""
        lines = [message for message in self.listening.messages() if "STATUS" in message]
        return lines[-1].removeprefix("STATUS=") if lines else ""

    def pings(self, pulses: int, seconds: float) -> int:
        """How many come of so many pulses, so far apart."""
        heard = []
        for _ in range(pulses):
            self.clock.now += seconds
            self.notifier.pulse()
            heard += self.heard()
        return heard.count("WATCHDOG=1")


@pytest.fixture(params=["path", "abstract"])
def listening(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NotifySocket]:
    name = f"@pywats-trio-{uuid4()}" if request.param == "abstract" else str(tmp_path / "notify")
    with notify_socket(name) as bound:
        yield bound


# What the environment says


def test_the_variables_are_read_and_removed() -> None:
    environ = {
        "NOTIFY_SOCKET": "/run/systemd/notify",
        "WATCHDOG_USEC": "30000000",
        "WATCHDOG_PID": str(os.getpid()),
        "HOME": "/",
    }
    assert Systemd.take(environ) == Systemd("/run/systemd/notify", 30)
    assert environ == {"HOME": "/"}


def test_without_the_variables_nobody_is_told_anything() -> None:
    assert Systemd.take({}) == Systemd()
    board = Board()
    notifier = Notifier(Systemd(), board)
    notifier.tell()
    notifier.pulse()


@pytest.mark.parametrize("address", ["", "notify", "vsock:2:1234"])
def test_an_address_of_another_kind_is_nobodys(address: str) -> None:
    assert Systemd.take({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1"}) == Systemd()


@pytest.mark.parametrize(
    ("variables", "seconds"),
    [
        ({"WATCHDOG_USEC": "1"}, 1e-6),
        ({"WATCHDOG_USEC": "0"}, math.inf),
        ({"WATCHDOG_USEC": "-1"}, math.inf),
        ({"WATCHDOG_USEC": "soon"}, math.inf),
        ({"WATCHDOG_USEC": ""}, math.inf),
        ({}, math.inf),
        ({"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": str(os.getpid())}, 2.0),
        ({"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": str(os.getppid())}, math.inf),
    ],
)
def test_the_watchdog_is_obeyed_only_if_it_watches_this_process(
    variables: dict[str, str], seconds: float
) -> None:
    found = Systemd.take({"NOTIFY_SOCKET": "@x", **variables})
    assert found == Systemd("@x", seconds)


# Phases


@pytest.mark.parametrize("up", [State.RUNNING, State.DEGRADED, State.PAUSED])
def test_it_is_ready_exactly_when_it_is_up(listening: NotifySocket, up: State) -> None:
    told = Told(listening)
    assert told.enter(*STARTING) == []
    assert told.enter(up) == [READY]


def test_changes_while_it_is_up_are_no_news_but_a_reload_is(listening: NotifySocket) -> None:
    told = Told(listening)
    told.enter(*STARTING, State.RUNNING)
    assert told.enter(State.DEGRADED, State.PAUSED, State.RUNNING) == []
    told.clock.now = 12.5
    assert told.enter(State.RELOADING) == ["RELOADING=1\nMONOTONIC_USEC=12500000"]
    assert told.enter(State.DEGRADED) == [READY]


@pytest.mark.parametrize("before", [STARTING[:1], STARTING, (*STARTING, State.RUNNING)])
def test_it_is_stopping_as_soon_as_it_drains_and_only_once(
    listening: NotifySocket, before: tuple[State, ...]
) -> None:
    told = Told(listening)
    told.enter(*before)
    assert told.enter(State.DRAINING) == ["STOPPING=1"]
    assert told.enter(State.FAILED) == []


def test_a_failure_is_an_end_too(listening: NotifySocket) -> None:
    told = Told(listening)
    assert told.enter(*STARTING, State.FAILED) == ["STOPPING=1"]


# The status line


def test_the_status_says_the_state_its_cause_and_what_is_in_hand(listening: NotifySocket) -> None:
    told = Told(listening)
    counts = {(Kind.FILE, ItemState.PENDING): 2, (Kind.FILE, ItemState.PROCESSING): 1}
    counts |= {(Kind.REPORT, ItemState.SUSPENDED): 5, (Kind.REPORT, ItemState.COMPLETED): 70}
    told.board.counts = lambda: Counts(counts)
    told.board.waiting_for = lambda: ("1 conversions",)
    told.enter(*STARTING, State.RUNNING)
    told.lifecycle.enter(State.DRAINING, "SIGTERM")
    assert told.status() == (
        "draining: SIGTERM; waiting for 1 conversions; 3 files, 5 reports in hand"
    )


def test_a_status_that_did_not_change_is_not_told_again(listening: NotifySocket) -> None:
    told = Told(listening)
    told.enter(*STARTING, State.RUNNING)
    told.notifier.pulse()
    assert listening.messages() == []
    told.board.counts = lambda: Counts({(Kind.FILE, ItemState.PENDING): 1})
    told.notifier.pulse()
    assert told.status() == "running: a test; 1 files, 0 reports in hand"


def test_a_status_is_one_line_and_short_whatever_the_cause_says(listening: NotifySocket) -> None:
    told = Told(listening)
    told.enter(*STARTING, State.RUNNING)
    told.board.begin(Cause.SERVER, "x", "no\nREADY=1\n" + 1000 * "x")
    [message] = listening.messages()
    assert message.startswith(r"STATUS=degraded: no\nREADY=1\n")
    assert "\n" not in message
    assert LONGEST_STATUS < len(message) < 2 * LONGEST_STATUS


# The watchdog


def test_a_watchdog_is_pinged_no_later_than_after_half_of_its_time(
    listening: NotifySocket,
) -> None:
    told = Told(listening, 30)
    assert told.systemd.tick_seconds == 1
    assert told.pings(1, 0) == 1
    assert told.pings(14, 1) == 0
    assert told.pings(1, 1) == 1
    assert told.pings(300, 1) == 300 // 15


@pytest.mark.parametrize("seconds", [0.3, 1.9, 2, 2.1, 3, 5, 7.3, 30])
def test_no_two_pings_are_further_apart_than_half_of_the_watchdogs_time(
    listening: NotifySocket, seconds: float
) -> None:
    told = Told(listening, seconds)
    tick = told.systemd.tick_seconds
    pinged = [told.clock.now for _ in range(100) if told.pings(1, tick)]
    gaps = [later - before for before, later in pairwise(pinged)]
    assert gaps
    assert max(gaps) <= seconds / 2 + 1e-9


def test_a_short_watchdog_makes_the_pulses_quicker(listening: NotifySocket) -> None:
    told = Told(listening, 0.5)
    assert told.systemd.tick_seconds == 0.25
    assert told.pings(8, 0.25) == 8


def test_without_a_pulse_no_ping_comes_whatever_else_is_told(listening: NotifySocket) -> None:
    told = Told(listening, 2)
    told.clock.now += 60
    assert "WATCHDOG=1" not in told.enter(*STARTING, State.RUNNING, State.DRAINING)
    assert told.pings(1, 0) == 1


def test_without_a_watchdog_nobody_is_pinged(listening: NotifySocket) -> None:
    assert Told(listening).pings(100, 1) == 0


# A long start


def test_a_long_start_asks_for_more_time_and_a_service_that_is_up_does_not(
    listening: NotifySocket,
) -> None:
    told = Told(listening)
    told.enter(State.VALIDATING)
    told.clock.now += EXTEND_AFTER - 0.001
    told.notifier.pulse()
    assert told.heard() == []
    told.clock.now += 0.001
    told.notifier.pulse()
    assert told.heard() == ["EXTEND_TIMEOUT_USEC=30000000"]
    told.enter(*STARTING[1:], State.RUNNING)
    told.notifier.pulse()
    assert told.heard() == []


# A socket that is away or full


def test_a_socket_that_is_away_is_told_when_it_is_back(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with notify_socket(address) as listening:
        told = Told(listening)
        told.enter(*STARTING)
    os.unlink(address)  # noqa: PTH108
    told.lifecycle.enter(State.RUNNING, "a test")
    for _ in range(3 * MOST_UNSENT):
        told.notifier.pulse()
    with notify_socket(address) as told.listening:
        told.notifier.pulse()
        assert told.listening.messages() == [
            READY,
            "STATUS=running: a test; 0 files, 0 reports in hand",
        ]


def fill(systemd: Systemd) -> None:
    """Send until the socket takes no more."""
    with contextlib.suppress(BlockingIOError):
        while True:
            systemd.send("X=1")


def test_a_full_socket_costs_nothing_and_loses_no_phase(listening: NotifySocket) -> None:
    told = Told(listening, 2)
    told.enter(*STARTING)
    fill(told.systemd)
    told.lifecycle.enter(State.RUNNING, "a test")
    told.notifier.pulse()
    told.lifecycle.enter(State.DRAINING, "a test")
    assert set(told.heard()) == {"X=1"}
    told.notifier.pulse()
    phases = [message for message in told.heard() if message != "WATCHDOG=1"]
    assert phases == [READY, "STOPPING=1"]


# The units of docs/how-to/systemd.md

PAGE: Final = Path(__file__).parents[2] / "docs" / "how-to" / "systemd.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def test_the_unit_and_the_configuration_beside_it_name_the_same_places(tmp_path: Path) -> None:
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]  # the documented way
    unit.read_string(blocks("ini")[0])
    service = unit["Service"]
    file = tmp_path / "config.toml"
    file.write_text(blocks("toml")[0])
    config = load(file, environ={})
    assert config.data_dir == Path("/var/lib", service["StateDirectory"])
    assert config.socket.parent == Path("/run", service["RuntimeDirectory"])
    assert config.converters[0].watch.is_relative_to(service["ReadWritePaths"])
    assert int(service["TimeoutStopSec"]) > config.shutdown.grace_seconds + 1
    assert service["Type"] == "notify"
    assert service["Environment"].startswith("PYWATS_TRIO__SERVER__TOKEN_FILE=%d/")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_has_nothing_to_say_about_the_units(tmp_path: Path) -> None:
    for number, text in enumerate(blocks("ini")):
        unit = tmp_path / f"unit-{number}.service"
        program = re.compile(r"(/opt/pywats-trio|%h/\.local)/bin/pywats-trio")
        unit.write_text(program.sub(shutil.which("true") or "", text))
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", str(unit)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")

"""The worker process by itself: its lifeline, its limits, its end."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pywats_trio.convert.command import Boot, environment, module_path
from pywats_trio.convert.command import worker as command
from pywats_trio.worker.frames import FrameDecoder
from pywats_trio.worker.limits import SIGNALS, THREADS, Limits

if TYPE_CHECKING:
    from collections.abc import Iterator

MIB = 1 << 20


def boot(scratch: Path, limits: Limits | None) -> Boot:
    return Boot(
        limits=limits,
        boxed=False,
        max_body=MIB,
        scratch=str(scratch),
        path=module_path(shared=True),
        readable=[],
        writable=[],
    )


class Started:
    """A worker and the other ends of what it holds."""

    def __init__(self, scratch: Path, limits: Limits | None) -> None:
        self.socket, theirs = socket.socketpair()
        lifeline, self.held = os.pipe()
        self.process = subprocess.Popen(
            command(boot(scratch, limits), theirs.fileno(), lifeline),
            stdin=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(), lifeline),
            env=environment(str(scratch), "cookie"),
            start_new_session=True,
        )
        theirs.close()
        os.close(lifeline)
        self.decoder = FrameDecoder()

    def frame(self) -> dict[str, Any]:
        """The header of the next frame."""
        while (frame := self.decoder.next_frame()) is None:
            data = self.socket.recv(65_536)
            assert data, "the worker ended"
            self.decoder.feed(data)
        return frame.header

    def close(self) -> None:
        self.socket.close()
        if self.held >= 0:
            os.close(self.held)
        self.process.kill()
        self.process.wait()


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Started]:
    started = Started(tmp_path, Limits(memory_bytes=256 * MIB, cpu_seconds=5))
    yield started
    started.close()


def test_it_is_ready_without_being_asked(worker: Started) -> None:
    assert worker.frame() == {"job": 0, "kind": "ready"}


def test_it_ends_by_itself_when_the_service_hangs_up(worker: Started) -> None:
    worker.frame()
    worker.socket.close()
    assert worker.process.wait(timeout=10) == 0


def test_it_is_killed_when_its_lifeline_ends(worker: Started) -> None:
    worker.frame()
    os.close(worker.held)
    worker.held = -1
    assert worker.process.wait(timeout=10) == -9


def test_it_is_killed_when_the_lifeline_ended_before_it_looked(tmp_path: Path) -> None:
    started = Started(tmp_path, None)
    os.close(started.held)
    started.held = -1
    assert started.process.wait(timeout=10) == -9
    started.close()


def test_a_malformed_job_ends_it(worker: Started) -> None:
    worker.frame()
    worker.socket.sendall(b"\xff" * 8)
    assert worker.process.wait(timeout=10) == 71


def test_limits_are_hard_and_the_core_is_not_dumped(worker: Started) -> None:
    worker.frame()
    pid = worker.process.pid
    assert resource.prlimit(pid, resource.RLIMIT_AS) == (256 * MIB, 256 * MIB)
    assert resource.prlimit(pid, resource.RLIMIT_FSIZE) == (64 * MIB, 64 * MIB)
    assert resource.prlimit(pid, resource.RLIMIT_NOFILE) == (256, 256)
    assert resource.prlimit(pid, resource.RLIMIT_CORE) == (0, 0)
    for none in (resource.RLIMIT_RTPRIO, resource.RLIMIT_NICE, resource.RLIMIT_MEMLOCK):
        assert resource.prlimit(pid, none) == (0, 0)
    assert resource.prlimit(pid, resource.RLIMIT_SIGPENDING) == (SIGNALS, SIGNALS)


def test_threads_are_bounded_by_what_the_machine_has(worker: Started) -> None:
    worker.frame()
    soft, hard = resource.prlimit(worker.process.pid, resource.RLIMIT_NPROC)
    now = int(Path("/proc/loadavg").read_text().split()[3].partition("/")[2])
    assert soft == hard
    assert THREADS < soft < now + 3 * THREADS


def test_a_standard_worker_finds_only_the_package_and_what_it_needs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "path", [*sys.path, "/somewhere"])
    assert "/somewhere" not in module_path(shared=True)
    assert "/somewhere" in module_path(shared=False)
    assert "coverage" not in command(boot(tmp_path, None), 3, 4)[-2]


def test_coverage_is_carried_on_while_it_measures(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COVERAGE_PROCESS_START", "/x.toml")
    assert "process_startup" in command(boot(tmp_path, None), 3, 4)[-2]
    assert environment(str(tmp_path), "c")["COVERAGE_PROCESS_START"] == "/x.toml"

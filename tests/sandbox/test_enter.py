"""The way in: what it needs, what it keeps, what it refuses."""

from __future__ import annotations

import os

import pytest

from tests.sandbox.children import USERS, kernel_layers, run

pytestmark = kernel_layers

SELF = os.geteuid()


def inside(code: str) -> str:
    """What `code` prints; it enters by itself."""
    head = "import os, sys\nfrom pywats_trio.sandbox.enter import enter, prepare\n"
    tail = "\nfrom pywats_trio.sandbox.kernel import SandboxError\n"
    return run(head + tail + code, user=SELF)


def test_a_process_of_two_threads_is_refused_before_anything_changes() -> None:
    said = inside("""
import threading
stop = threading.Event()
other = threading.Thread(target=stop.wait)
other.start()
try:
    enter([], [])
except SandboxError as error:
    print(error)
stop.set()
other.join()
os.listdir("/")
print([line for line in open("/proc/self/status") if line.startswith(("NoNewPrivs", "Seccomp:"))])
""")
    assert said.splitlines() == [
        "a process of 2 threads cannot be shut in, only one of one",
        "['NoNewPrivs:\\t0\\n', 'Seccomp:\\t0\\n']",
    ]


def test_there_is_no_second_time_and_no_way_out() -> None:
    said = inside("""
enter([], [])
try:
    enter(["/"], ["/"])
except SandboxError as error:
    print(error)
try:
    os.listdir("/")
except PermissionError:
    print("still in")
""")
    assert "the kernel refuses to shut this process in" in said
    assert said.endswith("still in\n")


def test_threads_that_start_later_are_in_it_too() -> None:
    said = inside("""
import threading
enter([], [])
def attack():
    try:
        os.listdir("/")
    except PermissionError:
        print("stopped")
other = threading.Thread(target=attack)
other.start()
other.join()
""")
    assert said == "stopped\n"


def test_what_was_open_stays_open_and_readable_is_not_writable(tmp_path: object) -> None:
    said = inside(f"""
folder = {str(tmp_path)!r}
for name in ("r", "w"):
    os.mkdir(f"{{folder}}/{{name}}")
held = open(f"{{folder}}/held", "w+")
file = f"{{folder}}/r/file"
open(file, "w").close()
enter([f"{{folder}}/r", file, f"{{folder}}/no-such"], [f"{{folder}}/w"])
held.write("x")
open(file).close()
for attempt in (
    lambda: open(file, "w"),
    lambda: open(file, "a"),
    lambda: open(f"{{folder}}/r/new", "w"),
    lambda: os.unlink(file),
    lambda: os.rename(file, f"{{folder}}/w/file"),
    lambda: os.truncate(file, 0),
    lambda: open(f"{{folder}}/held"),
):
    try:
        attempt()
    except OSError as error:
        print(error.strerror)
""")
    assert said.splitlines() == ["Permission denied"] * 7


def test_a_single_file_can_be_granted_for_writing(tmp_path: object) -> None:
    said = inside(f"""
file = {str(tmp_path)!r} + "/file"
open(file, "w").close()
enter([], [file])
with open(file, "w") as opened:
    opened.write("x")
print(open(file).read())
""")
    assert said == "x\n"


@pytest.mark.parametrize("user", USERS, ids="user {}".format)
def test_a_lifeline_still_kills(user: int) -> None:
    # As the worker does it: the end of the pipe that the parent holds closes, the kernel kills.
    said = run(
        f"""
import fcntl, os, signal
from pywats_trio.sandbox.enter import enter
from tests.sandbox.attacks import become
become({user})
reading, writing = os.pipe()
told, tell = os.pipe()
pid = os.fork()
if pid == 0:
    os.setsid()
    os.dup2(tell, 1)
    os.close(writing)
    fcntl.fcntl(reading, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(reading, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(reading, fcntl.F_SETFL, fcntl.fcntl(reading, fcntl.F_GETFL) | os.O_ASYNC)
    enter([], [], lifeline=reading)
    for disarm in (
        lambda: os.close(reading),
        lambda: os.closerange(3, 64),
        lambda: os.dup2(0, reading),
        lambda: fcntl.fcntl(os.dup(reading), fcntl.F_SETFL, 0),
        lambda: fcntl.fcntl(os.dup2(reading, 50), fcntl.F_SETFL, 0),
        lambda: fcntl.fcntl(fcntl.fcntl(reading, fcntl.F_DUPFD, 50), fcntl.F_SETFL, 0),
        lambda: fcntl.fcntl(reading, fcntl.F_SETFL, 0),
        lambda: fcntl.fcntl(reading, fcntl.F_SETOWN, 0),
        lambda: fcntl.ioctl(reading, 0x5452, b"\\0\\0\\0\\0"),
    ):
        try:
            disarm()
        except OSError:
            pass
    os.write(1, b"tried all")
    signal.pause()
os.close(tell)
os.close(reading)
print(os.read(told, 100).decode())
os.close(writing)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
""",
        user=user,
    )
    assert said == "tried all\n-9\n"


def test_what_was_prepared_is_used_after_a_fork() -> None:
    said = inside("""
prepare()
from pywats_trio.sandbox import seccomp
before = seccomp.program.cache_info().misses
if os.fork() == 0:
    enter([], [])
    print(seccomp.program.cache_info().misses - before, flush=True)
    try:
        os.kill(os.getpid(), 0)
        os.kill(os.getppid(), 0)
    except PermissionError:
        print("own number", flush=True)
    os._exit(0)
os.wait()
""")
    assert said == "0\nown number\n"


def test_a_process_that_cannot_count_its_threads_is_refused() -> None:
    said = inside("""
from unittest import mock
with mock.patch("os.listdir", side_effect=FileNotFoundError(2, "No such file")):
    try:
        enter([], [])
    except SandboxError as error:
        print(error)
""")
    assert said.startswith("threads cannot be counted")

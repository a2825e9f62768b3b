"""Staying when its job is over, or going in the middle of it."""

# ruff: noqa: PTH101, PTH102, PTH103, PTH123, PTH211, TID251
from __future__ import annotations

import contextlib
import ctypes
import fcntl
import itertools
import os
import signal
import socket
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from tests.attacks.tricks.ground import FOREVER, frame

if TYPE_CHECKING:
    from tests.attacks.tricks.ground import Ground

REJECTED: Final = {"kind": "rejected", "why": "forged", "hint": "", "size": 6, "mtime_ns": 0}


def exit_at_once(_ground: Ground) -> None:
    """end its process (os._exit)"""
    os._exit(7)


def crash(_ground: Ground) -> None:
    """read where nothing is, through ctypes"""
    ctypes.string_at(0)


def kill_itself(_ground: Ground) -> None:
    """kill itself"""
    os.kill(os.getpid(), signal.SIGKILL)


def leave_a_thread(_ground: Ground) -> None:
    """leave a thread behind"""
    threading.Thread(target=time.sleep, args=(FOREVER,)).start()


def leave_a_child(_ground: Ground) -> None:
    """leave a child process behind"""
    if os.fork() == 0:
        time.sleep(FOREVER)


def leave_a_daemon(_ground: Ground) -> None:
    """leave its session, as daemons do"""
    os.setsid()


def forge_the_next_answer(_ground: Ground) -> None:
    """replace the worker's own code, so that the next file's answer is forged"""
    from pywats_trio.worker import main

    def forged(*_arguments: Any) -> dict[str, Any]:
        return REJECTED

    vars(main)["convert"] = forged


def go_on_after_its_answer(ground: Ground) -> None:
    """answer in the worker's place, and go on writing files while it is thought to be idle"""
    ground.job().sendall(frame({"job": ground.number, **REJECTED}))
    for number in itertools.count():
        with open(str(number), "wb") as file:
            file.write(b"x" * 4096)
        time.sleep(0.01)


def close_its_folder(ground: Ground) -> None:
    """take away all rights of its scratch folder and of folders in it"""
    os.mkdir("closed", 0)
    os.mkdir("unlistable", 0o300)
    with open("unlistable/file", "w"):
        pass
    os.chmod(ground.scratch, 0)


def leave_links_out(ground: Ground) -> None:
    """leave symbolic links out of its scratch folder for the clean-up to follow"""
    os.makedirs("a/b")
    for number, target in enumerate((ground.outside, ground.token, "/", "..", "../..")):
        os.symlink(target, str(number))
        os.symlink(target, f"a/b/{number}")


def hold_the_lifeline(ground: Ground) -> None:
    """open the other end of its lifeline, to outlive the service"""
    for number in ground.channels()[1:]:
        os.close(os.open(f"/proc/self/fd/{number}", os.O_WRONLY))


def silence_the_lifeline(ground: Ground) -> None:
    """silence its lifeline by a copy of it"""
    for number in ground.channels()[1:]:
        copy = ground.raw(32 if os.uname().machine == "x86_64" else 23, number)  # dup(2)
        fcntl.fcntl(copy, fcntl.F_SETFL, 0)


def close_the_lifeline(ground: Ground) -> None:
    """close its lifeline"""
    for number in ground.channels()[1:]:
        os.close(number)


def read_the_lifeline(ground: Ground) -> None:
    """read from its lifeline all the time, so that no signal tells it of the end"""
    lifeline = socket.socket(fileno=ground.channels()[1])
    threading.Thread(target=lambda: [lifeline.recv(1) for _ in itertools.count()]).start()
    _begin()


def fight_for_life(ground: Ground) -> None:
    """try everything at once to outlive the service"""
    number = ground.channels()[1]
    for attempt in (
        lambda: os.open(f"/proc/self/fd/{number}", os.O_RDWR),
        lambda: fcntl.fcntl(os.dup(number), fcntl.F_SETFL, 0),
        lambda: fcntl.fcntl(ctypes.CDLL(None).dup(number), fcntl.F_SETFL, 0),
        lambda: fcntl.fcntl(os.dup2(number, 99), fcntl.F_SETFL, 0),
        lambda: fcntl.fcntl(fcntl.fcntl(number, fcntl.F_DUPFD, 99), fcntl.F_SETFL, 0),
        lambda: fcntl.fcntl(number, fcntl.F_SETOWN, 0),
        lambda: os.close(number),
        os.setsid,
        lambda: socket.socket(fileno=number).shutdown(socket.SHUT_RDWR),
    ):
        with contextlib.suppress(OSError, ValueError):
            attempt()
    for one in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(one, signal.SIG_IGN)
    _begin()


def _begin() -> None:
    """Tell the test, and stay."""
    with open("begun", "w"):
        pass
    time.sleep(FOREVER)


def sync_the_disks(ground: Ground) -> None:
    """have the machine write out everything it holds (syncfs)"""
    ground.raw(306 if os.uname().machine == "x86_64" else 267, ground.descriptor())

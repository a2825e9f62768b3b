"""Taking more than its share: processes, time, memory, disk, descriptors, output."""

# An attacker takes the short way.
# ruff: noqa: BLE001, PTH102, PTH108, PTH123, TID251
from __future__ import annotations

import ctypes
import itertools
import mmap
import os
import resource
import signal
import sys
import time
from typing import TYPE_CHECKING, Final

from tests.attacks.tricks.ground import FOREVER

if TYPE_CHECKING:
    from tests.attacks.tricks.ground import Ground

MIB: Final = 1 << 20
MANY: Final = 50
"""MiB, of which the pools of these tests allow a tenth."""
PR_SET_DUMPABLE: Final = 4
_CLONE: Final = 56 if os.uname().machine == "x86_64" else 220


# Processes and threads


def fork(_ground: Ground) -> None:
    """fork"""
    if os.fork() == 0:
        os._exit(0)
    os.wait()


def fork_without_end(_ground: Ground) -> None:
    """fork without end"""
    while True:
        os.fork()


def fork_by_number(ground: Ground) -> None:
    """fork by the bare system call that libc tries first (clone3)"""
    if ground.raw(435, 0, 0) == 0:
        os._exit(0)


def start_threads(_ground: Ground) -> None:
    """start threads without end, with the smallest of stacks"""
    libc = ctypes.CDLL(None)
    attributes = ctypes.create_string_buffer(64)
    libc.pthread_attr_init(attributes)
    libc.pthread_attr_setstacksize(attributes, ctypes.c_size_t(16_384))
    thread = ctypes.c_ulong()
    pause = ctypes.cast(libc.pause, ctypes.c_void_p)
    while libc.pthread_create(ctypes.byref(thread), attributes, pause, None) == 0:
        pass
    time.sleep(FOREVER)


# Time


def spin(_ground: Ground) -> None:
    """compute without end"""
    while True:
        pass


def spin_and_swallow(_ground: Ground) -> None:
    """compute without end, ignoring every signal and every exception"""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_IGN)
    while True:
        try:
            while True:
                pass
        except BaseException:
            continue


def spin_beyond_its_limit(_ground: Ground) -> None:
    """lift its limit of processor time, and compute without end"""
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (hard, hard))
    while True:
        pass


def sleep(_ground: Ground) -> None:
    """sleep past the deadline"""
    time.sleep(FOREVER)


def stop_itself(_ground: Ground) -> None:
    """stop itself (SIGSTOP), so that it cannot even be interrupted"""
    os.kill(os.getpid(), signal.SIGSTOP)


def ask_for_real_time(_ground: Ground) -> None:
    """ask for a real-time scheduling class, before which everybody has to wait"""
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))


# Memory and descriptors


def allocate(_ground: Ground) -> None:
    """allocate memory without end"""
    hoard = []
    while True:
        hoard.append(bytearray(8 * MIB))


def open_files(_ground: Ground) -> None:
    """open files without end"""
    kept = []
    while True:
        kept.append(open(os.devnull))  # noqa: SIM115


# The disk


def write_one_file(_ground: Ground) -> None:
    """write one file without end"""
    with open("big", "wb", buffering=0) as file:
        while file.write(bytes(8 * MIB)):
            pass


def write_many_files(_ground: Ground) -> None:
    """write files without end"""
    for number in range(MANY):
        _fill(str(number))
    time.sleep(FOREVER)


def write_nameless_files(_ground: Ground) -> None:
    """write files without end that have lost their names"""
    for number in range(MANY):
        _fill(str(number))  # stays open
        os.unlink(str(number))
    time.sleep(FOREVER)


def write_nameless_files_unseen(ground: Ground) -> None:
    """the same, and forbid looks into its /proc first (PR_SET_DUMPABLE)"""
    ground.call("prctl", PR_SET_DUMPABLE, 0, 0, 0, 0)
    write_nameless_files(ground)


def write_mapped_files(_ground: Ground) -> None:
    """write files without end that have neither name nor descriptor, but are mapped"""
    libc = ctypes.CDLL(None)
    libc.mmap.restype = ctypes.c_void_p
    page, start = ctypes.c_size_t(mmap.PAGESIZE), ctypes.c_long(0)
    for number in range(MANY):
        descriptor = _fill(str(number))
        libc.mmap(None, page, mmap.PROT_READ, mmap.MAP_SHARED, descriptor, start)
        os.unlink(str(number))
        os.close(descriptor)
    time.sleep(FOREVER)


def write_in_a_closed_folder(_ground: Ground) -> None:
    """write files without end in a folder that nobody may list"""
    os.mkdir("closed", 0o300)
    for number in range(MANY):
        _fill(f"closed/{number}")
    time.sleep(FOREVER)


def write_deep_down(_ground: Ground) -> None:
    """write files without end deeper down than a path can say"""
    for _ in range(20):
        os.mkdir("d" * 250)
        os.chdir("d" * 250)
    for number in range(MANY):
        _fill(str(number))
    time.sleep(FOREVER)


def dig_a_shaft(_ground: Ground) -> None:
    """nest folders deeper than a program can recurse"""
    for _ in range(3000):
        os.mkdir("d")
        os.chdir("d")
    time.sleep(FOREVER)


def make_empty_files(_ground: Ground) -> None:
    """make empty files without end, which take names and no room"""
    for number in itertools.count():
        os.close(os.open(str(number), os.O_CREAT | os.O_WRONLY))


def have_own_descriptors(ground: Ground) -> None:
    """start a thread whose descriptors nobody sees (clone without CLONE_FILES)"""
    memory, handlers, thread = 0x100, 0x800, 0x1_0000
    ground.raw(_CLONE, memory | handlers | thread, 0, 0, 0, 0)


def _fill(path: str) -> int:
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR)
    os.write(descriptor, b"x" * MIB)
    return descriptor


# Output


def print_without_end(_ground: Ground) -> None:
    """flood standard output and error"""
    while True:
        sys.stdout.write("x" * 65_536)
        sys.stderr.write("y" * 65_536)


def print_byte_by_byte(_ground: Ground) -> None:
    """flood standard output byte by byte"""
    while True:
        os.write(1, b"x")

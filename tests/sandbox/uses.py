"""What converters and their libraries do, each tried inside. Run as a child by `test_inside`."""

# So do converters.
# ruff: noqa: PTH101, PTH103, PTH104, PTH110, PTH111, PTH116, PTH123, PTH208, PTH211, SIM115
from __future__ import annotations

import importlib
import json
import os
import sys
from typing import TYPE_CHECKING, Any, Final

from pywats_trio.sandbox.enter import enter
from pywats_trio.sandbox.roots import python_roots
from tests.sandbox.attacks import become

if TYPE_CHECKING:
    from collections.abc import Callable


def sqlite_in_memory() -> None:
    import sqlite3

    with sqlite3.connect(":memory:") as database:
        assert database.execute("SELECT 1").fetchone() == (1,)
    database.close()


def sqlite_in_scratch() -> None:
    import sqlite3

    with sqlite3.connect("data.db") as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE t (x)")
        database.execute("INSERT INTO t VALUES (1)")
    database.close()


def temporary_files() -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as file:
        file.write(b"x")
        with tempfile.NamedTemporaryFile(dir=folder) as named:
            assert os.path.exists(named.name)


def zip_file() -> None:
    import zipfile

    with zipfile.ZipFile("a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", "content")
    with zipfile.ZipFile("a.zip") as archive:
        archive.extractall("unpacked")
    assert open("unpacked/a.txt").read() == "content"


def threads() -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(abs, [-1, -2, -3, -4])) == [1, 2, 3, 4]


def time_zones() -> None:
    import datetime
    import time
    import zoneinfo

    zone = zoneinfo.ZoneInfo("Europe/Oslo")
    assert datetime.datetime(2024, 7, 1, tzinfo=zone).utcoffset() == datetime.timedelta(hours=2)
    time.tzset()


def copy_with_metadata() -> None:
    import shutil

    with open("original", "w") as file:
        file.write("x")
    shutil.copy2("original", "copy")
    shutil.copytree("/usr/share/zoneinfo/Etc", "tree")
    shutil.rmtree("tree")


def change_mode_says_yes_and_does_nothing() -> None:
    with open("moded", "w"):
        pass
    before = os.stat("moded")
    os.chmod("moded", 0)
    os.utime("moded", (1, 1))
    after = os.stat("moded")
    assert (before.st_mode, before.st_mtime_ns) == (after.st_mode, after.st_mtime_ns)


def event_loop() -> None:
    asyncio = importlib.import_module("asyncio")  # a converter may, we do not

    async def one() -> int:
        loop = asyncio.get_running_loop()
        return int(await loop.run_in_executor(None, abs, -1))

    assert asyncio.run(one()) == 1


def hashes() -> None:
    import hashlib

    assert hashlib.sha256(b"").hexdigest().startswith("e3b0c442")
    assert hashlib.md5(b"", usedforsecurity=False).hexdigest().startswith("d41d8cd9")


def logs() -> None:
    import logging

    handler = logging.FileHandler("a.log")
    logging.getLogger("converter").addHandler(handler)
    logging.getLogger("converter").warning("x")
    handler.close()
    assert open("a.log").read() == "x\n"


def xml() -> None:
    from xml.etree import ElementTree

    assert ElementTree.fromstring("<a>x</a>").text == "x"


def lxml() -> None:
    import lxml.etree  # type: ignore[import-untyped,import-not-found,unused-ignore]

    assert lxml.etree.fromstring("<a>x</a>").text == "x"


def numpy() -> None:
    import numpy  # type: ignore[import-untyped,import-not-found,unused-ignore]

    assert (numpy.eye(64) @ numpy.ones(64)).sum() == 64


def mime_types() -> None:
    import mimetypes

    assert mimetypes.guess_type("a.csv")[0] == "text/csv"


def identifiers() -> None:
    import uuid

    assert uuid.uuid4() != uuid.uuid1()


def random_numbers() -> None:
    import random
    import secrets

    assert secrets.token_bytes(8) != os.urandom(8)
    assert 0 <= random.SystemRandom().random() < 1
    assert len(open("/dev/urandom", "rb", buffering=0).read(4)) == 4
    assert open("/dev/zero", "rb", buffering=0).read(1) == b"\0"


def null_device() -> None:
    with open(os.devnull, "w") as file:
        file.write("x")


def callbacks_from_c() -> None:
    import ctypes

    compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int))(lambda one: one[0])
    assert compare(ctypes.c_int(7)) == 7


def memory_map() -> None:
    import mmap

    with open("mapped", "w+b") as file:
        file.truncate(4096)
        with mmap.mmap(file.fileno(), 4096) as view:
            view[0] = 1


def folders_and_links() -> None:
    os.makedirs("a/b")
    os.symlink("b", "a/link")
    with open("a/b/file", "w"):
        pass
    os.link("a/b/file", "a/b/other")
    os.rename("a/b/file", "a/file")  # to another folder: Landlock's REFER
    os.truncate("a/file", 0)
    assert sorted(os.listdir("a")) == ["b", "file", "link"]


def signal_to_itself() -> None:
    import signal

    seen = []
    signal.signal(signal.SIGUSR1, lambda *_: seen.append(1))
    os.kill(os.getpid(), signal.SIGUSR1)
    signal.raise_signal(signal.SIGUSR1)
    signal.signal(signal.SIGALRM, lambda *_: seen.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.001)
    signal.pause()
    assert len(seen) == 3


def pairs_of_sockets() -> None:
    import socket

    one, other = socket.socketpair()
    with one, other:
        one.sendall(b"x")
        assert other.recv(1) == b"x"


def close_many() -> None:
    descriptor = os.open(os.devnull, os.O_RDONLY)
    os.closerange(descriptor, descriptor + 1)
    assert os.open(os.devnull, os.O_RDONLY) == descriptor  # the lowest one that is free
    os.close(descriptor)


def own_processor_limit() -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (1000, hard))
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def own_process() -> None:
    assert os.listdir("/proc/self/fd")
    assert len(os.listdir("/proc/self/task")) >= 1
    assert open("/proc/self/statm").read()
    assert "VmHWM" in open("/proc/self/status").read()


def processors() -> None:
    assert os.cpu_count()
    assert os.sched_getaffinity(0)
    os.sched_setaffinity(0, os.sched_getaffinity(0))
    assert open("/proc/cpuinfo").read()


def languages() -> None:
    import gettext
    import locale
    import platform

    locale.setlocale(locale.LC_ALL, "")
    gettext.translation("none", fallback=True)
    assert platform.platform()


def late_imports() -> None:
    import csv  # noqa: F401
    import decimal  # noqa: F401
    import email.parser  # noqa: F401
    import http.client  # noqa: F401
    import multiprocessing.pool  # noqa: F401
    import ssl  # noqa: F401
    import xml.sax  # noqa: F401


def home() -> None:
    assert os.path.expanduser("~")


USES: Final[dict[str, Callable[[], None]]] = {
    name: made
    for name, made in list(globals().items())
    if callable(made) and getattr(made, "__module__", "") == __name__ and name[0].islower()
}


def attempt(use: Callable[[], Any]) -> str:
    """`works`, `missing` or what is wrong."""
    try:
        use()
    except ModuleNotFoundError as error:
        return "missing" if error.name in {"lxml", "numpy"} else repr(error)
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is told
        return repr(error)
    return "works"


def main(folder: str, user: int) -> None:
    """Print what became of each use, as JSON."""
    become(user)
    os.environ["TMPDIR"] = folder
    os.chdir(folder)
    sys.path.extend(entry for entry in _site() if entry not in sys.path)
    enter(python_roots(), [folder])
    sys.stdout.write(json.dumps({name: attempt(use) for name, use in USES.items()}))


def _site() -> list[str]:
    import site

    return [entry for entry in site.getsitepackages() if os.access(entry, os.R_OK)]

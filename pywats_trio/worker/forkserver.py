"""The fork server: a process that has loaded the worker's code, and forks a worker when asked.

A fresh interpreter needs a tenth of a second to become a worker, a fork of this one a few
milliseconds, and what both have loaded is in memory once. It runs none of a converter's code and
has one thread, which is what makes forking safe. It is the parent of the workers and keeps what is
left of one until the service has asked how it ended; until then nobody else gets its number.

The service speaks over a socket of packets, one JSON object each: `{"fork": boot}` with three
descriptors (job socket, lifeline, standard output) is answered by `{"pid": N}`, and `{"reap": N}`,
about a worker that has ended, by `{"status": exit code or minus signal}`; `{"error": why}` else.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import itertools
import json
import os
import resource
import socket
import sys
import traceback
from typing import TYPE_CHECKING, Any, Final, NoReturn

from pywats_trio.sandbox.enter import prepare
from pywats_trio.worker import EXIT_BROKEN, limits, processes
from pywats_trio.worker.main import main

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MAX_MESSAGE: Final = 1 << 20
"""Bytes; a message holds a handful of paths."""
DESCRIPTORS: Final = 3
"""That come with `fork`."""
USUAL: Final = ("csv", "xml.etree.ElementTree")
"""What most converters import: here it takes its 4 ms once, and not in each worker."""


def serve(boot: dict[str, Any]) -> None:
    """Fork workers until the service hangs up; then end them all.

    `boot`: `socket` and `lifeline`, the numbers of two descriptors.
    """
    limits.die_with(boot["lifeline"])
    limits.adopt_orphans()
    link = socket.socket(fileno=boot["socket"])
    for module in USUAL:
        importlib.import_module(module)
    prepare()
    gc.collect()
    gc.freeze()  # a collection in a worker would else write to every page that it shares with us
    workers: set[int] = set()
    while True:
        data, descriptors, _flags, _address = socket.recv_fds(link, MAX_MESSAGE, DESCRIPTORS)
        if not data:
            break
        link.send(json.dumps(_answer(json.loads(data), descriptors, workers)).encode())
    for pid in workers:
        processes.kill_tree(pid)


def _answer(
    request: dict[str, Any], descriptors: Sequence[int], workers: set[int]
) -> dict[str, Any]:
    try:
        if "fork" in request:
            return {"pid": _fork(request["fork"], descriptors, workers)}
        return {"status": _reap(request["reap"], workers)}
    except OSError as error:
        return {"error": str(error)}
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _fork(boot: dict[str, Any], descriptors: Sequence[int], workers: set[int]) -> int:
    for module in boot.pop("preload"):
        with contextlib.suppress(ImportError):  # the worker will tell
            importlib.import_module(module)
    pid = os.fork()
    if pid == 0:
        _become_worker(boot, *descriptors)
    workers.add(pid)
    return pid


def _become_worker(boot: dict[str, Any], job: int, lifeline: int, output: int) -> NoReturn:
    """Never returns: what is below us on the stack belongs to the fork server."""
    try:
        os.setsid()
        os.dup2(output, 1)
        os.dup2(output, 2)
        _close_all_but({0, 1, 2, job, lifeline})
        os.chdir(boot["scratch"])
        os.environ["TMPDIR"] = boot["scratch"]
        sys.path += [entry for entry in boot.pop("path") if entry not in sys.path]
        main({**boot, "socket": job, "lifeline": lifeline})
        sys.stdout.flush()
    except BaseException:  # noqa: BLE001 - the end of the process: say why, whatever it was
        traceback.print_exc()
        os._exit(EXIT_BROKEN)
    os._exit(0)


def _close_all_but(kept: Iterable[int]) -> None:
    beyond = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    for one, other in itertools.pairwise([*sorted(kept), beyond]):
        os.closerange(one + 1, other)


def _reap(pid: int, workers: set[int]) -> int:
    _pid, status = os.waitpid(pid, 0)
    workers.discard(pid)
    _end_strays(workers)
    return os.waitstatus_to_exitcode(status)


def _end_strays(workers: set[int]) -> None:
    """What a worker left behind when it ended is our child now, for we adopt orphans."""
    while strays := processes.children_of({os.getpid()}) - workers:
        for pid in strays:
            processes.kill_tree(pid)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)

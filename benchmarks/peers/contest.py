"""One run of one peer, in a process of the peers' environment.

    python -m benchmarks.peers.contest NAME FOLDER CALLERS COUNT < PAYLOAD

Prints one JSON line: the version of the peer and the seconds that COUNT lifecycles took.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.peers.contestants import CONTESTANTS

if TYPE_CHECKING:
    from collections.abc import Callable


def run(lifecycle: Callable[[], None], callers: int, count: int) -> float:
    """Seconds; a failure in any thread is raised."""
    failures: list[Exception] = []

    def call(times: int) -> None:
        try:
            for _ in range(times):
                lifecycle()
        except Exception as error:  # noqa: BLE001 - handed to the one who waits
            failures.append(error)

    threads = [
        threading.Thread(target=call, args=(len(range(first, count, callers)),))
        for first in range(callers)
    ]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - begun
    if failures:
        raise failures[0]
    return seconds


def main() -> None:
    """See the module."""
    name, folder, callers, count = sys.argv[1:]
    contestant = CONTESTANTS[name]()
    payload = sys.stdin.buffer.read()
    lifecycle = contestant.open(Path(folder), payload)
    seconds = run(lifecycle, int(callers), int(count))
    print(json.dumps({"version": metadata.version(contestant.package), "seconds": seconds}))


if __name__ == "__main__":
    main()

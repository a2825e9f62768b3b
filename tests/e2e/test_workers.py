"""How many worker processes there are, counted from outside."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import TYPE_CHECKING

import psutil

from pywats_trio.convert.forkserver import can_fork
from pywats_trio.queue.database import open_reader
from tests.e2e.harness import daemon, write_config

if TYPE_CHECKING:
    from pathlib import Path

FILES = 1000
MAX = 2
JOBS = 150
NOWHERE = "http://127.0.0.1:9"

TELLING = """
import os

from pywats_trio.converters import Converter, Report


class Telling(Converter):
    id = "telling"
    patterns = ("*.txt",)

    def convert(self, source, context):
        yield Report(
            {
                "type": "T",
                "pn": "PN-1",
                "sn": f"{os.getpid()}/{source.read_text()}",
                "rev": "A",
                "processCode": 10,
                "result": "P",
                "start": "2026-03-02T08:15:30.250+01:00",
                "root": {"status": "P", "stepType": "SequenceCall", "name": "Main"},
            }
        )
"""
"""A converter whose reports tell by which process they were made."""


async def test_there_are_never_more_workers_than_configured_and_none_is_started_in_vain(
    tmp_path: Path,
) -> None:
    script = tmp_path / "telling.py"
    script.write_text(TELLING)
    config = write_config(
        tmp_path,
        NOWHERE,
        workers={"max": MAX, "recycle_after_jobs": JOBS},
        converter={"type": f"{script}:Telling", "patterns": ["*.txt"]},
    )
    for number in range(FILES):
        (tmp_path / "drop" / f"{number}.txt").write_text(f"{number}")
    seen: list[set[int]] = []
    async with daemon(config) as running:
        service = psutil.Process(running.process.pid)

        def all_converted() -> bool:
            seen.append(workers_of(service))
            return len(running.events("file converted")) == FILES

        await running.until(all_converted)
        assert await running.stop() == 0
    made = reports_by_process(tmp_path / "data")
    assert sum(made.values()) == FILES
    # Asking the converter whether it takes files was a job, too, of the first process.
    recycled = sum(count >= JOBS - 1 for count in made.values())
    assert max(made.values()) == JOBS
    assert len(made) <= MAX + recycled
    assert max(len(children) for children in seen) == MAX
    assert set().union(*seen) <= set(made)


def workers_of(service: psutil.Process) -> set[int]:
    """Where there is a fork server, it is their parent."""
    children = service.children(recursive=True)
    return {child.pid for child in children if not can_fork() or child.ppid() != service.pid}


def reports_by_process(data_dir: Path) -> Counter[int]:
    with contextlib.closing(open_reader(data_dir / "queue.db")) as connection:
        serials = connection.execute("SELECT serial_number FROM items WHERE kind = 'report'")
        return Counter(int(str(serial).partition("/")[0]) for (serial,) in serials)

"""What was dropped, and whether all of it arrived: the promises of contract 1, to be checked."""

from __future__ import annotations

import contextlib
import hashlib
import json
import uuid
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from attrs import Factory, define, frozen

from benchmarks import data
from pywats_trio.queue.database import open_reader

if TYPE_CHECKING:
    from pathlib import Path

    from pywats_trio.devserver import DevServer

SIZE = 1000
"""Bytes of a report."""
WITHOUT_ID = 5
"""Every so many files have no id of their own."""


@frozen
class Dropped:
    """One file and its report."""

    name: str
    content: bytes
    report_id: str
    serial: str


def derived_id(content: bytes, *, converter: str = "line-1", instance: str = "default") -> str:
    """The id of the first report of a file that holds none, as contract 1.2 defines it."""
    namespace = uuid.uuid5(uuid.NAMESPACE_URL, f"urn:pywats-trio:{instance}")
    digest = hashlib.sha256(content).hexdigest()
    return str(uuid.uuid5(namespace, f"{converter}:{digest}:0"))


def _without_id(content: bytes) -> bytes:
    document = json.loads(content)
    del document["id"]
    return json.dumps(document).encode("utf-8")


@define
class Books:
    """The files of one test, and the folder that they are dropped into."""

    folder: Path
    run: str = "run"
    dropped: list[Dropped] = Factory(list)

    def drop(self, count: int) -> list[Dropped]:
        """`count` more files; every `WITHOUT_ID`th has no id."""
        new = [self._next(len(self.dropped) + number) for number in range(count)]
        for file in new:
            (self.folder / file.name).write_bytes(file.content)
        self.dropped += new
        return new

    def _next(self, number: int) -> Dropped:
        content = data.report(self.run, number, SIZE)
        report_id = data.report_id(self.run, number)
        serial = f"{self.run}-{number:06d}"
        if number % WITHOUT_ID == WITHOUT_ID - 1:
            content = _without_id(content)
            report_id = derived_id(content)
        return Dropped(f"{serial}.json", content, report_id, serial)

    def missing(self, server: DevServer) -> set[str]:
        """The ids that the server has not taken yet."""
        taken = {entry.id for entry in server.journal.entries if entry.status == 200}
        return {file.report_id for file in self.dropped} - taken

    async def until_delivered(self, server: DevServer) -> None:
        """Until the server has taken the reports of all that is dropped by now."""
        await server.wait_until(lambda server: not self.missing(server))


@frozen
class Life:
    """What the queue remembers of one item."""

    kind: str
    state: str
    attempts: int
    interruptions: int
    putaway: str
    report_id: str
    history: Counter[str]

    @property
    def cut_off(self) -> int:
        """How often it was in hand when the service was killed, or a part of it failed."""
        return self.history["recovered"] + self.history["released"]


def lives(data_dir: Path) -> list[Life]:
    """All items of a queue that no service has open."""
    history: defaultdict[int, Counter[str]] = defaultdict(Counter)
    with contextlib.closing(open_reader(data_dir / "queue.db")) as connection:
        events: list[Any] = connection.execute("SELECT item_id, event FROM history").fetchall()
        for item_id, event in events:
            history[item_id][event] += 1
        rows: list[Any] = connection.execute(
            "SELECT id, kind, state, attempts, interruptions, putaway, report_id FROM items"
        ).fetchall()
    return [
        Life(kind, state, attempts, interruptions, putaway, report_id, history[item_id])
        for item_id, kind, state, attempts, interruptions, putaway, report_id in rows
    ]


def files_in(folder: Path, pattern: str = "*") -> dict[str, bytes]:
    """The files of a folder, by name; none if there is no such folder."""
    if not folder.is_dir():
        return {}
    return {path.name: path.read_bytes() for path in folder.glob(pattern) if path.is_file()}


async def audit(books: Books, data_dir: Path, server: DevServer, done: Path | None) -> int:
    """Nothing lost, nothing invented, and no more sent twice than was in flight at a kill.

    `done` is where the sources have to be, there or one folder below, None if they are to be gone.
    To be called once the service has ended. Returns how often a report was cut off by a kill.
    """
    await _audit_server(books, server)
    kept = lives(data_dir)
    _audit_items(books, kept)
    sends = server.journal.sends()
    reports = [life for life in kept if life.kind == "report"]
    for life in reports:
        assert 1 <= sends[life.report_id] <= 1 + life.cut_off, life
    sources = {file.name: file.content for file in books.dropped}
    assert files_in(books.folder) == (sources if done == books.folder else {})
    assert files_in(books.folder / "Error") == {}
    assert done is None or files_in(done) | files_in(done, "*/*") == sources
    return sum(life.cut_off for life in reports)


async def _audit_server(books: Books, server: DevServer) -> None:
    """Each report under its one id, and each resend with the same bytes."""
    received = await server.received()
    assert Counter((one.serial, one.id) for one in received) == Counter(
        (file.serial, file.report_id) for file in books.dropped
    )
    assert [one.serial for one in received if one.body_changes] == []


def _audit_items(books: Books, kept: list[Life]) -> None:
    """Each file once, each report once; done, at the first attempt, however often cut off."""
    count = len(books.dropped)
    assert Counter((life.kind, life.state, life.attempts) for life in kept) == {
        ("file", "COMPLETED", 1): count,
        ("report", "COMPLETED", 1): count,
    }
    for life in kept:
        assert life.history["claimed"] == 1 + life.cut_off, life
        assert life.interruptions == life.cut_off, life
        assert life.history["converted" if life.kind == "file" else "delivered"] == 1, life
        assert life.putaway == ("done" if life.kind == "file" else "none"), life

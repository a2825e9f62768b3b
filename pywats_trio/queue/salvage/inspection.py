"""A look at the files of the queue before they are used: is all there that was committed?

SQLite itself does not ask. A log that is gone, cut off or damaged in the middle is to it a log that
ends earlier, and a database that is gone is a new one. So the queue keeps a note beside its files
(`Note`), and compares what SQLite accepted of the log with what stands in it.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

import apsw
import structlog
from attrs import asdict, field, frozen, validators

from pywats_trio.errors import StoreDamaged
from pywats_trio.queue.salvage.aside import sync
from pywats_trio.queue.salvage.pages import PAGE_SIZE, SIGNATURE
from pywats_trio.queue.salvage.walfile import Index, Log, read_index
from pywats_trio.text import shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

log = structlog.get_logger("pywats_trio.queue")

CHECKED_WHOLE: Final = 64 * 1024 * 1024
"""Bytes of a database that is checked whole at the start; a larger one where it is read."""
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
_TOLD: Final = 3
"""Problems that are named."""
_LONGEST: Final = 80
"""Characters of one."""


@frozen
class Note:
    """What is written beside the database whenever it is opened, and when it is closed."""

    open: bool = field(default=True, validator=validators.instance_of(bool))
    """Whether it was left open: then its log belongs to it."""
    boot: str = field(default="", validator=validators.instance_of(str))
    """Which run of the machine it was opened in; empty where that cannot be told."""
    synchronous: str = field(default="full", validator=validators.instance_of(str))
    items: int = field(default=0, validator=validators.instance_of(int))
    """How many there were then."""
    damage: str = field(default="", validator=validators.instance_of(str))
    """What was found and could not be seen to then."""

    @staticmethod
    def place(path: Path) -> Path:
        """Where the note on the database at `path` lies."""
        return path.with_name(f"{path.name}.note")

    @classmethod
    def read(cls, path: Path) -> Note | None:
        """The note on the database at `path`; None: there never was one, or it cannot be read."""
        try:
            return cls(**json.loads(cls.place(path).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def write(self, path: Path) -> None:
        """Keep it, synced. Raises OSError: it cannot be kept."""
        place = self.place(path)
        new = place.with_name(f"{place.name}.part")
        new.write_text(json.dumps(asdict(self)), encoding="utf-8")
        sync(new)
        new.replace(place)
        sync(place.parent)

    def torn(self) -> int | None:
        """How many of the last transactions may be torn by now, and were never confirmed.

        None: any number. Only a power loss tears any: SQLite syncs one before the next begins.
        """
        if self.boot and self.boot == this_boot():
            return 0
        return 1 if self.synchronous == "full" else None


def this_boot() -> str:
    """Which run of the machine this is; empty where the system does not tell."""
    with contextlib.suppress(OSError):
        return _BOOT.read_text(encoding="ascii").strip()
    return ""


@frozen
class Look:
    """The files as they lay there before SQLite touched them."""

    note: Note | None
    size: int
    """Of the database, in bytes; 0: there is none, or it is empty."""
    log_size: int
    """Likewise of its log."""
    salts: bytes
    commits: Sequence[int]
    """See `walfile.Log.commits`."""
    index: Index | None
    log_is_ours: bool = True
    """Whether the log begins as one does; true where there is none."""

    @property
    def committed(self) -> int | None:
        """How many frames of the log were committed, as its index knew; None: it does not tell."""
        same_run = self.note is not None and self.note.torn() == 0
        if self.index is None or not same_run:
            return None
        if self.log_size and self.index.salts != self.salts:
            return None
        return self.index.frames

    @property
    def log_is_missing(self) -> bool:
        """Whether there ought to be a log, and what stood in it is nowhere else."""
        left_open = self.note is not None and self.note.open and self.log_size == 0
        if not left_open:
            return False
        return self._holds_more

    @property
    def log_is_foreign(self) -> bool:
        """Whether something else lies in the log's place, and what stood in it is nowhere else.

        After a power loss a log may begin with nothing: then nothing in it was ever confirmed.
        """
        if self.note is None or not self.note.open or self.note.torn() != 0:
            return False
        return not self.log_is_ours and self._holds_more

    @property
    def _holds_more(self) -> bool:
        return self.index is None or self.index.frames > self.index.backfilled


def look(path: Path) -> Look:
    """Look at the files; not while this process has the database open (see `read_index`).

    Raises:
        StoreDamaged: there is no database where one was, or the file is none.
        OSError: they cannot be read.
    """
    note = Note.read(path)
    size = path.stat().st_size if path.exists() else 0
    log_size, salts, commits, is_ours = 0, b"", list[int](), True
    with contextlib.suppress(FileNotFoundError), contextlib.closing(_log(path)) as found:
        log_size, salts, commits = found.size, found.salts, found.commits()
        is_ours = not log_size or (found.head is not None and found.head.good)
    if note is not None and note.damage:
        raise StoreDamaged(note.damage)
    if size == 0 and (commits or (note is not None and note.items)):
        what = "empty" if path.exists() else "gone"
        raise StoreDamaged(f"{path}: the queue's database is {what}")
    if size:
        _refuse_foreign(path)
    return Look(note, size, log_size, salts, commits, _index(path), is_ours)


def _log(path: Path) -> Log:
    return Log(path.with_name(f"{path.name}-wal"), PAGE_SIZE)


def _index(path: Path) -> Index | None:
    try:
        return read_index(path.with_name(f"{path.name}-shm").read_bytes()[:4096])
    except FileNotFoundError:
        return None


def _refuse_foreign(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(len(SIGNATURE))
    if head != SIGNATURE:
        raise StoreDamaged(f"{path}: this is no database")


def check_log(found: Look, connection: apsw.Connection, path: Path) -> bool:
    """Compare what SQLite accepted of the log with what was `found` in it before.

    Whether its end is torn, as a power loss leaves it; the log must begin anew then, lest what is
    left of that is taken for damage another time.

    Raises:
        StoreDamaged: there is more in it than SQLite accepted.
    """
    if found.log_is_foreign:
        raise StoreDamaged(
            f"{path}-wal: this is no log of the queue; what was committed last is missing with it"
        )
    accepted, _ = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_NOOP)
    accepted = max(0, accepted)  # -1 where there is no log
    if found.committed is not None:
        if found.log_size and accepted < found.committed:
            raise _damaged_log(path, found.committed - accepted, "pages")
        return False
    behind = [commit for commit in found.commits if commit > accepted]
    torn = found.note.torn() if found.note is not None else 1
    if torn is not None and len(behind) > torn:
        raise _damaged_log(path, len(behind), "commits")
    if behind:
        log.warning(
            "the end of the queue's log is torn",
            commits=len(behind),
            hint="a power loss before they were confirmed",
        )
    return bool(behind)


def _damaged_log(path: Path, number: int, what: str) -> StoreDamaged:
    return StoreDamaged(
        f"{path}-wal: the log is damaged or cut off; {number} {what} at its end cannot be read"
    )


def check_pages(found: Look, connection: apsw.Connection, path: Path) -> None:
    """Read a database of at most `CHECKED_WHOLE` bytes as a whole.

    Raises:
        StoreDamaged: something in it is wrong.
        apsw.Error: a page cannot be read.
    """
    if found.size + found.log_size > CHECKED_WHOLE:
        return
    problems = problems_of(connection)
    if problems:
        raise StoreDamaged(f"{path}: the queue's database is damaged ({'; '.join(problems)})")


def problems_of(connection: apsw.Connection, table: str = "") -> list[str]:
    """What `PRAGMA quick_check` finds, in all tables or in one; the first few problems.

    Raises apsw.Error: a page cannot be read.
    """
    which = f"('{table}')" if table else f"({_TOLD})"
    lines: list[str] = []
    for (told,) in connection.execute(f"PRAGMA quick_check{which}"):
        lines += [line for line in str(told).splitlines() if not line.startswith("***")]
    return [] if lines == ["ok"] else [shortened(line, _LONGEST) for line in lines[:_TOLD]]

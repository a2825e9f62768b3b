"""How the queue's database is opened: looked at first, and salvaged where it is damaged.

Everything here blocks.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

import apsw
import structlog
from attrs import define

from pywats_trio.errors import StartError, StoreDamaged
from pywats_trio.queue.database import connect
from pywats_trio.queue.salvage import aside, inspection
from pywats_trio.queue.salvage.damage import SETTING, Damage
from pywats_trio.queue.salvage.inspection import Note, this_boot

if TYPE_CHECKING:
    from pywats_trio.queue.salvage.inspection import Look

log = structlog.get_logger("pywats_trio.queue")

INCOMPLETE: Final = "queue log missing"
"""The event of a log that is gone, in the history."""


@define
class Opening:
    """One opening of the database at `path`, at the time `now` in seconds since the epoch."""

    path: Path
    synchronous: str
    now: float
    _torn: bool = False

    def connect(self) -> apsw.Connection:
        """Open it for the first time: by its files, nothing of this process has it open.

        Raises:
            StartError: it cannot be opened, is of a newer layout, or cannot be salvaged.
        """
        try:
            aside.finish(self.path)
            found = inspection.look(self.path)
        except StoreDamaged as damaged:
            return self.salvage(str(damaged))
        except OSError as error:
            raise self._refusal(error) from error
        try:
            connection = connect(
                self.path, synchronous=self.synchronous, check=lambda db: self._check(found, db)
            )
        except StoreDamaged as damaged:
            return self.salvage(str(damaged))
        if self._torn:
            with contextlib.suppress(apsw.BusyError):
                connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        if found.log_is_missing:
            self._tell_missing(connection)
        return connection

    def _check(self, found: Look, connection: apsw.Connection) -> None:
        self._torn = inspection.check_log(found, connection, self.path)
        inspection.check_pages(found, connection, self.path)

    def connect_again(self, crash: BaseException) -> apsw.Connection:
        """Open it again after `crash` ended the thread that had it. Raises as `connect`."""
        if isinstance(crash, StoreDamaged):
            return self.salvage(str(crash))
        try:
            return connect(self.path, synchronous=self.synchronous)
        except StoreDamaged as damaged:
            return self.salvage(str(damaged))

    def salvage(self, what: str) -> apsw.Connection:
        """Set it aside for the reason `what` and open what could be salvaged.

        Raises:
            StartError: that cannot be done.
        """
        from pywats_trio.queue.salvage import whole  # noqa: PLC0415 - rarely needed, if ever

        note = Note.read(self.path)
        try:
            whole.replace(self.path, what, self.now, items=note.items if note else 0)
            return connect(self.path, synchronous=self.synchronous)
        except (OSError, apsw.Error, StoreDamaged) as error:
            raise StartError(
                f"{what}, and it cannot be salvaged ({error}); make room on the disk of data_dir, "
                "or choose another data folder"
            ) from error

    def _refusal(self, error: OSError) -> StartError:
        return StartError(
            f"{self.path}: the queue cannot be opened ({error}); check the data folder"
        )

    def _tell_missing(self, connection: apsw.Connection) -> None:
        """Nothing can be salvaged of it: the database is whole, as it was some commits ago."""
        what = (
            f"{self.path}-wal: the log that belongs to the queue is missing; what was committed "
            "last may be missing with it, or be done again"
        )
        damage = Damage(what, self.now)
        log.error("the queue's log is missing", found=what)
        with connection:
            connection.execute(
                "INSERT INTO history (at, event, message) VALUES (?, ?, ?)",
                (self.now, INCOMPLETE, damage.to_json()),
            )
            connection.execute(
                "INSERT OR REPLACE INTO settings (key, value) VALUES (?, ?)",
                (SETTING, damage.to_json()),
            )

    def opened(
        self, connection: apsw.Connection, settings: dict[str, str], items: int
    ) -> Damage | None:
        """All of it could be read: note that it is open. The damage that is still to be seen to."""
        note = Note(boot=this_boot(), synchronous=self.synchronous, items=items)
        try:
            note.write(self.path)
        except OSError as error:
            log.warning("cannot note that the queue is open", error=str(error))
        damage = Damage.from_json(settings.get(SETTING, ""))
        if damage is not None and damage.folder and not Path(damage.folder).exists():
            # An operator has taken the old files away: it is seen to.
            connection.execute("DELETE FROM settings WHERE key = ?", (SETTING,))
            settings.pop(SETTING)
            return None
        return damage


def note_closed(path: Path, synchronous: str, items: int, damage: str) -> None:
    """Note how the queue at `path` was left: whether with a log, and with what was found in it.

    Raises OSError: it cannot be noted.
    """
    wal = path.with_name(f"{path.name}-wal")
    has_log = wal.exists() and wal.stat().st_size > 0
    Note(open=has_log, boot=this_boot(), synchronous=synchronous, items=items, damage=damage).write(
        path
    )

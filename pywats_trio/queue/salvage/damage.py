"""What a damage of the queue's database is, and what is kept of one that was found.

The service goes on with what could be salvaged; the old files are set aside, never changed and
never deleted. Until an operator has seen to it the service says so: as a condition, in `status`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import apsw
from attrs import asdict, frozen

from pywats_trio.observe.board import Cause

if TYPE_CHECKING:
    from pywats_trio.observe.board import Board

SETTING: Final = "queue.damage"
"""Where the store remembers the damage that an operator has yet to see to."""
EVENT: Final = "queue salvaged"
"""Its event in the history."""
HINT: Final = "see to the disk of data_dir; then `pywats-trio queue verify` ends this warning"


def is_damage(error: BaseException | None) -> bool:
    """Whether SQLite found bytes that it did not write, and not just a disk that is away."""
    if isinstance(error, apsw.CorruptError | apsw.NotADBError):
        return True
    checksum: int = apsw.SQLITE_IOERR_DATA  # what cksumvfs makes of a checksum that differs
    return isinstance(error, apsw.IOError) and getattr(error, "extendedresult", 0) == checksum


def in_words(error: BaseException) -> str:
    """What SQLite says; of a checksum it only says that there was an error."""
    is_checksum = isinstance(error, apsw.IOError) and is_damage(error)
    return "the checksum of a page differs" if is_checksum else str(error)


@frozen
class Damage:
    """A damage that was found, and what was saved of the items in spite of it."""

    what: str
    """One sentence: what was found, and where."""
    at: float
    """When, in seconds since the epoch."""
    folder: str = ""
    """Where the old files lie; empty where nothing had to be set aside."""
    total: int = 0
    """Items that there should be; always `salvaged` + `lost`."""
    salvaged: int = 0
    """Whole, in the queue of now."""
    lost: int = 0
    quarantined: int = 0
    """Of those that are lost, in the queue with what is known of them, as QUARANTINED."""

    @property
    def message(self) -> str:
        """What an operator is told."""
        if not self.folder:
            return self.what
        if not self.total:
            return (
                f"{self.what}; nothing could be salvaged, and how many items there were is not "
                f"known; the old files are in {self.folder}"
            )
        lost = f"{self.lost} lost"
        if self.quarantined:
            lost += f" ({self.quarantined} of these are QUARANTINED, with what is known of them)"
        return (
            f"{self.what}; of {self.total} items {self.salvaged} were salvaged, {lost}; "
            f"the old files are in {self.folder}"
        )

    def facts(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    def to_json(self) -> str:
        """As the store keeps it."""
        return json.dumps(self.facts())

    @classmethod
    def from_json(cls, text: str) -> Damage | None:
        """What `to_json` made; None: it is empty, or not what it made."""
        try:
            return cls(**json.loads(text)) if text else None
        except (ValueError, TypeError):
            return None

    def show(self, board: Board) -> None:
        """Put it on the board."""
        board.begin(Cause.STORE_DAMAGED, "", self.message, HINT)

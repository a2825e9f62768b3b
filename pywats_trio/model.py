"""The words of the house: what lies in the queue, the states it passes, what work on it can end in.

Pure values, no I/O. Times are seconds since the epoch (UTC) as `float`; durations are seconds.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

from attrs import field, frozen, validators

from pywats_trio.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

PRIORITY_FIRST: Final = 1
PRIORITY_LAST: Final = 10
POST_ACTIONS: Final = ("move", "delete", "archive", "keep")
"""What can become of a converted file."""


class Kind(StrEnum):
    """What an item is waiting for."""

    FILE = "file"
    """A test file, to be converted into reports."""
    REPORT = "report"
    """A WSJF report, to be delivered to the server."""


class Form(StrEnum):
    """What a converter is given at once."""

    FILE = "file"
    FOLDER = "folder"
    """A folder with all that lies in it."""
    PAIR = "file-and-folder"
    """A header file and the folder beside it that has its name without the ending."""


@frozen
class Unit:
    """The unit of work of a converter that takes folders, and when one is complete."""

    form: Form = Form.FOLDER
    marker: str = ""
    """The name of a file in the folder that says so; empty: there is none."""
    minimum_files: int = 1
    """In the folder, at any depth, beside the marker."""
    quiet_seconds: float = 2.0
    """How long nothing in it has changed."""


class State(StrEnum):
    """Where an item stands (contract section 6)."""

    PENDING = "PENDING"
    PROCESSING = "PROCESSING"
    SUSPENDED = "SUSPENDED"
    HELD = "HELD"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    QUARANTINED = "QUARANTINED"


class Reason(StrEnum):
    """Why a SUSPENDED item waits."""

    RETRY = "retry"
    """Its own failure; it waits for `due_at`."""
    SERVER = "server"
    """The server is away; it waits until the server is right again, `due_at` at the latest."""
    CONVERTER = "converter"
    """Its converter is not usable at the moment."""


TRANSITIONS: Final[Mapping[State, frozenset[State]]] = {
    State.PENDING: frozenset({State.PROCESSING, State.HELD, State.FAILED, State.QUARANTINED}),
    State.PROCESSING: frozenset(
        {State.PENDING, State.SUSPENDED, State.COMPLETED, State.FAILED, State.QUARANTINED}
    ),
    State.SUSPENDED: frozenset(
        # SUSPENDED to itself: a failure that turns out to be the report's own (contract 1.6).
        {State.PENDING, State.SUSPENDED, State.HELD, State.FAILED, State.QUARANTINED}
    ),
    # COMPLETED: it was exported, and delivered from where it was imported.
    State.HELD: frozenset({State.PENDING, State.COMPLETED}),
    State.COMPLETED: frozenset(),
    State.FAILED: frozenset({State.PENDING}),
    State.QUARANTINED: frozenset({State.PENDING}),
}
"""The legal changes of state. Anything else raises `errors.IllegalTransition`."""

FINISHED: Final = frozenset({State.COMPLETED, State.FAILED, State.QUARANTINED})
"""States in which an item waits for nothing and does not count against `queue.max_items`."""

UNFINISHED: Final = frozenset(State) - FINISHED


class Putaway(StrEnum):
    """Whether the source of a finished file item still has to leave its watch folder."""

    NONE = "none"
    PENDING = "pending"
    DONE = "done"


@frozen
class Identity:
    """What tells one file from the next under the same name, as `stat` gives it.

    Of a folder: what `units.survey` makes of all that is in it.
    """

    device: int
    inode: int
    size: int
    """Bytes."""
    mtime_ns: int


@frozen
class Problem:
    """Why something failed, in words a test engineer can act on."""

    kind: str
    """The error class: a short constant word such as `rejected`, `timeout`, `worker-died`."""
    message: str
    """One sentence: what is wrong, and where (line, column, path, step) if that is known."""
    hint: str = ""
    """One sentence: what to do about it."""
    evidence: str = ""
    """What the other side printed or answered, cut to a few kilobytes."""


def _priority(_instance: object, _attribute: object, value: int) -> None:
    if not PRIORITY_FIRST <= value <= PRIORITY_LAST:
        raise ValueError(f"priority must be {PRIORITY_FIRST} (first) to {PRIORITY_LAST} (last)")


def _number(_instance: object, _attribute: object, value: float) -> None:
    # NaN is neither before nor after any time: with it in the books nothing would ever be due.
    if math.isnan(value):
        raise ValueError("a delay must be a number of seconds")


class OnDisk(Protocol):
    """Bytes that wait on the disk until they are stored."""

    def __len__(self) -> int:
        """How many they are."""
        ...

    def read(self) -> bytes:
        """All of them; blocks.

        Raises:
            StoreError: the disk does not give them back.
        """
        ...


Payload = bytes | OnDisk


def content(payload: Payload) -> bytes:
    """The bytes themselves; blocks where they are on the disk."""
    return payload if isinstance(payload, bytes) else payload.read()


@frozen
class Envelope:
    """An item on its way into the queue; the store gives it an id and a state.

    `source` is the path of the file it comes from as Python holds it (`os.fsdecode`, so any bytes
    survive). A FILE carries its `identity`, a REPORT its `payload` and the facts of its header.
    """

    kind: Kind
    converter: str
    """The `name` of the converter in the configuration."""
    source: str
    priority: int = field(default=5, validator=_priority)
    max_attempts: int = field(default=3, validator=validators.ge(1))
    correlation_id: str = ""
    """One for each drop, shared by the file and its reports; the store makes one if empty."""
    identity: Identity | None = None
    form: Form = Form.FILE
    """FILE: what there is at `source`."""
    payload: Payload | None = None
    """REPORT: the WSJF bytes exactly as they will be sent."""
    report_id: str = ""
    """REPORT: its UUID, lower case."""
    serial_number: str = ""
    part_number: str = ""
    result: str = ""
    """REPORT: P, F, E or T."""
    start: str = ""
    """REPORT: `start` as it stands in the report, ISO 8601."""
    waited: float = 0.0
    """FILE: seconds since it was first seen."""
    origin: str = ""
    """What it was imported from, such as `<export>/<item>`: taken once, however often it is put."""
    past: tuple[str, ...] = ()
    """What happened to it in the queue that it was imported from, a sentence each."""


@frozen
class Item:
    """One row of the queue (contract section 6)."""

    id: int
    kind: Kind
    state: State
    reason: Reason | None
    priority: int
    attempts: int
    """Committed outcomes that count, 0 at first."""
    max_attempts: int
    interruptions: int
    """Claims that a crash or a stop of the service cut off; they cost nothing."""
    deaths: int
    """Worker processes this file has killed."""
    serial_number: str
    part_number: str
    result: str
    start: str
    due_at: float | None
    created_at: float
    started_at: float | None
    finished_at: float | None
    duration: float | None
    """Seconds of work in the last claim."""
    progress: int
    """0 to 100."""
    converter: str
    source: str
    """Where the file lies now, or the file a report came from."""
    identity: Identity | None
    report_id: str
    parent_id: int | None
    """REPORT: the file item it was converted from."""
    correlation_id: str
    sha256: str
    """Hex. REPORT: of the payload; FILE: of the source bytes, known once it is converted."""
    error_kind: str
    last_error: str
    putaway: Putaway
    error_hint: str = ""
    """What to do about `last_error`; empty where nothing is known."""
    evidence: str = ""
    """As `Problem.evidence`."""
    dropped_at: float = 0.0
    """When the file, or that which the report came from, was first seen."""
    receipt: str = ""
    """What the server answered when it took the report."""
    bytes: int = 0
    """Of the payload that is stored now."""
    worker: str = ""
    """Who did the last work on it, such as a process and its number."""
    original: str = ""
    """FILE: the path under which it was accepted, printable."""
    form: Form = Form.FILE
    """FILE: what there is at `source`; of a pair, it is the path of the header."""
    after: str = ""
    """FILE that is converted: one of `POST_ACTIONS` if its converter said so; see `Converted`."""

    @property
    def has_moved(self) -> bool:
        """FILE: whether it lies elsewhere than where it was accepted.

        So does a refused one once it was put away; after an operator's retry it is converted there.
        """
        return bool(self.original) and printable(self.source) != self.original


@frozen
class Event:
    """One row of the history: the life of items, and of the service where `item_id` is None."""

    seq: int
    """One numbered sequence for the whole store."""
    at: float
    item_id: int | None
    event: str
    """`accepted`, `claimed`, `delivered` and the like; a constant word or two."""
    state: State | None
    """Of the item from then on; None where it did not change."""
    reason: Reason | None
    attempts: int | None
    who: str
    error_kind: str
    message: str
    """For an event of the service a JSON object."""


@frozen
class Claim:
    """An item that is PROCESSING for one owner; only `fence` can finish it."""

    item: Item
    owner: str
    fence: int
    payload: bytes | None = None
    """REPORT: the stored bytes."""


@frozen
class Converted:
    """FILE: its reports. They, this completion and its history row are one transaction."""

    reports: tuple[Envelope, ...]
    sha256: str
    """Of the source bytes, hex."""
    note: str = ""
    """What the converter wants remembered, such as findings."""
    worker: str = ""
    """Who did it, such as a process and its number; so in the others that have one."""
    after: str = ""
    """One of `POST_ACTIONS`, if the converter said what is to become of its file. The configured
    `post_action` comes first."""


@frozen
class Delivered:
    """REPORT: the server took it."""

    receipt: str
    """The server's answer, cut to 1 KiB."""


@frozen
class Wait:
    """Not now: SUSPENDED for `delay` seconds, or until the cause behind `reason` ends."""

    delay: float = field(validator=_number)
    """Seconds; `math.inf` waits for the end of the cause alone."""
    reason: Reason
    problem: Problem
    counts: bool = False
    """Whether this outcome uses up one of the item's attempts."""
    died: bool = False
    """Whether a worker process died of this file."""
    worker: str = ""


@frozen
class Failed:
    """For good, as far as the program goes: only an operator's retry brings it back."""

    problem: Problem
    counts: bool = True
    died: bool = False
    worker: str = ""


@frozen
class Quarantined:
    """Damaged, or dangerous: set aside with the evidence in `problem`."""

    problem: Problem
    died: bool = False
    worker: str = ""
    code: str = ""
    """FILE: which version of its converter it was; another one may be able to read it."""


@frozen
class Superseded:
    """FILE: not this file any more. It was replaced while it waited; intake takes the new one."""

    message: str


@frozen
class Released:
    """Handed back unfinished by a stop or a cancellation: PENDING again, an interruption."""

    message: str = "stopped before it was finished"


Outcome = Converted | Delivered | Wait | Failed | Quarantined | Superseded | Released


@frozen
class Counts:
    """How many items stand where; a snapshot."""

    by: Mapping[tuple[Kind, State], int]
    bytes: int = 0
    """Of all payloads."""

    def of(self, kind: Kind, *states: State) -> int:
        """The number of items of `kind` in any of `states`."""
        return sum(self.by.get((kind, state), 0) for state in states)

    @property
    def unfinished(self) -> int:
        """What counts against `queue.max_items`."""
        return sum(n for (_kind, state), n in self.by.items() if state in UNFINISHED)

"""What is true of a service now, in memory: status, health and metrics answer from here.

The board must answer while the store is busy, broken or closed, so it never asks it. Parts tell it
when something begins or ends to hold them up; what they know themselves they are asked for by
functions that read their memory.
"""

from __future__ import annotations

import time
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from attrs import define, evolve, field, frozen

from pywats_trio.control import ServiceState
from pywats_trio.model import Counts, Kind
from pywats_trio.observe.metrics import Metrics
from pywats_trio.observe.resources import Resources

if TYPE_CHECKING:
    from collections.abc import Callable

STALLED_SECONDS: Final = 15.0
"""Without a tick of the supervisor for so long, the event loop hangs."""


class Cause(StrEnum):
    """What can hold a service up while it goes on with the rest."""

    SERVER = "server"
    """The WATS server is away, ailing, or wrongly addressed."""
    AUTH = "auth"
    """The WATS server does not accept the token."""
    QUEUE_FULL = "queue_full"
    """As many items are unfinished as `queue.max_items` allows."""
    QUEUE_BYTES = "queue_bytes"
    """As many bytes are stored as `queue.max_bytes` allows."""
    DISK = "disk"
    """The disk of data_dir has less room than `queue.min_free_disk`."""
    MEMORY = "memory"
    """The machine has less memory left than `queue.min_free_memory`."""
    STORE = "store"
    """The queue's database cannot be written."""
    STORE_DAMAGED = "store_damaged"
    """The queue's database was damaged, and an operator has yet to see what became of it."""
    FOLDER = "folder"
    """A watch folder, or a folder beside it, cannot be used."""
    CONVERTER = "converter"
    """A converter cannot be used."""
    DISABLED = "disabled"
    """An operator has turned a converter off."""
    WORKERS = "workers"
    """No worker process can be started."""
    PART = "part"
    """A part of the service failed and is being started again."""


STOPS_INTAKE: Final = (Cause.QUEUE_FULL, Cause.QUEUE_BYTES, Cause.DISK, Cause.MEMORY)
"""While one of these is on the board nothing is accepted."""


@frozen
class Condition:
    """One thing that holds the service up."""

    cause: Cause
    subject: str
    """The converter, folder, server or part concerned; empty where there is only one."""
    message: str
    hint: str
    since: float
    """Seconds since the epoch."""


@frozen
class Unaccepted:
    """A file that was seen in a watch folder and is not in the queue."""

    converter: str
    path: str
    """As Python holds it: any bytes."""
    why: str
    """What it waits for, in a word or two."""
    seconds: float
    """Since it was first seen."""


@define
class Board:
    """One service's; parts hold it, and so do the faces that show it.

    `changed` is called after each change of `conditions`; the functions below it are set by
    whoever makes the parts, and read memory only.
    """

    instance: str = "default"
    version: str = ""
    clock: Callable[[], float] = time.time
    """The wall clock, seconds since the epoch."""
    steady: Callable[[], float] = field(default=time.monotonic, kw_only=True)
    """A clock in seconds that nobody sets: the uptime and the age of the last tick."""
    metrics: Metrics = field(factory=Metrics)
    resources: Resources = field(factory=Resources)
    state: ServiceState = ServiceState.CREATED
    cause: str = ""
    """Why it is in this state."""
    since: float = field(init=False)
    """When it came to be in this state, seconds since the epoch."""
    started_at: float = field(init=False)
    """Seconds since the epoch."""
    conditions: dict[tuple[Cause, str], Condition] = field(factory=dict)
    restarts: dict[str, int] = field(factory=dict)
    """How often each part was started again."""
    server_asked: bool = False
    """Whether the server has been asked for its version, with whatever result."""
    waiting_since: dict[Kind, float] = field(factory=dict)
    """When the oldest PENDING item of each kind came, as of the last look; epoch seconds."""
    ipc_connections: int = 0
    health_url: str = ""
    """Where the probes are; empty before they are."""
    socket: str = ""
    """Where local control listens; empty where it does not."""
    changed: Callable[[], None] = lambda: None
    waiting_for: Callable[[], tuple[str, ...]] = tuple
    """What a drain is waiting for, in words."""
    counts: Callable[[], Counts] = lambda: Counts({})
    delivery: Callable[[], dict[str, Any]] = dict
    converters: Callable[[], list[dict[str, Any]]] = list
    workers: Callable[[], dict[str, Any]] = dict
    not_accepted: Callable[[Callable[[str], bool]], list[Unaccepted]] = lambda _wanted: []
    """Of the files that were seen and are not accepted, those whose paths are wanted."""
    _started: float = field(init=False)
    _ticked: float = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.started_at = self.since = self.clock()
        self._started = self._ticked = self.steady()

    # Told by the parts

    def begin(self, cause: Cause, subject: str, message: str, hint: str = "") -> None:
        """Something holds the service up, or goes on to; its beginning is kept."""
        before = self.conditions.get((cause, subject))
        if before is not None and (before.message, before.hint) == (message, hint):
            return
        new = Condition(cause, subject, message, hint, self.clock())
        self.conditions[cause, subject] = evolve(new, since=before.since) if before else new
        self.changed()

    def end(self, cause: Cause, subject: str = "") -> None:
        """It does not hold the service up any more; nothing happens if it never did."""
        if self.conditions.pop((cause, subject), None) is not None:
            self.changed()

    def forget(self, subject: str) -> None:
        """`subject` is gone, and what held it up, also under names that go on with a colon."""
        for cause, known in list(self.conditions):
            if known == subject or known.startswith(f"{subject}:"):
                self.end(cause, known)

    def restarted(self, part: str) -> None:
        """A part is started again."""
        self.restarts[part] = self.restarts.get(part, 0) + 1
        self.metrics.restarts.labels(part).inc()

    def tick(self) -> None:
        """The supervisor is alive."""
        self._ticked = self.steady()

    # Asked by the faces

    @property
    def uptime(self) -> float:
        """Seconds since the service was made."""
        return self.steady() - self._started

    @property
    def alive(self) -> bool:
        """Whether the event loop turns and the supervisor ticks, and the service has not failed."""
        stalled = self.steady() - self._ticked >= STALLED_SECONDS
        return self.state is not ServiceState.FAILED and not stalled

    def held_up_by(self, *causes: Cause) -> list[Condition]:
        """What holds the service up for one of `causes`, oldest first."""
        found = [condition for condition in self.conditions.values() if condition.cause in causes]
        return sorted(found, key=lambda condition: condition.since)

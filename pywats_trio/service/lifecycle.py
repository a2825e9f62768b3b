"""The life of a service: its states, and which may follow which (contract section 2)."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

import structlog
import trio

from pywats_trio.bell import Bell
from pywats_trio.control import ServiceState as State
from pywats_trio.errors import PywatsTrioError, StoreError
from pywats_trio.observe.status import iso

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pywats_trio.observe.board import Board
    from pywats_trio.queue.store import Store

log = structlog.get_logger("pywats_trio.service")

_ANY_TIME: Final = frozenset({State.DRAINING, State.FAILED})
TRANSITIONS: Final[Mapping[State, frozenset[State]]] = {
    State.CREATED: frozenset({State.VALIDATING}) | _ANY_TIME,
    State.VALIDATING: frozenset({State.RECOVERING}) | _ANY_TIME,
    State.RECOVERING: frozenset({State.STARTING}) | _ANY_TIME,
    # Paused survives a restart: not one file is taken before somebody resumes.
    State.STARTING: frozenset({State.RUNNING, State.DEGRADED, State.PAUSED}) | _ANY_TIME,
    State.RUNNING: frozenset({State.DEGRADED, State.PAUSED, State.RELOADING}) | _ANY_TIME,
    State.DEGRADED: frozenset({State.RUNNING, State.PAUSED, State.RELOADING}) | _ANY_TIME,
    State.PAUSED: frozenset({State.RUNNING, State.DEGRADED}) | _ANY_TIME,
    State.RELOADING: frozenset({State.RUNNING, State.DEGRADED}) | _ANY_TIME,
    State.DRAINING: frozenset({State.STOPPED, State.FAILED}),
    State.STOPPED: frozenset(),
    State.FAILED: frozenset(),
}
"""The legal changes. Anything else raises `IllegalState`."""

RECORD_SECONDS: Final = 1.0
"""Before a change that could not be written into the history is tried again."""
UNWRITTEN: Final = 1000
"""Changes that wait for the history at most; of more, the oldest stand in the log alone."""


class IllegalState(PywatsTrioError):
    """A change of state that the table does not allow: a defect of the program."""


class Lifecycle:
    """Owns the board's state: every change of it goes through here.

    Each change is logged with its cause, shown by the metric `pywats_service_state`, and becomes an
    event of the history once the store is open (`record`).
    """

    def __init__(self, board: Board) -> None:
        self._board = board
        self._paused = False
        self._unwritten: deque[dict[str, Any]] = deque(maxlen=UNWRITTEN)
        self._writing = trio.Lock()
        self._news = Bell()
        self.changes = Bell()
        """Rung after each change."""
        self.entered: Callable[[], None] = lambda: None
        """Called at each change, before anything else can happen."""
        board.changed = self._settle

    @property
    def state(self) -> State:
        """Where the service stands."""
        return self._board.state

    def enter(self, state: State, cause: str) -> None:
        """Change the state.

        Raises:
            IllegalState: `state` may not follow the present one; nothing was changed.
        """
        board, before = self._board, self._board.state
        if state not in TRANSITIONS[before]:
            raise IllegalState(f"a service cannot go from {before} to {state} ({cause})")
        board.state, board.cause, board.since = state, cause, board.clock()
        log.info("service state", state=state.value, before=before.value, cause=cause)
        # The row of the history has the time at which it was written, which may be much later.
        told = {"state": state.value, "before": before.value, "cause": cause}
        self._unwritten.append({**told, "at": iso(board.since)})
        self._news.ring()
        self.changes.ring()
        self.entered()

    def at_work(self, cause: str, *, paused: bool | None = None) -> None:
        """Enter the state that the conditions call for: paused, degraded or running.

        `paused` sets whether the service is paused from now on; None leaves it.
        """
        if paused is not None:
            self._paused = paused
        state, why = self._called_for(cause)
        if state is not self._board.state:
            self.enter(state, why)
        elif state is State.DEGRADED:
            self._board.cause = why  # what it was first may be over, and something else not

    def _called_for(self, cause: str) -> tuple[State, str]:
        if self._paused:
            return State.PAUSED, cause
        if not self._board.conditions:
            return State.RUNNING, cause
        oldest = min(self._board.conditions.values(), key=lambda condition: condition.since)
        return State.DEGRADED, oldest.message

    def _settle(self) -> None:
        """A condition began or ended."""
        if self.state in {State.RUNNING, State.DEGRADED}:
            self.at_work("nothing holds the service up any more")
        self.changes.ring()

    def end(self, state: State, cause: str) -> None:
        """Enter `state` if that is legal: an ending that another one came before is no change."""
        if state in TRANSITIONS[self.state]:
            self.enter(state, cause)

    async def record(
        self, store: Store, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Write changes into the history until cancelled; those before the first call, too."""
        task_status.started()
        while True:
            ticket = self._news.ticket()
            try:
                await self.write(store)
            except StoreError as error:
                log.warning("a change of state is not in the history", error=str(error))
                await trio.sleep(RECORD_SECONDS)
                continue
            await ticket.wait()

    async def write(self, store: Store) -> None:
        """Write what is not written yet, in order.

        Raises:
            StoreError: it cannot be written; what is left is written by the next call.
        """
        async with self._writing:
            while self._unwritten:
                change = self._unwritten[0]
                await store.note("service state", change)
                if self._unwritten[0] is change:  # it had to go if there were too many
                    self._unwritten.popleft()

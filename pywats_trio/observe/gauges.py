"""What is true at the moment as metrics, read from the board whenever somebody scrapes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.process_collector import ProcessCollector

from pywats_trio.control import ServiceState
from pywats_trio.model import Kind, State
from pywats_trio.observe.board import STOPS_INTAKE, Cause

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from prometheus_client.metrics_core import Metric

    from pywats_trio.observe.board import Board

_LEVELS: Final = ("strict", "standard", "basic", "off")
_BREAKER: Final = {"closed": 0, "suspect": 1, "half-open": 2, "open": 3}
"""The worse, the higher: an alert asks for `> 0`."""


class Gauges:
    """A collector for `Metrics.registry`.

    `look` reads the board, in the event loop; then any thread may collect what was seen.
    """

    def __init__(self, board: Board) -> None:
        self._board = board
        self._seen: list[Metric] = []

    def look(self) -> None:
        """See what is true now; from memory, and quick."""
        self._seen = [
            *self._service(),
            *self._queue(),
            *self._delivery(),
            *self._workers(),
            *self._machine(),
        ]

    def describe(self) -> list[Metric]:
        """Nothing: the names need not be known before the first scrape."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Every gauge, as of the last look."""
        yield from self._seen

    def _service(self) -> Iterator[Metric]:
        board = self._board
        states = [(state.value, state is board.state) for state in ServiceState]
        yield _by("pywats_service_state", "1 for the state the service is in.", "state", states)
        paused = {"paused": board.state is ServiceState.PAUSED}
        causes = (*STOPS_INTAKE, Cause.STORE)
        paused |= {cause.value: bool(board.held_up_by(cause)) for cause in causes}
        yield _by("pywats_intake_paused", "1 where this stops the intake.", "cause", paused.items())
        yield _one("pywats_ipc_connections", "Clients of local control.", board.ipc_connections)

    def _queue(self) -> Iterator[Metric]:
        counts, board = self._board.counts(), self._board
        depth = GaugeMetricFamily(
            "pywats_queue_depth", "Items by kind and state.", labels=["kind", "state"]
        )
        for kind in Kind:
            for state in State:
                depth.add_metric([kind.value, state.value], counts.of(kind, state))
        yield depth
        now = board.clock()
        ages = [
            # Who waited at the last look may be gone since then.
            (kind.value, max(0.0, now - at) if counts.of(kind, State.PENDING) else 0.0)
            for kind, at in board.waiting_since.items()
        ]
        yield _by(
            "pywats_queue_oldest_age_seconds",
            "How long the oldest item has been PENDING.",
            "kind",
            ages,
        )

    def _delivery(self) -> Iterator[Metric]:
        facts = self._board.delivery()
        if not facts.get("server"):
            return
        yield _one(
            "pywats_delivery_concurrency_limit",
            "Reports that may be in hand at once.",
            facts["concurrency_limit"],
        )
        yield _by(
            "pywats_breaker_state",
            "0 closed (reports are sent), 1 suspect, 2 half-open, 3 open (they wait).",
            "server",
            [(facts["server"], _BREAKER[facts["breaker"]])],
        )

    def _workers(self) -> Iterator[Metric]:
        facts = self._board.workers()
        if not facts:
            return
        sandbox = facts["sandbox"]
        yield _by(
            "pywats_sandbox_level",
            "1 for the level at which workers are shut in.",
            "level",
            [(level, level == sandbox["level"]) for level in _LEVELS],
        )
        states = [(state, facts[state]) for state in ("busy", "idle", "ending")]
        yield _by("pywats_worker_processes", "Worker processes.", "state", states)
        yield _one(
            "pywats_worker_limit",
            "Workers that may run at once.",
            facts["limit"],
        )
        yield _one(
            "pywats_worker_resident_memory_bytes",
            "Memory of all worker processes together.",
            facts["resident_bytes"],
        )

    def _machine(self) -> Iterator[Metric]:
        seen = self._board.resources
        if seen.disk_free_bytes is not None:
            yield _one(
                "pywats_disk_free_bytes", "Free space where data_dir is.", seen.disk_free_bytes
            )
        if seen.queue_bytes is not None:
            yield _one(
                "pywats_queue_bytes", "Size of the queue's database and its log.", seen.queue_bytes
            )


def _one(name: str, doc: str, value: float) -> Metric:
    return GaugeMetricFamily(name, doc, value=value)


def _by(name: str, doc: str, label: str, values: Iterable[tuple[str, float]]) -> Metric:
    family = GaugeMetricFamily(name, doc, labels=[label])
    for key, value in values:
        family.add_metric([key], float(value))
    return family


def register(board: Board) -> Gauges:
    """Add the gauges of `board`, and `process_*`, to its registry."""
    gauges = Gauges(board)
    board.metrics.registry.register(gauges)
    ProcessCollector(registry=board.metrics.registry)
    return gauges

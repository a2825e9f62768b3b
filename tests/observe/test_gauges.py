"""What a scrape reads from the board."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pywats_trio.control import ServiceState
from pywats_trio.model import Counts, Kind, State
from pywats_trio.observe import gauges
from pywats_trio.observe.board import Board, Cause

if TYPE_CHECKING:
    from pywats_trio.observe.gauges import Gauges


@pytest.fixture
def board() -> Board:
    return Board(clock=lambda: 1000.0)


@pytest.fixture
def seen(board: Board) -> Gauges:
    return gauges.register(board)


def value(board: Board, seen: Gauges, name: str, **labels: str) -> float | None:
    """As a scrape would have it now."""
    seen.look()
    return board.metrics.registry.get_sample_value(name, labels)


@pytest.mark.parametrize("state", ServiceState)
def test_one_state_is_the_present_one(board: Board, seen: Gauges, state: ServiceState) -> None:
    board.state = state
    told = {s: value(board, seen, "pywats_service_state", state=s) for s in ServiceState}
    assert told == {s: float(s is state) for s in ServiceState}


@pytest.mark.parametrize(
    ("cause", "word"),
    [
        (Cause.QUEUE_FULL, "queue_full"),
        (Cause.QUEUE_BYTES, "queue_bytes"),
        (Cause.DISK, "disk"),
        (Cause.MEMORY, "memory"),
        (Cause.STORE, "store"),
    ],
)
def test_what_stops_the_intake_is_told(board: Board, seen: Gauges, cause: Cause, word: str) -> None:
    assert value(board, seen, "pywats_intake_paused", cause=word) == 0
    board.begin(cause, "", "no")
    assert value(board, seen, "pywats_intake_paused", cause=word) == 1
    assert value(board, seen, "pywats_intake_paused", cause="paused") == 0


def test_a_pause_stops_the_intake(board: Board, seen: Gauges) -> None:
    board.state = ServiceState.PAUSED
    assert value(board, seen, "pywats_intake_paused", cause="paused") == 1


def test_every_depth_is_there_before_anything_is_queued(board: Board, seen: Gauges) -> None:
    board.counts = lambda: Counts({(Kind.REPORT, State.HELD): 3})
    for kind in Kind:
        for state in State:
            depth = value(board, seen, "pywats_queue_depth", kind=kind, state=state)
            assert depth == 3 * (kind is Kind.REPORT and state is State.HELD)


def test_the_age_of_the_oldest_grows_and_is_never_negative(board: Board, seen: Gauges) -> None:
    board.waiting_since = {Kind.FILE: 940.0, Kind.REPORT: 1001.0}
    board.counts = lambda: Counts({(kind, State.PENDING): 1 for kind in Kind})
    assert value(board, seen, "pywats_queue_oldest_age_seconds", kind="file") == 60
    assert value(board, seen, "pywats_queue_oldest_age_seconds", kind="report") == 0


def test_where_nothing_waits_any_more_the_age_is_0_at_once(board: Board, seen: Gauges) -> None:
    board.waiting_since = {Kind.FILE: 940.0}
    board.counts = lambda: Counts({(Kind.FILE, State.SUSPENDED): 1})
    assert value(board, seen, "pywats_queue_oldest_age_seconds", kind="file") == 0


@pytest.mark.parametrize(
    ("state", "number"), [("closed", 0), ("suspect", 1), ("half-open", 2), ("open", 3)]
)
def test_the_breaker_is_a_number_that_grows_with_the_trouble(
    board: Board, seen: Gauges, state: str, number: int
) -> None:
    facts = {"server": "http://a", "breaker": state, "concurrency_limit": 8}
    board.delivery = lambda: facts
    assert value(board, seen, "pywats_breaker_state", server="http://a") == number
    assert value(board, seen, "pywats_delivery_concurrency_limit") == 8


def test_without_a_server_there_is_no_breaker(board: Board, seen: Gauges) -> None:
    board.delivery = lambda: {"server": "", "breaker": None, "concurrency_limit": 0}
    assert value(board, seen, "pywats_breaker_state", server="") is None
    assert value(board, seen, "pywats_delivery_concurrency_limit") is None


def test_workers_are_told_by_what_they_do(board: Board, seen: Gauges) -> None:
    board.workers = lambda: {
        "busy": 2,
        "idle": 1,
        "ending": 0,
        "resident_bytes": 4096,
        "limit": 3,
        "sandbox": {"wanted": "strict", "level": "basic", "missing": ["Landlock"]},
    }
    assert value(board, seen, "pywats_worker_limit") == 3
    assert value(board, seen, "pywats_sandbox_level", level="basic") == 1
    assert value(board, seen, "pywats_sandbox_level", level="strict") == 0
    for state, n in (("busy", 2), ("idle", 1), ("ending", 0)):
        assert value(board, seen, "pywats_worker_processes", state=state) == n
    assert value(board, seen, "pywats_worker_resident_memory_bytes") == 4096


def test_the_disk_is_told_once_it_was_looked_at(board: Board, seen: Gauges) -> None:
    for name in ("pywats_disk_free_bytes", "pywats_queue_bytes"):
        assert value(board, seen, name) is None
    board.resources.disk_free_bytes, board.resources.queue_bytes = 10, 20
    assert value(board, seen, "pywats_disk_free_bytes") == 10
    assert value(board, seen, "pywats_queue_bytes") == 20


def test_the_process_is_told_by_the_usual_names(board: Board, seen: Gauges) -> None:
    for name in ("process_resident_memory_bytes", "process_open_fds", "process_cpu_seconds_total"):
        assert value(board, seen, name) or name.endswith("total")


def test_what_is_not_built_has_no_metric(board: Board, seen: Gauges) -> None:
    seen.look()
    names = {family.name for family in board.metrics.registry.collect()}
    assert not any("trac" in name or "span" in name for name in names)


def test_a_collection_tells_what_the_last_look_saw(board: Board, seen: Gauges) -> None:
    seen.look()
    board.ipc_connections = 5
    assert board.metrics.registry.get_sample_value("pywats_ipc_connections") == 0
    assert value(board, seen, "pywats_ipc_connections") == 5

"""The whole board as `status` shows it: plain values, times in ISO 8601, durations in seconds."""

from __future__ import annotations

import os
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from pywats_trio.control import ServiceState
from pywats_trio.model import Kind, State
from pywats_trio.observe.checks import checks

if TYPE_CHECKING:
    from pywats_trio.model import Counts
    from pywats_trio.observe.board import Board, Condition

_AS_PYWATS: Final = {
    ServiceState.RUNNING: "Running",
    ServiceState.DEGRADED: "Running",
    ServiceState.RELOADING: "Running",
    ServiceState.PAUSED: "Paused",
    ServiceState.DRAINING: "StopPending",
    ServiceState.STOPPED: "Stopped",
    ServiceState.FAILED: "Error",
}
"""The words of pyWATS 2.0 for `status`; `StartPending` before there is work."""


def iso(at: float) -> str:
    """Epoch seconds as ISO 8601, UTC: `2026-01-30T09:00:00.123Z`."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def status(board: Board) -> dict[str, Any]:
    """What is true now. The flat names that pyWATS clients map stand beside ours."""
    counts = board.counts()
    delivery = _delivery(board)
    passed = {name: not reason for name, reason in checks(board).items()}
    return {
        "state": board.state.value,
        "cause": board.cause,
        "since": iso(board.since),
        "instance": board.instance,
        "version": board.version,
        "pid": os.getpid(),
        "started_at": iso(board.started_at),
        "uptime_seconds": round(board.uptime, 3),
        "health": board.health_url,
        "socket": board.socket,
        "waiting_for": list(board.waiting_for()),
        "conditions": [_condition(one) for one in board.conditions.values()],
        "checks": passed,
        "queue": by_kind(counts),
        "delivery": delivery,
        "converters": board.converters(),
        "workers": board.workers(),
        "restarts": dict(board.restarts),
        "resources": _resources(board),
        **_flat(board, counts, passed),
    }


def by_kind(counts: Counts) -> dict[str, dict[str, int]]:
    """`{"file": {"PENDING": 3, …}, "report": {…}}`, every state named."""
    return {kind.value: {s.value: counts.of(kind, s) for s in State} for kind in Kind}


def _condition(condition: Condition) -> dict[str, Any]:
    return {
        "cause": condition.cause.value,
        "subject": condition.subject,
        "message": condition.message,
        "hint": condition.hint,
        "since": iso(condition.since),
    }


def _delivery(board: Board) -> dict[str, Any]:
    facts = board.delivery()
    outage = facts.get("outage")
    if outage:
        facts = {**facts, "outage": {**outage, "since": iso(outage["since"])}}
    return facts


def _resources(board: Board) -> dict[str, Any]:
    seen = board.resources
    return {
        "resident_bytes": seen.resident_bytes(),
        "cpu_seconds": round(seen.cpu_seconds(), 3),
        "descriptors": seen.descriptors(),
        "memory_available_bytes": seen.memory_available_bytes,
        "disk_free_bytes": seen.disk_free_bytes,
        "disk_total_bytes": seen.disk_total_bytes,
        "reserve_bytes": seen.reserve_bytes,
        "queue_bytes": seen.queue_bytes,
    }


def _flat(board: Board, counts: Counts, passed: dict[str, bool]) -> dict[str, Any]:
    totals: Counter[State] = Counter()
    for (_kind, state), n in counts.by.items():
        totals[state] += n
    online = passed["api_connected"] and passed["api_authorized"]
    return {
        "status": _AS_PYWATS.get(board.state, "StartPending"),
        "api_status": "Online" if online else "Offline",
        "pending_count": totals[State.PENDING] + totals[State.SUSPENDED],
        "processing_count": totals[State.PROCESSING],
        "completed_count": totals[State.COMPLETED],
        "failed_count": totals[State.FAILED] + totals[State.QUARANTINED],
        "converter_active": counts.of(Kind.FILE, State.PROCESSING),
        "converter_pending": counts.of(Kind.FILE, State.PENDING),
    }

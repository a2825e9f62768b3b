"""What the parts at work know of themselves, as the board asks for it; all from memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pywats_trio.observe import resources
from pywats_trio.text import printable

if TYPE_CHECKING:
    from pywats_trio.observe.board import Board
    from pywats_trio.service.parts import Parts


def tell(parts: Parts, board: Board) -> None:
    """Let `board` ask `parts` from now on."""
    board.delivery = lambda: _delivery(parts)
    board.converters = lambda: _converters(parts)
    board.workers = lambda: _workers(parts)


def _delivery(parts: Parts) -> dict[str, Any]:
    status = parts.pump.status()
    outage = status.outage
    return {
        "server": parts.pump.address,
        "breaker": status.circuit.value if status.circuit else None,
        "outage": None
        if outage is None
        else {
            "class": outage.kind.value,
            "message": outage.problem.message,
            "hint": outage.problem.hint,
            "since": outage.since,
        },
        "next_try_seconds": round(status.next_try_in, 3),
        "paced": status.paced,
        "in_hand": parts.delivering(),
        "server_version": status.server_version,
        "concurrency_limit": parts.pump.width(),
    }


def _converters(parts: Parts) -> list[dict[str, Any]]:
    folders = parts.lines.facts()
    return [
        {
            "name": options.name,
            "type": options.type,
            "enabled": options.enabled,
            "watch": printable(str(options.watch)),
            "watching": False,
            "waiting_files": 0,
            "waiting_for": {},
            "trouble": "",
            **folders.get(options.name, {}),
        }
        for options in parts.config.converters
    ]


def _workers(parts: Parts) -> dict[str, Any]:
    pool = parts.conversion.pool
    statistics = pool.statistics()
    return {
        "limit": statistics.limit,
        "busy": statistics.busy,
        "idle": statistics.idle,
        "ending": statistics.alive - statistics.busy - statistics.idle,
        "in_hand": parts.converting(),
        "resident_bytes": resources.resident_bytes(pool.pids()),
    }

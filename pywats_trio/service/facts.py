"""What the parts at work know of themselves, as the board asks for it; all from memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pywats_trio.observe import resources
from pywats_trio.observe.board import Cause
from pywats_trio.observe.status import iso
from pywats_trio.text import printable

if TYPE_CHECKING:
    from pywats_trio.config.options import ConverterOptions
    from pywats_trio.observe.board import Board
    from pywats_trio.service.parts import Parts

TRACEBACK: Final = 2000
"""Characters of it that are told, its end."""


def tell(parts: Parts, board: Board) -> None:
    """Let `board` ask `parts` from now on."""
    board.delivery = lambda: _delivery(parts)
    board.converters = lambda: _converters(parts, board)
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


def _converters(parts: Parts, board: Board) -> list[dict[str, Any]]:
    folders = parts.lines.facts()
    return [
        {
            "name": options.name,
            "type": options.type,
            "enabled": options.enabled and options.name not in parts.disabled,
            **_in_use(parts, board, options),
            "watch": printable(str(options.watch)),
            "watching": False,
            "waiting_files": 0,
            "waiting_for": {},
            "trouble": "",
            **folders.get(options.name, {}),
        }
        for options in parts.config.converters
    ]


def _in_use(parts: Parts, board: Board, options: ConverterOptions) -> dict[str, Any]:
    """Which code of a converter is in use, and whether its files are converted."""
    lineup = parts.conversion.lineup
    line, refused = lineup.get(options.name), lineup.refused.get(options.name)
    state, why, hint = _state(parts, board, options)
    return {
        "state": state,
        "why": why,
        "hint": hint,
        "outage": parts.conversion.trouble(options.name),
        "version": line.version if line else "",
        "revision": line.spec.revision if line else "",
        "last_used": iso(line.last_used) if line and line.last_used else None,
        "refused": refused
        and {
            "revision": refused.revision,
            "why": refused.why,
            "traceback": refused.traceback[-TRACEBACK:],
            "since": iso(refused.at),
        },
    }


def _state(parts: Parts, board: Board, options: ConverterOptions) -> tuple[str, str, str]:
    """A word, why it is so, and what to do about it; the latter two empty where it is in use."""
    if not options.enabled:
        return "disabled", "enabled = false in the configuration", ""
    if options.name in parts.disabled:
        told = board.conditions.get((Cause.DISABLED, options.name))
        return "disabled", told.message if told else "", told.hint if told else ""
    trouble = parts.conversion.trouble(options.name)
    if trouble is None:
        return "in use", "", ""
    return "paused" if trouble["paused"] else "unusable", trouble["why"], trouble["hint"]


def _workers(parts: Parts) -> dict[str, Any]:
    pool = parts.conversion.pool
    statistics = pool.statistics()
    return {
        **pool.limit(),
        "busy": statistics.busy,
        "idle": statistics.idle,
        "ending": statistics.alive - statistics.busy - statistics.idle,
        "in_hand": parts.converting(),
        "sandbox": {
            "wanted": str(pool.sandbox.wanted),
            "level": str(pool.sandbox.level),
            "missing": list(pool.sandbox.missing),
        },
        "resident_bytes": resources.resident_bytes(pool.pids()),
    }

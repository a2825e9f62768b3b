"""The checks behind `/ready`: what must be true for the service to be of use. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pywats_trio.control import AT_WORK, BEFORE_WORK, ServiceState
from pywats_trio.observe.board import STOPS_INTAKE, Board, Cause

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

CAUSES: Final[Mapping[str, tuple[Cause, ...]]] = {
    "api_connected": (Cause.SERVER,),
    "api_authorized": (Cause.AUTH,),
    "queue_accessible": (Cause.STORE,),
    "converters_loaded": (Cause.CONVERTER,),
    "folders_accessible": (Cause.FOLDER,),
    "intake_open": STOPS_INTAKE,
}
"""Each check, and what makes it fail; the names are `config.options.CHECKS`."""
_NOT_YET: Final = {
    "queue_accessible": "the queue is not open yet",
    "converters_loaded": "the converters are not loaded yet",
}

_NOT_ASKED: Final = "the server has not been asked yet"
_NO_SERVER: Final = "no server is configured: set server.url"


def checks(board: Board) -> dict[str, str]:
    """Each check's name, and why it fails; empty where it passes."""
    return {name: _why(board, name, causes) for name, causes in CAUSES.items()}


def _why(board: Board, name: str, causes: tuple[Cause, ...]) -> str:
    if board.state in BEFORE_WORK and name in _NOT_YET:
        return _NOT_YET[name]
    if Cause.SERVER in causes and not board.server_asked:
        configured = board.delivery().get("server", True)
        return _NOT_ASKED if configured else _NO_SERVER
    return "; ".join(condition.message for condition in board.held_up_by(*causes))


def ready(board: Board, required: Collection[str]) -> dict[str, str]:
    """Why the service is not ready: the checks in `required` that fail, or its state.

    Empty: it is. The keys are names of checks, `state` for the state itself.
    """
    if board.state not in AT_WORK:
        return {"state": _of_state(board)}
    return {name: why for name, why in checks(board).items() if why and name in required}


def _of_state(board: Board) -> str:
    if board.state in BEFORE_WORK:
        return f"the service is not up yet: {board.state}"
    if board.state is ServiceState.PAUSED:
        return "the service is paused: resume it"
    return f"the service is {board.state}: {board.cause}"

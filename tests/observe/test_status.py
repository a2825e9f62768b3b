"""The board as everybody sees it."""

from __future__ import annotations

import json

import pytest

from pywats_trio.control import ServiceState
from pywats_trio.model import Counts, Kind, State
from pywats_trio.observe.board import Board, Cause
from pywats_trio.observe.status import by_kind, iso, status

NOW = 1_769_763_600.1239


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (0.0, "1970-01-01T00:00:00.000Z"),
        (NOW, "2026-01-30T09:00:00.123Z"),
        (1_769_763_600, "2026-01-30T09:00:00.000Z"),
    ],
)
def test_times_are_iso_8601_in_utc_with_milliseconds(at: float, text: str) -> None:
    assert iso(at) == text


def test_an_empty_board_is_a_status_too() -> None:
    told = status(Board("a", "1", lambda: NOW))
    assert json.loads(json.dumps(told)) == told
    assert (told["instance"], told["version"], told["state"]) == ("a", "1", "created")
    assert told["started_at"] == told["since"] == "2026-01-30T09:00:00.123Z"


def test_every_kind_and_state_of_the_queue_is_named() -> None:
    counted = by_kind(Counts({(Kind.FILE, State.PENDING): 2}))
    assert counted == {
        "file": {state.value: 2 * (state is State.PENDING) for state in State},
        "report": {state.value: 0 for state in State},
    }


def test_the_flat_numbers_of_pywats_add_up_both_kinds() -> None:
    numbers = {state: 10**n for n, state in enumerate(State)}
    board = Board(state=ServiceState.RUNNING)
    board.counts = lambda: Counts(
        {(kind, state): numbers[state] for kind in Kind for state in State}
    )
    told = status(board)
    assert told["pending_count"] == 2 * (numbers[State.PENDING] + numbers[State.SUSPENDED])
    assert told["processing_count"] == 2 * numbers[State.PROCESSING]
    assert told["completed_count"] == 2 * numbers[State.COMPLETED]
    assert told["failed_count"] == 2 * (numbers[State.FAILED] + numbers[State.QUARANTINED])
    assert told["converter_active"] == numbers[State.PROCESSING]
    assert told["converter_pending"] == numbers[State.PENDING]


AS_PYWATS = {
    ServiceState.CREATED: "StartPending",
    ServiceState.VALIDATING: "StartPending",
    ServiceState.RECOVERING: "StartPending",
    ServiceState.STARTING: "StartPending",
    ServiceState.RUNNING: "Running",
    ServiceState.DEGRADED: "Running",
    ServiceState.PAUSED: "Paused",
    ServiceState.RELOADING: "Running",
    ServiceState.DRAINING: "StopPending",
    ServiceState.STOPPED: "Stopped",
    ServiceState.FAILED: "Error",
}


@pytest.mark.parametrize("state", ServiceState)
def test_each_state_has_the_word_of_pywats(state: ServiceState) -> None:
    assert status(Board(state=state))["status"] == AS_PYWATS[state]


@pytest.mark.parametrize("cause", [Cause.SERVER, Cause.AUTH])
def test_the_server_is_online_unless_it_is_away_or_refuses_the_token(cause: Cause) -> None:
    board = Board(server_asked=True)
    assert status(board)["api_status"] == "Online"
    board.begin(cause, "http://a", "no")
    assert status(board)["api_status"] == "Offline"


def test_conditions_are_told_with_what_to_do_and_since_when() -> None:
    board = Board(clock=lambda: NOW)
    board.begin(Cause.FOLDER, "line", "it is away", "mount it")
    assert status(board)["conditions"] == [
        {
            "cause": "folder",
            "subject": "line",
            "message": "it is away",
            "hint": "mount it",
            "since": "2026-01-30T09:00:00.123Z",
        }
    ]


def test_an_outage_is_told_with_the_time_it_began_and_the_facts_are_left_alone() -> None:
    facts = {"server": "http://a", "outage": {"class": "connect", "since": 0.0}}
    board = Board()
    board.delivery = lambda: facts
    assert status(board)["delivery"]["outage"]["since"] == "1970-01-01T00:00:00.000Z"
    assert facts["outage"] == {"class": "connect", "since": 0.0}

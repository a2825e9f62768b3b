"""The checks of `/ready`, one cause each."""

from __future__ import annotations

import pytest

from pywats_trio.config.options import CHECKS
from pywats_trio.control import AT_WORK, BEFORE_WORK, ServiceState
from pywats_trio.observe.board import Board, Cause
from pywats_trio.observe.checks import CAUSES, checks, ready


def at_work() -> Board:
    return Board(state=ServiceState.RUNNING, server_asked=True)


def test_the_checks_are_those_that_may_be_required() -> None:
    assert set(CAUSES) == set(CHECKS)


def test_all_pass_where_nothing_is_wrong() -> None:
    assert checks(at_work()) == dict.fromkeys(CHECKS, "")
    assert ready(at_work(), CHECKS) == {}


@pytest.mark.parametrize("cause", Cause)
def test_a_cause_fails_its_own_check_and_no_other(cause: Cause) -> None:
    board = at_work()
    board.begin(cause, "x", "x is broken")
    failed = {name: why for name, why in checks(board).items() if why}
    assert failed == {name: "x is broken" for name, of in CAUSES.items() if cause in of}


def test_the_server_is_not_known_before_it_was_asked() -> None:
    board = Board(state=ServiceState.RUNNING)
    board.delivery = lambda: {"server": "http://wats"}
    assert checks(board)["api_connected"] == "the server has not been asked yet"
    board.server_asked = True
    assert checks(board)["api_connected"] == ""


def test_where_no_server_is_configured_that_is_said() -> None:
    board = Board(state=ServiceState.RUNNING)
    board.delivery = lambda: {"server": ""}
    assert checks(board)["api_connected"] == "no server is configured: set server.url"


@pytest.mark.parametrize("state", sorted(BEFORE_WORK))
def test_before_there_is_work_queue_and_converters_are_not_there_yet(state: ServiceState) -> None:
    failed = checks(Board(state=state, server_asked=True))
    assert failed["queue_accessible"] == "the queue is not open yet"
    assert failed["converters_loaded"] == "the converters are not loaded yet"


@pytest.mark.parametrize("state", sorted(set(ServiceState) - AT_WORK))
def test_a_state_in_which_nothing_is_taken_is_never_ready(state: ServiceState) -> None:
    [(name, why)] = ready(Board(state=state, server_asked=True), ()).items()
    assert name == "state"
    assert state.value in why


@pytest.mark.parametrize("state", sorted(AT_WORK))
def test_at_work_only_required_checks_count(state: ServiceState) -> None:
    board = Board(state=state, server_asked=True)
    board.begin(Cause.SERVER, "http://a", "it is away")
    assert ready(board, ("queue_accessible",)) == {}
    required = ("api_connected", "queue_accessible")
    assert ready(board, required) == {"api_connected": "it is away"}

"""The board: what begins, what ends, and who is told."""

from __future__ import annotations

import pytest

from pywats_trio.control import ServiceState
from pywats_trio.observe.board import STALLED_SECONDS, Board, Cause


def board_at(times: list[float]) -> Board:
    """A board whose clocks show the last of `times`."""
    return Board(clock=lambda: times[-1], steady=lambda: times[-1])


def test_a_condition_keeps_its_beginning_while_its_words_change() -> None:
    times = [100.0]
    board = board_at(times)
    board.begin(Cause.SERVER, "http://a", "no connection", "check the network")
    times.append(160.0)
    board.begin(Cause.SERVER, "http://a", "it answers 503", "wait")
    [condition] = board.conditions.values()
    assert (condition.since, condition.message, condition.hint) == (100.0, "it answers 503", "wait")


def test_whoever_watches_is_told_of_each_change_and_of_nothing_else() -> None:
    told: list[int] = []
    board = Board()
    board.changed = lambda: told.append(len(board.conditions))
    board.begin(Cause.STORE, "", "full", "make room")
    board.begin(Cause.STORE, "", "full", "make room")
    assert told == [1]
    board.begin(Cause.STORE, "", "full", "make more room")
    board.begin(Cause.STORE, "other", "full")
    board.end(Cause.STORE)
    board.end(Cause.STORE)
    board.end(Cause.FOLDER, "never began")
    assert told == [1, 1, 2, 1]


def test_conditions_of_one_cause_are_told_apart_by_their_subject() -> None:
    times = [2.0]
    board = board_at(times)
    board.begin(Cause.FOLDER, "b", "b is away")
    times.append(1.0)
    board.begin(Cause.FOLDER, "a", "a is away")
    board.begin(Cause.CONVERTER, "a", "a is broken")
    assert [c.subject for c in board.held_up_by(Cause.FOLDER)] == ["a", "b"]
    board.end(Cause.FOLDER, "a")
    assert [c.subject for c in board.held_up_by(Cause.FOLDER, Cause.CONVERTER)] == ["a", "b"]


def test_what_is_gone_is_forgotten_with_what_belongs_to_it_and_no_more() -> None:
    board = Board()
    for subject in ("line", "line:done_dir", "line-2", "lin"):
        board.begin(Cause.FOLDER, subject, "away")
    board.begin(Cause.CONVERTER, "line", "broken")
    board.forget("line")
    assert {subject for _, subject in board.conditions} == {"line-2", "lin"}


@pytest.mark.parametrize(
    ("after", "alive"),
    [(0.0, True), (STALLED_SECONDS - 0.01, True), (STALLED_SECONDS, False), (1e6, False)],
)
def test_it_is_alive_as_long_as_it_ticks(after: float, alive: bool) -> None:
    times = [50.0]
    board = board_at(times)
    times.append(50.0 + after)
    assert board.alive is alive
    board.tick()
    assert board.alive


def test_a_wall_clock_that_is_set_changes_neither_uptime_nor_liveness() -> None:
    wall, steady = [1e9], [10.0]
    board = Board(clock=lambda: wall[-1], steady=lambda: steady[-1])
    wall.append(0.0)
    steady.append(12.5)
    assert (board.uptime, board.alive) == (2.5, True)
    assert board.started_at == board.since == 1e9


@pytest.mark.parametrize("state", ServiceState)
def test_only_a_service_that_failed_is_dead_in_its_own_words(state: ServiceState) -> None:
    assert Board(state=state).alive is (state is not ServiceState.FAILED)


def test_a_part_s_restarts_are_counted_for_status_and_metrics() -> None:
    board = Board()
    for part in ("ipc", "deliver", "ipc"):
        board.restarted(part)
    assert board.restarts == {"ipc": 2, "deliver": 1}
    value = board.metrics.registry.get_sample_value
    assert value("pywats_service_restarts_total", {"part": "ipc"}) == 2


def test_two_boards_do_not_add_up() -> None:
    one, other = Board(), Board()
    one.restarted("ipc")
    value = other.metrics.registry.get_sample_value
    assert value("pywats_service_restarts_total", {"part": "ipc"}) is None
    assert other.restarts == {}

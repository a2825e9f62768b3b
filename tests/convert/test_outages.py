"""When the files of a converter wait, and when one of them is tried. All in memory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import trio

from pywats_trio.convert.outages import PROBE_FIRST, PROBE_LAST, Outages, wait_for
from pywats_trio.convert.streaks import IN_A_ROW
from pywats_trio.model import Problem, Reason, Wait
from pywats_trio.observe.board import Board, Cause
from pywats_trio.observe.status import iso
from pywats_trio.queue.shares import Shares
from tests.convert.test_job import claim_of, evolve_item

if TYPE_CHECKING:
    from trio.testing import MockClock

    from pywats_trio.model import Item

WHY = "ValueError: no such column"
ROW = f"the converter 'line' failed on 5 different files in a row, the last one with {WHY}"


def file_of(number: int, converter: str = "line", *, attempts: int = 0) -> Item:
    return evolve_item(claim_of("/x", converter=converter), id=number, attempts=attempts).item


@pytest.fixture
def board() -> Board:
    return Board(clock=lambda: 1_000.0)


@pytest.fixture
def outages(board: Board) -> Outages:
    made = Outages(board, 2)
    made.show(["line"])
    return made


def fail(outages: Outages, *files: int, name: str = "line", died: bool = False) -> None:
    """As a job does it."""
    for file in files:
        if outages.refuses(name, file) is None:
            outages.failed(file_of(file, name), WHY, died=died)
        outages.tried(name, file)


def paused(outages: Outages) -> None:
    fail(outages, *range(IN_A_ROW))
    assert outages.is_paused("line")


def lies(outages: Outages, file: int = 100) -> bool:
    """Whether a file would have to wait."""
    refused = outages.refuses("line", file) is not None
    outages.tried("line", file)
    return refused


# Pausing


@pytest.mark.parametrize(("files", "expected"), [(4, False), (5, True), (6, True)])
async def test_a_converter_that_fails_on_five_different_files_in_a_row_is_paused(
    outages: Outages, board: Board, files: int, expected: bool, autojump_clock: MockClock
) -> None:
    fail(outages, *range(files))
    assert outages.is_paused("line") is expected
    assert lies(outages) is expected
    found = board.held_up_by(Cause.CONVERTER)
    assert [condition.subject for condition in found] == ["line"] * expected
    if expected:
        assert found[0].message == ROW
        assert "reload it" in found[0].hint


async def test_the_same_file_counts_once(outages: Outages, autojump_clock: MockClock) -> None:
    fail(outages, 1, 2, 3, 4, 4, 3, 2, 1, 4)
    assert not outages.is_paused("line")
    fail(outages, 5)
    assert outages.is_paused("line")


async def test_a_file_that_failed_before_does_not_count(
    outages: Outages, autojump_clock: MockClock
) -> None:
    fail(outages, 1, 2, 3, 4)
    outages.failed(file_of(5, attempts=1), WHY, died=False)
    assert not outages.is_paused("line")
    fail(outages, 6)
    assert outages.is_paused("line")


async def test_a_file_that_it_makes_something_of_begins_the_count_anew(
    outages: Outages, autojump_clock: MockClock
) -> None:
    fail(outages, 1, 2, 3, 4)
    outages.works("line")
    fail(outages, 5, 6, 7, 8)
    assert not outages.is_paused("line")


async def test_being_loaded_begins_nothing_anew(
    outages: Outages, autojump_clock: MockClock
) -> None:
    fail(outages, 1, 2, 3, 4)
    outages.loads("line")
    fail(outages, 5)
    outages.loads("line")
    assert outages.is_paused("line")


async def test_another_converter_is_none_of_its_business(
    outages: Outages, autojump_clock: MockClock
) -> None:
    paused(outages)
    assert outages.refuses("other", 1) is None
    assert outages.shares().shut == {"line"}


async def test_a_file_waits_without_an_attempt(outages: Outages, autojump_clock: MockClock) -> None:
    paused(outages)
    problem = outages.refuses("line", 100)
    assert problem is not None
    assert wait_for(problem) == Wait(PROBE_FIRST, Reason.CONVERTER, problem)


# Probing


async def test_one_file_is_tried_at_a_time_at_growing_intervals(
    outages: Outages, autojump_clock: MockClock
) -> None:
    paused(outages)
    waited = []
    for number in range(8):
        begun = trio.current_time()
        assert outages.shares() == Shares(
            shut=frozenset({"line"}),
            change_in=PROBE_FIRST * 2**number if number < 5 else PROBE_LAST,
        )
        await trio.sleep(outages.shares().change_in)
        waited.append(trio.current_time() - begun)
        assert outages.shares() == Shares(single=frozenset({"line"}))
        assert outages.refuses("line", 100 + number) is None
        assert outages.refuses("line", 99) is not None  # one at a time
        assert outages.refuses("line", 100 + number) is None  # it may be asked for twice
        outages.failed(file_of(100 + number), WHY, died=False)
        outages.tried("line", 100 + number)
    assert waited == [30.0, 60.0, 120.0, 240.0, 480.0, 900.0, 900.0, 900.0]


@pytest.mark.parametrize(("early", "refused"), [(0.01, True), (0.0, False), (-0.01, False)])
async def test_a_try_is_due_to_the_second(
    outages: Outages, early: float, refused: bool, autojump_clock: MockClock
) -> None:
    paused(outages)
    await trio.sleep(PROBE_FIRST - early)
    assert lies(outages) is refused


async def test_a_try_that_succeeds_lets_all_go_on(
    outages: Outages, board: Board, autojump_clock: MockClock
) -> None:
    paused(outages)
    await trio.sleep(PROBE_FIRST)
    rung = outages.changed.ticket()
    assert outages.refuses("line", 100) is None
    outages.works("line")
    outages.tried("line", 100)
    assert not lies(outages, 101)
    assert not outages.is_paused("line")
    assert board.held_up_by(Cause.CONVERTER) == []
    assert outages.shares() == Shares()
    assert outages.mended() == ["line"]
    outages.resumed("line")
    assert outages.mended() == []
    before = trio.current_time()
    await rung.wait()
    assert trio.current_time() == before
    fail(outages, 1, 2, 3, 4)  # and the count has begun anew
    assert not outages.is_paused("line")


async def test_a_try_that_says_nothing_of_the_converter_is_made_again_a_little_later(
    outages: Outages, autojump_clock: MockClock
) -> None:
    """Its file was gone, say: no reason to wait longer, nor to look at ten thousand in a row."""
    paused(outages)
    await trio.sleep(PROBE_FIRST)
    assert outages.refuses("line", 100) is None
    outages.tried("line", 100)
    assert outages.shares().change_in == PROBE_FIRST
    await trio.sleep(PROBE_FIRST)
    assert outages.refuses("line", 101) is None
    outages.failed(file_of(101), WHY, died=False)
    assert outages.shares().change_in == 2 * PROBE_FIRST


async def test_a_job_that_began_before_neither_counts_as_a_try_nor_fails_for_itself(
    outages: Outages, autojump_clock: MockClock
) -> None:
    paused(outages)
    outages.failed(file_of(100), WHY, died=True)
    assert outages.is_paused("line")
    assert outages.shares().change_in == PROBE_FIRST


async def test_but_if_it_succeeds_the_converter_works(
    outages: Outages, autojump_clock: MockClock
) -> None:
    paused(outages)
    outages.works("line")
    assert not lies(outages)


async def test_a_reload_has_it_tried_at_once(outages: Outages, autojump_clock: MockClock) -> None:
    paused(outages)
    await trio.sleep(PROBE_FIRST)
    fail(outages, 100)
    rung = outages.changed.ticket()
    outages.end("line")
    before = trio.current_time()
    await rung.wait()
    assert trio.current_time() == before
    assert outages.is_paused("line")  # until it is seen to work
    assert outages.shares() == Shares(single=frozenset({"line"}))
    fail(outages, 101)
    assert outages.shares().change_in == PROBE_FIRST  # it is another one now


async def test_a_reload_in_the_middle_of_a_try_does_not_wait_for_what_comes_of_it(
    outages: Outages, autojump_clock: MockClock
) -> None:
    paused(outages)
    await trio.sleep(PROBE_FIRST)
    assert outages.refuses("line", 100) is None
    outages.end("line")
    outages.failed(file_of(100), WHY, died=False)
    outages.tried("line", 100)
    assert outages.shares() == Shares(single=frozenset({"line"}))


# Converters that cannot be used


async def test_one_that_cannot_be_used_is_tried_every_30_seconds(
    outages: Outages, autojump_clock: MockClock
) -> None:
    for number in range(4):
        problem = outages.begin("line", "no module named x", "Traceback")
        outages.tried("line", number)
        assert problem.message == "the converter 'line' cannot be used: no module named x"
        assert lies(outages)
        await trio.sleep(PROBE_FIRST)
        assert outages.refuses("line", number + 1) is None
    outages.loads("line")
    assert outages.shares() == Shares()
    assert outages.mended() == ["line"]


async def test_a_paused_one_that_cannot_even_be_loaded_stays_paused(
    outages: Outages, board: Board, autojump_clock: MockClock
) -> None:
    paused(outages)
    await trio.sleep(PROBE_FIRST)
    assert outages.refuses("line", 100) is None
    outages.begin("line", "a syntax error")
    outages.tried("line", 100)
    assert outages.is_paused("line")
    assert outages.shares().change_in == 2 * PROBE_FIRST
    [condition] = board.held_up_by(Cause.CONVERTER)
    assert "a syntax error" in condition.message


async def test_what_the_configuration_has_wrong_is_never_tried(
    outages: Outages, autojump_clock: MockClock
) -> None:
    outages.for_good("line", "there is no such file")
    await trio.sleep(10 * PROBE_LAST)
    assert lies(outages)
    facts = outages.facts("line")
    assert facts is not None
    assert facts["next_try"] is None


async def test_one_that_somebody_doubts_is_tried_with_one_file_at_once(
    outages: Outages, autojump_clock: MockClock
) -> None:
    outages.suspect("line", "it did not answer")
    assert outages.refuses("line", 1) is None
    assert outages.refuses("line", 2) is not None
    outages.loads("line")
    assert outages.refuses("line", 2) is None


async def test_a_doubt_that_is_told_again_and_again_tells_since_when_and_no_time(
    autojump_clock: MockClock,
) -> None:
    """Whether a file comes, nobody knows; and who asks, asks when he likes."""
    outages = Outages(Board(clock=lambda: 1_000.0 + trio.current_time()), 2)
    begun = iso(1_000.0 + trio.current_time())
    for _ in range(3):
        outages.suspect("line", "it did not answer")
        facts = outages.facts("line")
        assert facts is not None
        assert (facts["since"], facts["next_try"]) == (begun, None)
        await trio.sleep(PROBE_FIRST)


@pytest.mark.parametrize(("early", "told"), [(0.01, True), (0.0, False), (-0.01, False)])
async def test_a_try_that_is_due_has_no_time_any_more(
    outages: Outages, early: float, told: bool, autojump_clock: MockClock
) -> None:
    outages.begin("line", "a syntax error")
    await trio.sleep(PROBE_FIRST - early)
    facts = outages.facts("line")
    assert facts is not None
    assert (facts["next_try"] is not None) is told


async def test_a_doubt_does_not_bring_the_next_try_forward(
    outages: Outages, autojump_clock: MockClock
) -> None:
    outages.begin("line", "a syntax error")
    await trio.sleep(1.0)
    outages.suspect("line", "it did not answer")
    assert outages.shares().change_in == PROBE_FIRST - 1.0


async def test_a_doubt_about_a_paused_one_takes_nothing_back(
    outages: Outages, autojump_clock: MockClock
) -> None:
    paused(outages)
    outages.suspect("line", "it did not answer")
    assert outages.is_paused("line")
    assert lies(outages)


async def test_one_that_is_not_there_waits_without_a_word(
    outages: Outages, board: Board, autojump_clock: MockClock
) -> None:
    problem = Problem("converter", "it is not configured")
    for _ in range(3):
        outages.absent("line", problem)
        assert lies(outages)
        await trio.sleep(PROBE_FIRST)
    assert board.conditions == {}
    assert outages.facts("line") is None


# One at a time


async def test_one_that_lost_as_many_processes_as_there_are_gets_one_file_at_a_time(
    outages: Outages, autojump_clock: MockClock
) -> None:
    fail(outages, 1, died=True)
    assert outages.shares() == Shares()
    fail(outages, 2, died=True)
    assert outages.is_deadly("line")
    assert outages.shares() == Shares(single=frozenset({"line"}))
    outages.works("line")
    assert not outages.is_deadly("line")
    assert outages.shares() == Shares()


async def test_so_does_one_of_which_nothing_but_a_deadline_is_seen_any_more(
    outages: Outages, autojump_clock: MockClock
) -> None:
    for _ in range(2 + IN_A_ROW):
        assert not outages.is_deadly("line")
        outages.cut_short("line")
    assert outages.shares() == Shares(single=frozenset({"line"}))
    outages.works("line")
    assert outages.shares() == Shares()


async def test_paused_it_gets_none(outages: Outages, autojump_clock: MockClock) -> None:
    fail(outages, *range(IN_A_ROW), died=True)
    assert outages.shares() == Shares(shut=frozenset({"line"}), change_in=PROBE_FIRST)


# Telling


async def test_facts_say_since_when_why_and_when_it_is_tried(
    outages: Outages, autojump_clock: MockClock
) -> None:
    assert outages.facts("line") is None
    paused(outages)
    await trio.sleep(10.0)
    facts = outages.facts("line")
    assert facts is not None
    assert facts["hint"]
    assert {**facts, "hint": ""} == {
        "why": ROW,
        "hint": "",
        "paused": True,
        "since": "1970-01-01T00:16:40.000Z",
        "next_try": "1970-01-01T00:17:00.000Z",
    }


async def test_only_the_conversion_that_is_shown_tells_the_board(
    board: Board, autojump_clock: MockClock
) -> None:
    outages = Outages(board, 2)
    paused(outages)
    assert board.conditions == {}
    outages.show(["line"])
    assert list(board.conditions) == [(Cause.CONVERTER, "line")]
    outages.on_board = False
    outages.works("line")
    assert list(board.conditions) == [(Cause.CONVERTER, "line")]


async def test_what_cannot_be_used_is_known_to_the_next_one_as_it_was(
    outages: Outages, board: Board, autojump_clock: MockClock
) -> None:
    outages.begin("line", "a syntax error")
    outages.begin("other", "a syntax error")
    await trio.sleep(10.0)
    again = Outages(Board(clock=lambda: 5_000.0), 2)
    again.follow(outages, ["line", "fine"])
    again.show(["line", "other", "fine"])
    outages.loads("line")  # what the former one finds out is its own
    before = outages.facts("other")
    facts = again.facts("line")
    assert before is not None
    assert facts is not None
    assert facts["since"] == before["since"]
    assert facts["next_try"] == iso(5_000.0 + PROBE_FIRST - 10.0)
    assert again.shares() == Shares(frozenset({"line"}), change_in=PROBE_FIRST - 10.0)


async def test_a_try_in_hand_is_the_former_ones(
    outages: Outages, autojump_clock: MockClock
) -> None:
    outages.begin("line", "a syntax error")
    await trio.sleep(PROBE_FIRST)
    assert outages.refuses("line", 1) is None
    again = Outages(Board(), 2)
    again.follow(outages, ["line"])
    assert again.refuses("line", 2) is None


async def test_a_pause_and_what_is_not_there_are_not_handed_on(
    outages: Outages, autojump_clock: MockClock
) -> None:
    paused(outages)
    outages.absent("gone", Problem("converter", "it is not configured"))
    again = Outages(Board(), 2)
    again.follow(outages, ["line", "gone"])
    assert again.shares() == Shares()


async def test_a_pause_outlives_a_restart_and_is_put_to_the_test_at_once(
    outages: Outages, board: Board, autojump_clock: MockClock
) -> None:
    paused(outages)
    outages.begin("other", "a syntax error")
    kept = json.loads(json.dumps(outages.kept()))
    assert list(kept) == ["line"]
    again = Outages(Board(clock=lambda: 5_000.0), 2)
    again.recall(kept)
    assert again.is_paused("line")
    assert again.shares() == Shares(single=frozenset({"line"}))
    facts, before = again.facts("line"), outages.facts("line")
    assert facts is not None
    assert before is not None
    assert (facts["why"], facts["since"]) == (before["why"], before["since"])
    fail(again, 100)
    assert again.shares().change_in == PROBE_FIRST
    again.works("line")
    assert again.kept() == {}

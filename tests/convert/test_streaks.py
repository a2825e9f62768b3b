"""Failures in a row."""

from __future__ import annotations

import pytest

from pywats_trio.convert.streaks import IN_A_ROW, Streaks


def failures(
    streaks: Streaks, *files: int, name: str = "line", fresh: bool = True, died: bool = False
) -> int:
    return [streaks.failed(name, file, fresh=fresh, died=died) for file in files][-1]


def test_different_files_are_counted_and_the_same_one_once() -> None:
    assert failures(Streaks(2), 1, 2, 2, 1, 3) == 3


def test_one_that_failed_before_is_not_counted() -> None:
    streaks = Streaks(2)
    assert failures(streaks, 1, 2) == 2
    assert failures(streaks, 3, 4, 5, fresh=False) == 2


def test_a_file_of_which_something_was_made_begins_the_count_anew() -> None:
    streaks = Streaks(2)
    failures(streaks, 1, 2, 3, 4)
    streaks.end("line")
    assert failures(streaks, 1, 5) == 2


def test_each_converter_has_its_own() -> None:
    streaks = Streaks(2)
    failures(streaks, 1, 2, 3)
    assert failures(streaks, 4, name="other") == 1
    streaks.end("other")
    assert failures(streaks, 5) == 4


@pytest.mark.parametrize(("deaths", "deadly"), [(2, False), (3, True), (4, True)])
def test_one_that_costs_as_many_processes_as_there_are_in_a_row_is_deadly(
    deaths: int, deadly: bool
) -> None:
    streaks = Streaks(3)
    failures(streaks, *range(deaths), died=True)
    assert streaks.deadly == ({"line"} if deadly else set())
    streaks.end("line")
    assert streaks.deadly == set()
    failures(streaks, 9, died=True)
    assert streaks.deadly == set()


def test_an_exception_is_no_process_that_was_lost() -> None:
    streaks = Streaks(2)
    failures(streaks, 1, died=True)
    failures(streaks, 2)
    failures(streaks, 3, died=True)
    assert streaks.deadly == set()


def test_but_takes_nothing_back_of_one_that_is_deadly() -> None:
    streaks = Streaks(1)
    failures(streaks, 1, died=True)
    failures(streaks, 2)
    assert streaks.deadly == {"line"}


@pytest.mark.parametrize("more", [-1, 0, 1], ids=["below", "at", "above"])
def test_one_of_which_one_after_the_other_is_cut_short_is_deadly(more: int) -> None:
    streaks = Streaks(3)
    for _ in range(3 + IN_A_ROW + more):
        streaks.cut_short("line")
    assert streaks.deadly == (set() if more < 0 else {"line"})
    streaks.end("line")
    assert streaks.deadly == set()
    streaks.cut_short("line")
    assert streaks.deadly == set()


@pytest.mark.parametrize("died", [False, True])
def test_what_came_to_an_end_by_itself_begins_that_count_anew(died: bool) -> None:
    streaks = Streaks(3)
    for _ in range(3 + IN_A_ROW - 1):
        streaks.cut_short("line")
    failures(streaks, 1, died=died)
    streaks.cut_short("line")
    assert streaks.deadly == ({"line"} if died else set())

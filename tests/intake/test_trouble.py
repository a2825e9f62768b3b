"""A cause that lasts is told once, tried again ever more rarely, and told again when it is over."""

from __future__ import annotations

import errno
import os

import pytest
import structlog

from pywats_trio.intake.trouble import FIRST, LONGEST, Trouble, to_do
from pywats_trio.observe.board import Board, Cause


def error(number: int = errno.EACCES, path: str = "/watch/a.json") -> OSError:
    return OSError(number, os.strerror(number), path)


def trouble(board: Board | None = None) -> Trouble:
    return Trouble("the folder cannot be read", fields={"converter": "line-1"}, board=board)


def test_a_cause_is_logged_once_with_what_to_do_and_once_when_it_is_over() -> None:
    with structlog.testing.capture_logs() as log:
        one = trouble()
        for _ in range(3):
            one.begins(error())
        one.ends()
        one.ends()
    assert [entry["event"] for entry in log] == [
        "the folder cannot be read",
        "the folder cannot be read: over",
    ]
    assert log[0]["what_to_do"] == to_do(error())
    assert {entry["converter"] for entry in log} == {"line-1"}


def test_another_cause_is_logged_again() -> None:
    with structlog.testing.capture_logs() as log:
        one = trouble()
        one.begins(error())
        one.begins(error(errno.ENOENT))
    assert len(log) == 2


def test_a_thousand_files_with_one_cause_are_one_line() -> None:
    with structlog.testing.capture_logs() as log:
        one = trouble()
        for number in range(1000):
            one.begins(error(path=f"/done/{number}"), where="/done")
    assert [entry["cause"] for entry in log] == ["/done: Permission denied"]


def test_the_pause_doubles_up_to_the_longest_and_starts_anew_when_it_was_over() -> None:
    one = trouble()
    pauses = [one.begins(error()) for _ in range(9)]
    assert pauses == [min(FIRST * 2**n, LONGEST) for n in range(9)]
    assert pauses[-1] == LONGEST
    one.ends()
    assert one.begins(error()) == FIRST


def test_the_board_has_it_for_as_long_as_it_lasts_and_under_its_converter() -> None:
    board = Board()
    one = trouble(board)
    one.begins(error())
    [condition] = board.held_up_by(Cause.FOLDER)
    assert condition.subject == "line-1: the folder cannot be read"
    assert "Permission denied" in condition.message
    assert condition.hint == to_do(error())
    one.ends()
    assert board.conditions == {}
    one.begins(error())
    board.forget("line-1")
    assert board.conditions == {}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.ESTALE, errno.EMFILE])
def test_known_causes_have_their_cure(number: int) -> None:
    assert to_do(error(number)) != to_do(ValueError("anything else"))


def test_what_is_not_known_is_left_to_be_tried_again() -> None:
    assert to_do(ValueError()) == "see to the cause; it is tried again by itself"


def test_where_the_error_names_no_file_the_folder_stands_for_it() -> None:
    board = Board()
    one = Trouble("it failed", fields={"converter": "line-1", "folder": "/watch"}, board=board)
    one.begins(OSError(errno.ENOENT, os.strerror(errno.ENOENT)))
    advice = to_do(error(errno.ENOENT))
    assert one.cause == f"/watch: No such file or directory; {advice}"
    [condition] = board.conditions.values()
    assert condition.message == "line-1: it failed: /watch: No such file or directory"
    assert condition.hint == advice
    one.begins(error(errno.EACCES))
    assert one.cause.startswith("[Errno 13] Permission denied: '/watch/a.json'; ")

"""What a worker says is untrusted: every field is looked at."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywats_trio.convert import answer as answers
from pywats_trio.convert.answer import Answer
from pywats_trio.convert.fields import sanitized
from pywats_trio.convert.said import (
    Description,
    Done,
    Finding,
    Log,
    Progress,
    Rejected,
    RetryLater,
    Unusable,
    Usage,
)
from pywats_trio.errors import FrameError
from pywats_trio.model import POST_ACTIONS
from pywats_trio.worker.frames import Frame

UUID = "0b0d7ec5-7d6c-4a5b-9df4-0c5d6a1f2b3c"
SHA = "ab" * 32


def report(**more: Any) -> dict[str, Any]:
    return {
        "kind": "report",
        "report_id": UUID,
        "serial_number": "S",
        "part_number": "P",
        "result": "P",
        "start": "2026-03-02T08:15:30",
        "findings": [{"path": "a", "message": "b", "severity": "error"}],
        **more,
    }


def done(**more: Any) -> dict[str, Any]:
    return {
        "kind": "done",
        "reports": 1,
        "sha256": SHA,
        "size": 1,
        "mtime_ns": 2,
        "peak_memory": 3,
        "cpu": 0.5,
        **more,
    }


def an_answer(max_bytes: int = 100) -> tuple[Answer, list[Log | Progress]]:
    heard: list[Log | Progress] = []
    return Answer(max_bytes, heard.append), heard


def test_a_report_and_its_ending_are_collected() -> None:
    answer, _heard = an_answer()
    assert answer.take(Frame(report(), b"{}")) is None
    ending = answer.take(Frame(done(), b""))
    assert isinstance(ending, Done)
    assert (ending.sha256, ending.size, ending.mtime_ns) == (SHA, 1, 2)
    assert ending.usage == Usage(cpu=0.5, peak_memory=3)
    assert ending.reports[0].body == b"{}"
    assert ending.reports[0].findings == (Finding("a", "b", "error"),)


@pytest.mark.parametrize(
    "wrong",
    [
        {"report_id": UUID.upper()},
        {"report_id": UUID + "\n"},
        {"report_id": None},
        {"serial_number": 5},
        {"result": "X"},
        {"result": "PP"},
        {"start": None},
        {"findings": None},
        {"findings": ["a"]},
        {"findings": [{"path": "a"}]},
        {"kind": "reprt"},
        {"kind": ["report"]},
        {"kind": None},
    ],
)
def test_a_malformed_report_is_a_frame_error(wrong: dict[str, Any]) -> None:
    answer, _heard = an_answer()
    with pytest.raises(FrameError):
        answer.take(Frame(report(**wrong), b"{}"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"sha256": "x"},
        {"size": 1.5},
        {"size": True},
        {"mtime_ns": 1 << 63},
        {"reports": 2},
        {"peak_memory": None},
        {"cpu": None},
        {"cpu": -1},
        {"after": "burn"},
        {"after": "DELETE"},
        {"after": None},
        {"after": ["delete"]},
    ],
)
def test_a_malformed_ending_is_a_frame_error(wrong: dict[str, Any]) -> None:
    answer, _heard = an_answer()
    answer.take(Frame(report(), b"{}"))
    with pytest.raises(FrameError):
        answer.take(Frame(done(**wrong), b""))


@pytest.mark.parametrize("action", ["", *POST_ACTIONS])
def test_a_converter_may_say_what_becomes_of_its_file(action: str) -> None:
    answer, _heard = an_answer()
    answer.take(Frame(report(), b"{}"))
    ending = answer.take(Frame(done(after=action), b""))
    assert isinstance(ending, Done)
    assert ending.after == action


def test_what_is_to_be_known_of_arguments_comes_with_each_set() -> None:
    answer, _heard = an_answer()
    told = described(mistakes=[{}, {"a": "b"}], notes=[{"\x1b": "not\x07 declared"}, {}])
    ending = answer.take(Frame(told, b""))
    assert isinstance(ending, Description)
    assert ending.mistakes == ({}, {"a": "b"})
    assert ending.notes == ({r"\x1b": r"not\x07 declared"}, {})


def test_done_without_a_report_is_a_frame_error() -> None:
    answer, _heard = an_answer()
    with pytest.raises(FrameError):
        answer.take(Frame(done(reports=0), b""))


def test_a_report_without_bytes_or_twice_is_a_frame_error() -> None:
    answer, _heard = an_answer()
    with pytest.raises(FrameError, match="without its bytes"):
        answer.take(Frame(report(), b""))
    answer.take(Frame(report(), b"x"))
    with pytest.raises(FrameError, match="came twice"):
        answer.take(Frame(report(), b"x"))


@pytest.mark.parametrize(("size", "refused"), [(99, False), (100, False), (101, True)])
def test_all_reports_together_have_a_limit(size: int, refused: bool) -> None:
    answer, _heard = an_answer(100)
    answer.take(Frame(report(), bytes(50)))
    frame = Frame(report(report_id=UUID.replace("0b", "0c")), bytes(size - 50))
    if refused:
        with pytest.raises(FrameError, match="more than 100 bytes"):
            answer.take(frame)
    else:
        assert answer.take(frame) is None


def test_the_number_of_reports_and_remarks_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "MAX_REPORTS", 1)
    monkeypatch.setattr(answers, "MAX_REMARKS", 1)
    answer, heard = an_answer()
    answer.take(Frame(report(), b"x"))
    with pytest.raises(FrameError, match="more than 1 reports"):
        answer.take(Frame(report(report_id=UUID.replace("0b", "0c")), b"x"))
    answer.take(Frame({"kind": "progress", "fraction": 7}, b""))
    with pytest.raises(FrameError, match="more log records or progress"):
        answer.take(Frame({"kind": "progress", "fraction": 7}, b""))
    assert heard == [Progress(1.0)]


@pytest.mark.parametrize(("count", "refused"), [(1, False), (2, False), (3, True)])
def test_the_number_of_log_records_has_a_limit(
    count: int, refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "MAX_LOGS", 2)
    answer, _heard = an_answer()
    frames = [Frame({"kind": "log", "level": "INFO", "message": ""}, b"")] * count
    if refused:
        with pytest.raises(FrameError, match="more log records"):
            _taken(answer, frames)
    else:
        _taken(answer, frames)


def _taken(answer: Answer, frames: list[Frame]) -> None:
    for frame in frames:
        answer.take(frame)


@pytest.mark.parametrize("fraction", [float("nan"), float("inf"), 10**400, True, "1", None])
def test_progress_must_be_a_number(fraction: object) -> None:
    answer, _heard = an_answer()
    with pytest.raises(FrameError):
        answer.take(Frame({"kind": "progress", "fraction": fraction}, b""))


def test_an_unknown_level_is_information() -> None:
    answer, heard = an_answer()
    answer.take(Frame({"kind": "log", "level": "LOUD", "message": "m"}, b""))
    assert heard == [Log("INFO", "m")]


def test_text_is_cut_and_escaped() -> None:
    answer, _heard = an_answer()
    why = "\x1b[31m\ud800\u2028é" + "x" * 5000
    ending = answer.take(
        Frame({"kind": "rejected", "why": why, "hint": "", "size": 0, "mtime_ns": 0}, b"")
    )
    assert isinstance(ending, Rejected)
    assert ending.why.startswith(r"\x1b[31m\ud800\u2028éx")
    assert len(ending.why) == 4096


def test_text_that_turns_around_is_escaped() -> None:
    for character in "\u202a\u202e\u2066\u2069":
        assert sanitized(f"a{character}b", keep="") == f"a\\u{ord(character):04x}b"
    assert sanitized("a\u200db\u2027", keep="") == "a\u200db\u2027"


@pytest.mark.parametrize(
    ("count", "escaped", "marks"),
    [(499, 499, 0), (500, 500, 0), (501, 500, 1), (10_000, 500, 9500)],
)
def test_only_so_many_characters_are_escaped(count: int, escaped: int, marks: int) -> None:
    text = sanitized(count * "\x7f", keep="")
    assert text == escaped * r"\x7f" + marks * "\ufffd"


def test_lines_keep_their_ends_and_their_last_part() -> None:
    answer, _heard = an_answer()
    said = {"kind": "unusable", "why": "x", "traceback": 20_000 * "\x7f" + "a\n\tb\r"}
    ending = answer.take(Frame(said, b""))
    assert isinstance(ending, Unusable)
    assert ending.traceback.endswith("\ufffda\n\tb\ufffd")
    assert len(ending.traceback) == 8192


@pytest.mark.parametrize(("after", "taken"), [(86_400, 86_400), (86_401, 86_400), (-1, 0)])
def test_nobody_puts_a_file_off_for_longer_than_may_be(after: float, taken: float) -> None:
    answer, _heard = an_answer()
    ending = answer.take(Frame({"kind": "retry", "why": "x", "after": after}, b""))
    assert ending == RetryLater("x", taken)


def described(**more: Any) -> dict[str, Any]:
    plain = {"id": "i", "version": "1", "patterns": [], "arguments": {}, "reads": ""}
    return {"kind": "described", **plain, "mistakes": [], "notes": [], **more}


def test_a_description_is_made_fit_to_be_shown() -> None:
    answer, _heard = an_answer()
    argument = {"help": "\x1b[2J", "choices": ["\x07", 1, None], "minimum": 0.5}
    told = described(
        patterns=["*.\x1b"], arguments={"\x1bname": argument}, reads="\x07" + "x" * 300
    )
    ending = answer.take(Frame(told, b""))
    assert isinstance(ending, Description)
    assert ending.patterns == (r"*.\x1b",)
    assert (ending.reads[:6], len(ending.reads)) == (r"\x07xx", 200)
    shown = {"help": r"\x1b[2J", "choices": [r"\x07", 1, None], "minimum": 0.5}
    assert ending.arguments == {r"\x1bname": shown}


@pytest.mark.parametrize(
    "wrong",
    [
        {"patterns": 201 * ["*"]},
        {"arguments": {"a": {"default": {}}}},
        {"arguments": {"a": {"choices": [[]]}}},
        {"unit": {"form": []}},
        {"mistakes": [[]]},
        {"mistakes": [{"a": 1}], "notes": [{}]},
        {"notes": None},
        {"reads": None},
        {"mistakes": [{}, {}], "notes": [{}]},
    ],
)
def test_a_description_that_is_no_such_thing_is_a_frame_error(wrong: dict[str, Any]) -> None:
    answer, _heard = an_answer()
    assert answer.take(Frame(described(patterns=200 * ["*"]), b"")) is not None
    with pytest.raises(FrameError):
        answer.take(Frame(described(**wrong), b""))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
KINDS = st.sampled_from(
    ["report", "done", "rejected", "retry", "failed", "unusable", "described", "detected", "log"]
)
KEYS = st.sampled_from(
    ["report_id", "why", "hint", "after", "type", "message", "traceback", "size", "mtime_ns", "id",
     "version", "patterns", "arguments", "certainty", "level", "findings", "reports", "sha256",
     "mistakes", "notes", "unit", "cpu", "peak_memory", "path", "severity"]
)  # fmt: skip


@given(KINDS, st.dictionaries(KEYS, JSON), st.binary(max_size=10))
def test_anything_else_is_a_frame_error_and_never_another_exception(
    kind: str, header: dict[str, Any], body: bytes
) -> None:
    answer, _heard = an_answer()
    try:
        answer.take(Frame({**header, "kind": kind}, body))
    except FrameError:
        return

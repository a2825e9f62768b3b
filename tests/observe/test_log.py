"""The log as a whole: what a line holds, where it goes, what never gets into it."""

from __future__ import annotations

import json
import logging
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import structlog
from structlog.contextvars import bound_contextvars

from pywats_trio.config.options import LogOptions
from pywats_trio.observe.log import configure
from tests.observe.conftest import TOKEN

if TYPE_CHECKING:
    from tests.observe.conftest import Opener

logger = structlog.get_logger("pywats_trio.queue")


def test_a_line_has_the_fields_of_the_contract_in_their_order(open_log: Opener) -> None:
    opened = open_log()
    logger.info("file accepted", size=6000, converter="ict", item_id=5, correlation_id="c-1")
    (line,) = opened.lines()
    timestamp = line.pop("timestamp")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", timestamp)
    assert list(line.items()) == [
        ("level", "info"),
        ("event", "file accepted"),
        ("logger", "pywats_trio.queue"),
        ("instance", "line-3"),
        ("correlation_id", "c-1"),
        ("item_id", 5),
        ("converter", "ict"),
        ("size", 6000),
    ]


@pytest.mark.parametrize(
    ("level", "kept"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_only_what_is_severe_enough_is_written(
    open_log: Opener, level: str, kept: list[str]
) -> None:
    opened = open_log(LogOptions(level=level))
    for name in ("debug", "info", "warning", "error"):
        getattr(logger, name)("said")
    assert [line["level"] for line in opened.lines()] == kept


def test_away_from_a_terminal_the_stream_gets_the_lines_of_the_file(open_log: Opener) -> None:
    opened = open_log()
    logger.info("one")
    logger.warning("two")
    lines = opened.lines()
    assert [json.loads(line) for line in opened.shown().splitlines()] == lines
    assert len(lines) == 2


@pytest.mark.parametrize(
    ("form", "terminal", "is_json"),
    [
        ("auto", True, False),
        ("auto", False, True),
        ("json", True, True),
        ("console", False, False),
    ],
)
def test_the_form_on_the_stream_is_chosen_and_the_file_is_always_json(
    open_log: Opener, form: str, terminal: bool, is_json: bool
) -> None:
    opened = open_log(LogOptions(format=form), terminal=terminal)
    logger.info("file accepted", path="/x")
    assert opened.lines()[0]["event"] == "file accepted"
    assert opened.shown().startswith("{") is is_json
    assert "file accepted" in opened.shown()


def test_the_console_form_can_be_read_and_cannot_move_the_cursor(
    open_log: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    opened = open_log(terminal=True)
    logger.info("file accepted", path=Path("/a\x1b[2J\udc80"), name="b\nc", size=5)
    shown = opened.shown()
    assert re.match(r"\d\d:\d\d:\d\d\.\d{3} \[info +\] file accepted", shown)
    assert "\x1b" not in shown
    assert shown.count("\n") == 1
    assert "size=5" in shown
    assert "line-3" not in shown


def test_colours_are_for_terminals_only(open_log: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured = open_log(terminal=True)
    logger.info("one")
    assert "\x1b[" in coloured.shown()
    plain = open_log(LogOptions(format="console"))
    logger.info("one")
    assert "\x1b[" not in plain.shown()


def fail_twice() -> None:
    raise ExceptionGroup("both", [KeyError("x"), OSError("y")]) from ValueError(f"bad {TOKEN}")


def test_an_exception_is_structured_in_the_file_and_readable_on_the_console(
    open_log: Opener,
) -> None:
    opened = open_log(terminal=True)
    try:
        fail_twice()
    except ExceptionGroup:
        logger.exception("part failed", part="deliver")
    (line,) = opened.lines()
    told = line["exception"]
    assert list(line)[-1] == "exception"
    assert told["type"] == "ExceptionGroup"
    assert told["message"] == "both (2 sub-exceptions)"
    assert told["frames"][0]["file"] == __file__
    assert told["frames"][-1]["function"] == "fail_twice"
    assert told["frames"][0]["line"] > 0
    assert told["cause"]["type"] == "ValueError"
    assert told["cause"]["message"] == "bad ***"
    assert [one["type"] for one in told["exceptions"]] == ["KeyError", "OSError"]
    assert "ValueError: bad ***" in opened.shown()
    assert TOKEN not in opened.shown()


def test_an_exception_may_be_handed_over_in_any_form(open_log: Opener) -> None:
    opened = open_log()
    error = ValueError("x")
    logger.warning("one", exc_info=error)
    logger.warning("two", exc_info=(ValueError, error, None))
    logger.warning("none", exc_info=True)  # noqa: LOG014 - there is none to be told
    logger.warning("none", exc_info=(None, None, None))
    told = [line.get("exception", {}).get("type") for line in opened.lines()]
    assert told == ["ValueError", "ValueError", None, None]


@pytest.mark.parametrize("key", ["token", "password", "Authorization", "client_secret"])
def test_fields_that_are_named_like_secrets_are_masked(open_log: Opener, key: str) -> None:
    opened = open_log()
    logger.info("sent", **{key: "hidden"}, headers={key: "hidden", "x": [{key: "hidden"}]})
    (line,) = opened.lines()
    assert line[key] == "***"
    assert line["headers"] == {key: "***", "x": [{key: "***"}]}
    assert "hidden" not in opened.shown()


def test_the_token_is_masked_wherever_it_stands(open_log: Opener) -> None:
    opened = open_log(terminal=True)
    logger.info(f"Basic {TOKEN}", url=f"http://x/?t={TOKEN}", deep=[{"a": f"<{TOKEN}>"}])
    logging.getLogger("httpx").warning("sent %s", f"Basic {TOKEN}")
    first, second = opened.lines()
    assert first["event"] == "Basic ***"
    assert first["deep"] == [{"a": "<***>"}]
    assert second["message"] == "sent Basic ***"
    assert TOKEN not in opened.log.file.read_text() + opened.shown()


def test_libraries_are_heard_from_warnings_on(open_log: Opener) -> None:
    opened = open_log(LogOptions(level="debug"))
    library = logging.getLogger("hypercorn.error")
    library.info("quiet")
    library.warning("odd %s of %d", "part", 2)
    library.error("failed", exc_info=OSError("gone"))
    first, second = opened.lines()
    assert (first["event"], first["message"]) == ("odd %s of %d", "odd part of 2")
    assert (first["logger"], first["level"]) == ("hypercorn.error", "warning")
    assert (second["event"], second["exception"]["message"]) == ("failed", "gone")


def test_a_library_that_formats_wrongly_is_heard_all_the_same(open_log: Opener) -> None:
    opened = open_log()
    # To our handler alone: that of pytest raises.
    handler = logging.getLogger().handlers[-1]
    handler.handle(logging.LogRecord("h11", logging.ERROR, "f", 1, "wrong %d", ("x",), None))
    (line,) = opened.lines()
    assert line["event"] == "wrong %d"
    assert line["message"].startswith("('x',) do not fit")


def test_libraries_keep_to_a_stricter_level(open_log: Opener) -> None:
    opened = open_log(LogOptions(level="error"))
    logging.getLogger("trio").warning("quiet")
    logging.getLogger("trio").error("loud")
    assert [line["event"] for line in opened.lines()] == ["loud"]


def test_what_is_bound_to_the_context_is_in_every_line(open_log: Opener) -> None:
    opened = open_log()
    with bound_contextvars(correlation_id="c-9"):
        logger.info("within")
    logger.info("after")
    within, after = opened.lines()
    assert within["correlation_id"] == "c-9"
    assert "correlation_id" not in after


def test_closing_gives_back_what_was_there_before(open_log: Opener) -> None:
    handlers = list(logging.getLogger().handlers)
    before = structlog.is_configured()
    outer = open_log()
    configured = structlog.get_config()
    inner = open_log(LogOptions(file=outer.log.file.with_name("inner")))
    logger.info("inside")
    inner.log.close()
    inner.log.close()
    assert structlog.get_config() == configured
    logger.info("outside")
    assert [line["event"] for line in inner.lines()] == ["inside"]
    assert [line["event"] for line in outer.lines()] == ["outside"]
    assert structlog.is_configured() == before
    assert logging.getLogger().handlers == handlers


def test_a_file_of_your_own_is_used_as_a_context_manager(tmp_path: Path) -> None:
    options = LogOptions(file=tmp_path / "deep" / "own.log", level="error")
    with configure(options, instance="x", data_dir=tmp_path, terminal=False) as log:
        assert log.file == tmp_path / "deep" / "own.log"
        logger.error("written to a file of its own")
    assert "written to a file of its own" in log.file.read_text()


def test_a_log_file_that_cannot_be_written_is_said_once_and_raises_nothing(
    open_log: Opener, tmp_path: Path
) -> None:
    (tmp_path / "logs").write_text("in the way")
    opened = open_log()
    for number in range(3):
        logger.info("line", number=number)
    shown = [json.loads(line) for line in opened.shown().splitlines()]
    complaints = [line for line in shown if "cannot be written" in line["event"]]
    assert len(complaints) == 1
    assert complaints[0]["file"].endswith("pywats-trio.jsonl")
    assert complaints[0]["error"]
    assert opened.log.dropped == 3


def test_a_log_file_that_can_be_written_again_says_how_much_it_lost(tmp_path: Path) -> None:
    blocker = tmp_path / "logs"
    blocker.write_text("in the way")
    reading, writing = os.pipe()
    with os.fdopen(reading) as reader, os.fdopen(writing, "w") as stream:
        options = LogOptions(format="json")
        with configure(
            options, instance="x", data_dir=tmp_path, terminal=False, stream=stream
        ) as log:
            logger.info("lost")
            said = {json.loads(reader.readline())["event"] for _line in range(2)}
            assert said == {
                "lost",
                "log file cannot be written; its lines are dropped until it can",
            }
            blocker.unlink()
            logger.info("kept")
    lines = [json.loads(line) for line in log.file.read_text().splitlines()]
    assert [line["event"] for line in lines] == ["kept", "log lines dropped"]
    assert (lines[1]["dropped"], lines[1]["level"]) == (1, "warning")
    assert log.dropped == 1

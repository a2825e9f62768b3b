"""What authors get: sources, arguments and words for a refusal."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from pywats_trio.config.options import ConverterOptions
from pywats_trio.converters import (
    Context,
    Converter,
    FolderSource,
    Reject,
    Retry,
    Source,
    Station,
)
from pywats_trio.converters.api import AFTER
from pywats_trio.model import POST_ACTIONS

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("data", "encoding", "text"),
    [
        (b"plain", None, "plain"),
        ("Prüf".encode(), None, "Prüf"),
        ("Prüf".encode("utf-8-sig"), None, "Prüf"),
        (b"\xff\xfe" + "Prüf".encode("utf-16-le"), None, "Prüf"),
        (b"\xfe\xff" + "Prüf".encode("utf-16-be"), None, "Prüf"),
        (b"\xff\xfe\0\0" + "Prüf".encode("utf-32-le"), None, "Prüf"),
        (b"\0\0\xfe\xff" + "Prüf".encode("utf-32-be"), None, "Prüf"),
        ("Prüf €".encode("cp1252"), None, "Prüf €"),
        ("Prüf".encode("cp437"), "cp437", "Prüf"),
    ],
)
def test_text_is_decoded_by_its_mark_then_utf8_then_the_encoding_named(
    data: bytes, encoding: str | None, text: str
) -> None:
    assert Source.from_bytes(data).read_text(encoding) == text


def test_bytes_that_are_no_text_are_refused_with_their_place() -> None:
    with pytest.raises(Reject, match="not cp1252: byte 0x81 at 2 cannot be decoded"):
        Source.from_bytes(b"ab\x81").read_text()


def test_a_source_can_be_read_again_from_its_start_and_by_line() -> None:
    source = Source.from_bytes(b"one\r\ntwo\rthree\n", path="/drop/unit 1.log", mtime=12.5)
    assert source.read_head(3) == b"one"
    assert list(source.lines()) == ["one", "two", "three"]
    assert source.read_bytes() == b"one\r\ntwo\rthree\n"
    assert (source.name, source.path, source.size, source.mtime) == (
        "unit 1.log",
        "/drop/unit 1.log",
        15,
        12.5,
    )


def test_a_verdict_carries_its_reason() -> None:
    assert (Reject("no serial", hint="scan it").why, Reject("no serial").hint) == ("no serial", "")
    assert (Retry("later").after, Retry("later", after=3).why) == (30.0, "later")


@pytest.mark.parametrize("action", ["move", "delete", "archive", "keep"])
def test_a_converter_says_what_becomes_of_its_file(action: str, tmp_path: Path) -> None:
    said: list[str] = []
    context = Context({}, Station(), logging.getLogger("test"), tmp_path, report_after=said.append)
    context.after("move")
    context.after(action)
    assert said == ["move", action]
    Context({}, Station(), logging.getLogger("test"), tmp_path).after(action)  # nobody listens


@pytest.mark.parametrize("action", ["", "burn", "Delete", None, ["delete"]])
def test_nothing_else_can_become_of_a_file(action: Any, tmp_path: Path) -> None:
    context = Context({}, Station(), logging.getLogger("test"), tmp_path, report_after=pytest.fail)
    with pytest.raises(ValueError, match="write one of 'move', 'delete', 'archive', 'keep'"):
        context.after(action)


def test_the_service_and_the_configuration_know_the_same_words() -> None:
    configured = attrs.fields(ConverterOptions).post_action.metadata["choices"]
    assert configured == ("", *POST_ACTIONS)
    assert AFTER == POST_ACTIONS


def test_a_converter_that_says_nothing_about_itself_is_never_sure() -> None:
    class Silent(Converter):
        id = "silent"

        def convert(self, source, context):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            return []

    assert Silent().detect(Source.from_bytes(b"x")) == 0.0
    assert (Silent.version, Silent.patterns, dict(Silent.arguments)) == ("0", ("*",), {})


# Units that are folders


def a_unit(**more: Any) -> FolderSource:
    return FolderSource.from_files(
        {"b.txt": b"2", "a/ö.txt": "ä".encode(), "B.txt": b"345"}, path="/w/DUT 1.txt", **more
    )


def test_a_folder_source_has_its_files_in_the_order_of_the_bytes_of_their_paths() -> None:
    source = a_unit(mtime=7.0)
    assert list(source.files) == ["B.txt", "a/ö.txt", "b.txt"]
    file = source.files["a/ö.txt"]
    assert (file.name, file.path, file.size, file.mtime) == (
        "ö.txt",
        "/w/DUT 1.txt/a/ö.txt",
        2,
        7.0,
    )
    assert file.read_text() == "ä"
    assert (source.name, source.path, source.size, source.mtime) == (
        "DUT 1.txt",
        "/w/DUT 1.txt",
        6,
        7.0,
    )


@pytest.mark.parametrize("read", ["read_bytes", "read_text", "read_head", "lines"])
def test_a_folder_alone_has_nothing_to_read_itself(read: str) -> None:
    with pytest.raises(
        IsADirectoryError, match=r"'DUT 1\.txt' is a folder; read one of its `files`"
    ):
        getattr(a_unit(), read)()


def test_a_header_is_what_is_read_of_its_unit() -> None:
    source = a_unit(header=b"Serial=7\nPart=8")
    assert (source.read_text(), source.read_head(6)) == ("Serial=7\nPart=8", b"Serial")
    assert list(source.lines()) == ["Serial=7", "Part=8"]
    assert source.files["b.txt"].path == "/w/DUT 1/b.txt"
    assert source.size == 6 + 15

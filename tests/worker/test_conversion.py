"""The ids that reports get which have none, and how many a file may have; without a process."""

from __future__ import annotations

import os
import socket
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from pywats_trio.converters import Converter, Report, Source, Station
from pywats_trio.worker import conversion
from pywats_trio.worker.channel import Channel
from pywats_trio.worker.conversion import Request, convert
from pywats_trio.worker.frames import FrameDecoder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SPACE = uuid.UUID(int=7)
SHA256 = "982d9e3eb996f559e633f4d194def3761d909f5a3b647d1a851fead67c32c9d1"
"""Of the content: `printf text | sha256sum`."""


def report(serial: str) -> Report:
    builder = Report.builder(
        serial_number=serial, part_number="P", process_code=10, start="2026-03-02T08:15:30Z"
    )
    return builder.build()


class Says(Converter):
    """Gives the reports that a function makes of its source."""

    id = "says"

    def __init__(self, make: Callable[[Source], list[Report]]) -> None:
        self._make = make

    def convert(self, source: Source, context: object) -> Iterator[Report]:
        del context
        yield from self._make(source)


def said(
    folder: Path,
    make: Callable[[Source], list[Report]],
    *,
    name: str = "unit.txt",
    mtime_ns: int = 1_000_000_000,
    strict: bool = False,
) -> list[dict[str, Any]]:
    """The headers of all frames about a file."""
    path = folder / name
    path.write_bytes(b"text")
    ours, theirs = socket.socketpair()
    channel = Channel(theirs.detach(), max_body=1 << 20)
    descriptor = os.open(path, os.O_RDONLY)
    request = Request(
        converter="line",
        arguments={},
        path=str(path),
        size=4,
        mtime_ns=mtime_ns,
        station=Station("S"),
        namespace=SPACE,
        form="file",
        index=0,
        strict=strict,
    )
    try:
        ending = convert(Says(make), request, descriptor, channel, None)  # type: ignore[arg-type]
        channel.put(ending)
        channel.flush()
    finally:
        os.close(descriptor)
        channel._socket.close()  # noqa: SLF001 - its process ends with it
    decoder = FrameDecoder(max_body=1 << 20)
    with ours:
        while data := ours.recv(1 << 16):
            decoder.feed(data)
    return list(iter(lambda: (frame := decoder.next_frame()) and frame.header, None))


def ids(*arguments: Any, **options: Any) -> list[str]:
    return [one["report_id"] for one in said(*arguments, **options) if one["kind"] == "report"]


def test_an_id_is_made_of_converter_content_and_place_in_the_file(tmp_path: Path) -> None:
    names = [f"line:{SHA256}:{index}" for index in range(2)]
    expected = [str(uuid.uuid5(SPACE, name)) for name in names]
    assert ids(tmp_path, lambda _source: [report("A"), report("A")]) == expected
    assert ids(tmp_path, lambda _source: [report("A"), report("A")], name="other") == expected


@pytest.mark.parametrize(
    "ask", [lambda source: source.name, lambda source: source.path], ids=["name", "path"]
)
def test_files_with_the_same_bytes_have_reports_of_their_own_where_their_names_are_read(
    ask: Callable[[Source], str], tmp_path: Path
) -> None:
    def make(source: Source) -> list[Report]:
        return [report(ask(source)[-6:-4])]

    one, again, other = (ids(tmp_path, make, name=name) for name in ("S1.txt", "S1.txt", "S2.txt"))
    assert one == again != other
    (tmp_path / "elsewhere").mkdir()
    assert ids(tmp_path / "elsewhere", make, name="S1.txt") == one  # the inbox, Done


def test_and_so_have_those_that_are_told_apart_by_their_time(tmp_path: Path) -> None:
    def make(source: Source) -> list[Report]:
        return [report(f"at {source.mtime}")]

    one, again, other = (ids(tmp_path, make, mtime_ns=at) for at in (10**9, 10**9, 2 * 10**9))
    assert one == again != other


def test_any_name_can_be_a_part_of_an_id(tmp_path: Path) -> None:
    def make(source: Source) -> list[Report]:
        assert source.name
        return [report("A")]

    [one], [other] = (ids(tmp_path, make, name=name) for name in ("\udcff.txt", "\udcfe.txt"))
    assert one != other


@pytest.mark.parametrize(("count", "kind"), [(2, "done"), (3, "done"), (4, "rejected")])
def test_a_file_has_so_many_reports_at_most(
    count: int, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversion, "MAX_REPORTS", 3)
    ending = said(tmp_path, lambda _source: [report("A")] * count)[-1]
    assert ending["kind"] == kind
    if kind == "rejected":
        assert ending["why"] == "more than 3 reports in the file"
        assert ending["hint"] == "Split it: all reports of a file are stored together."


def named(*names: str) -> Report:
    """A report with a step for each of the names."""
    builder = Report.builder(
        serial_number="A", part_number="P", process_code=10, start="2026-03-02T08:15:30Z"
    )
    for name in names:
        builder.root.action(name)
    return builder.build()


@pytest.mark.parametrize(
    ("lengths", "why"),
    [
        ((100,), None),
        ((101,), "root.steps[0].name: 101 characters, WATS keeps 100"),
        ((101, 99, 102), "keeps 100; root.steps[2].name: 102 characters, WATS keeps 100"),
        ((101,) * 5, "root.steps[2].name: 101 characters, WATS keeps 100; and 2 more"),
    ],
)
@pytest.mark.parametrize("strict", [True, False])
def test_strict_refuses_what_a_server_is_expected_to_refuse(
    strict: bool, lengths: tuple[int, ...], why: str | None, tmp_path: Path
) -> None:
    def make(_source: Source) -> list[Report]:
        return [report("S"), named(*("x" * length for length in lengths))]

    ending = said(tmp_path, make, strict=strict)[-1]
    if strict and why:
        assert ending["kind"] == "rejected"
        assert ending["why"].startswith("a WATS server is expected to refuse report 2 of the file")
        assert ending["why"].endswith(why)
    else:
        assert (ending["kind"], ending["reports"]) == ("done", 2)

"""XJTAG (XJRunner, XJDeveloper): a zip archive of test runs, a report for each."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar, Final

from pywats_trio.converters.api import Argument, Context, Converter, Reject, Source
from pywats_trio.converters.common import unit, xml_tree
from pywats_trio.converters.standard.xjtag import run
from pywats_trio.converters.standard.xjtag.archive import (
    ALL_RUNS_BYTES,
    INFO_BYTES,
    RUN_BYTES,
    Archive,
)
from pywats_trio.text import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pywats_trio.converters.common.xml_tree import Element
    from pywats_trio.reports.builder import ReportBuilder
    from pywats_trio.reports.report import Report

_INFO: Final = "Info.xml"
_RUN: Final = re.compile(r"Run ([1-9]\d{0,8})\.xml", re.ASCII)
_CHECKSUM: Final = re.compile(r"Run \d+\.checksum", re.ASCII)
_ARCHIVES: Final = (b"PK\x03\x04", b"PK\x05\x06")
_COUNT: Final = re.compile(rb"TestRunCount")
_BEGINNING: Final = re.compile(rb"PK\x03\x04.{26}(?:Info\.xml|Run \d+\.)", re.DOTALL)
_DIGITS: Final = re.compile(r"\d{1,9}", re.ASCII)


class Xjtag(Converter):
    """Every run, in the order of its number."""

    id: ClassVar[str] = "xjtag"
    version: ClassVar[str] = "1.0.0"
    patterns: ClassVar[tuple[str, ...]] = ("*.xjlog", "*.zip")
    arguments: ClassVar[Mapping[str, Argument]] = {**unit.ARGUMENTS}

    def detect(self, source: Source) -> float:
        """0.95 for a zip archive whose Info.xml has a TestRunCount.

        0.6 for what begins as a log does and is damaged, 0.5 for any other sound archive: nobody
        else reads one, so it is for this converter to say what it is not.
        """
        head = source.read_head(64)
        if not head.startswith(_ARCHIVES):
            return 0.0
        with suppress(Reject):
            archive = Archive(source.file)
            if _INFO not in archive.names:
                return 0.5
            with archive.opened(_INFO, INFO_BYTES) as file:
                if _COUNT.search(file.read()):
                    return 0.95
        return 0.6 if _BEGINNING.match(head) else 0.0

    def convert(self, source: Source, context: Context) -> Iterator[Report]:
        """The runs, one in memory at a time."""
        archive = Archive(source.file)
        info = _info(archive)
        runs = _runs(archive, announced := _announced(info))
        archive.check(runs.values(), ALL_RUNS_BYTES)
        for done, (number, name) in enumerate(runs.items(), 1):
            builder = run.report(_tree(archive, name, RUN_BYTES), f"Run {number}", context)
            builder.root.sequence_step.path = run.text_of(info, "ProjectPath")
            if number > announced:
                builder.note(f'{_INFO} announces {announced} runs; "{name}" is sent besides')
            if done == 1:
                _note_others(archive, builder)
            yield builder.build()
            del builder  # before the next run is read
            context.progress(done / len(runs))


def _info(archive: Archive) -> Element:
    if _INFO not in archive.names:
        raise Reject(f"the archive has no {_INFO}: it is no log of XJTAG")
    root = _tree(archive, _INFO, INFO_BYTES)
    info = root if root.name == "LogFileInfo" else root.child("LogFileInfo")
    if info is None:
        raise Reject(f"{_INFO}: no LogFileInfo (line {root.line}): it is no log of XJTAG")
    return info


def _announced(info: Element) -> int:
    text = run.text_of(info, "TestRunCount")
    if not _DIGITS.fullmatch(text):
        raise Reject(f'{_INFO}: TestRunCount "{shortened(text, 60)}" is no number of runs')
    return int(text)


def _runs(archive: Archive, announced: int) -> dict[int, str]:
    """The names of the runs by their numbers, in their order."""
    found = {int(match[1]): name for name in archive.names if (match := _RUN.fullmatch(name))}
    if not (found or announced):
        raise Reject("there is no run in the log")
    missing = next((n for n in range(1, announced + 1) if n not in found), None)
    if missing is not None:
        raise Reject(
            f'{_INFO} announces {announced} runs, "Run {missing}.xml" is missing',
            hint="Copy the log anew when the tester has written all of it.",
        )
    return dict(sorted(found.items()))


def _note_others(archive: Archive, builder: ReportBuilder) -> None:
    """Members that nobody reads, such as what a connection test has recorded."""
    others = [
        name
        for name in archive.names
        if name != _INFO and not _RUN.fullmatch(name) and not _CHECKSUM.fullmatch(name)
    ]
    if others:
        first = shortened(others[0], 60)
        builder.note(f'members of the log are not sent: "{first}" ({len(others)} in all)')


def _tree(archive: Archive, name: str, most: int) -> Element:
    """The root element of a member."""
    root = None
    with archive.opened(name, most) as member:
        try:
            for event in xml_tree.stream(member, ()):
                root = event.element
        except Reject as error:
            raise Reject(f"{name}: {error.why}", hint=error.hint) from error
    if root is None:  # the parser has refused that already
        raise Reject(f"{name}: there is no element in it")
    return root

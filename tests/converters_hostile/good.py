"""A converter that does nothing wrong: one report from any text."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pywats_trio.converters import Argument, Context, Converter, Report, Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def report(serial: str, **more: object) -> Report:
    return Report(
        {
            "type": "T",
            "pn": "PN-1",
            "sn": serial,
            "rev": "A",
            "processCode": 10,
            "result": "P",
            "start": "2026-03-02T08:15:30.250+01:00",
            "root": {"status": "P", "stepType": "SequenceCall", "name": "Main"},
            **more,
        }
    )


class Good(Converter):
    id = "good"
    version = "1.0"
    patterns: ClassVar[tuple[str, ...]] = ("*.txt",)
    arguments: ClassVar[Mapping[str, Argument]] = {
        "prefix": Argument(str, default="SN-", help="before the serial number")
    }

    def detect(self, source: Source) -> float:
        return 0.5 if source.read_head(4) == b"unit" else 0.0

    def convert(self, source: Source, context: Context) -> Iterator[Report]:
        yield report(context.arguments["prefix"] + source.read_text().strip())

"""A converter that does what its file says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pywats_trio.converters import Context, Converter, Reject, Report, Retry, Source

if TYPE_CHECKING:
    from collections.abc import Iterator


class Moody(Converter):
    id = "moody"

    def convert(self, source: Source, context: Context) -> Iterator[Report]:
        match source.read_text():
            case "bad":
                raise ValueError("no such column")
            case "rejected":
                raise Reject("no serial number")
            case "asks for another try":
                raise Retry("not yet", after=5)
        yield Report(
            {
                "type": "T",
                "pn": "PN-1",
                "sn": "SN-1",
                "rev": "A",
                "processCode": 10,
                "result": "P",
                "start": "2026-03-02T08:15:30.250+01:00",
                "root": {"status": "P", "stepType": "SequenceCall", "name": "Main"},
            }
        )

"""Converters that do what the harness must see. They tell by the name of the file what to do."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from pywats_trio.converters import Context, Converter, Reject, Report, Source

if TYPE_CHECKING:
    from collections.abc import Iterable


class Bad(Converter):
    """`raise`, `hang`, `eat`, `silent`, `speechless`; anything else is refused as it should be."""

    id = "bad"

    def convert(self, source: Source, context: Context) -> Iterable[Report]:
        del context
        match source.name:
            case "raise":
                raise ValueError("of Python's own")
            case "hang":
                signal.pause()  # the deadline ends it
            case "eat":
                held = [bytearray(1 << 20) for _ in range(1 << 20)]
                raise Reject(f"there was room for {len(held)} MiB")
            case "silent":
                raise Reject(" ")
            case "speechless":
                return [_report()]
        raise Reject("no report in it")


def _report() -> Report:
    """A report whose only finding says nothing."""
    builder = Report.builder(
        part_number="PN-1",
        serial_number="SN-1",
        start="2026-01-30T10:00:00+01:00",
        process_code=10,
        station="S1",
        location="L1",
        purpose="P1",
    )
    builder.root.action("Step")
    builder.note("")
    return builder.build()

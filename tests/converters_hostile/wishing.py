"""Says of its file what each line of it asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pywats_trio.converters import Argument, Context, Converter, Reject, Report, Source
from pywats_trio.converters.standard.wats_json import WatsJson

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


def report(serial: str) -> Report:
    return Report.builder(
        serial_number=serial,
        part_number="PN-1",
        revision="A",
        process_code=10,
        start="2026-03-02T08:15:30+01:00",
    ).build()


class Wishes(Converter):
    """A line `reject` refuses the file, `-` says nothing, any other goes to `Context.after`."""

    id = "wishes"
    patterns: ClassVar[tuple[str, ...]] = ("*.txt",)

    def convert(self, source: Source, context: Context) -> Iterator[Report]:
        yield report(f"SN-{source.name}")
        for line in source.lines():
            if line == "reject":
                raise Reject("as it asks")
            if line != "-":
                context.after(line)


class Forges(Converter):
    """Passes the check of `Context.after` by."""

    id = "forges"

    def convert(self, source: Source, context: Context) -> Iterator[Report]:
        say: Any = context.report_after
        say("burn")
        yield report("SN-1")


class Asks(WatsJson):
    """Reads WATS JSON, and asks for each file what its argument says."""

    id = "asks"
    arguments: ClassVar[Mapping[str, Argument]] = {
        **WatsJson.arguments,
        "after": Argument(str, default="delete"),
    }

    def convert(self, source: Source, context: Context) -> Iterable[Report]:
        context.after(context.arguments["after"])
        return super().convert(source, context)

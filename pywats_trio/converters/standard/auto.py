"""Whichever of the standard converters is surest that it can read a file."""

from __future__ import annotations

import importlib
from functools import cache, partial
from typing import TYPE_CHECKING, Any, ClassVar, Final

from attrs import evolve

from pywats_trio.converters.api import (
    Argument,
    Context,
    Converter,
    FolderSource,
    Reject,
    Source,
)
from pywats_trio.converters.arguments import Table, bind
from pywats_trio.converters.registry import FILE_TYPES, FORMATS, STANDARD, SURE_ENOUGH, unclaimed
from pywats_trio.converters.standard.wats_json import PROCESS_CODE_ARGUMENTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pywats_trio.reports.report import Report

_OPERATION: Final = {
    "process_code": "test operation of test reports that name none",
    "repair_process_code": "repair operation of repair reports that name none",
}
_CONTENT: Final = ((b"<", "XML"), (b"{", "JSON"), (b"[", "JSON"), (b"PK\x03\x04", "a zip archive"))


@cache
def standard(name: str) -> Converter:
    """The standard converter of this id, made when it is first asked for."""
    module, _, attribute = STANDARD[name].partition(":")
    kind: type[Converter] = getattr(importlib.import_module(module), attribute)
    return kind()


def certainties(source: Source, names: Iterable[str] = FORMATS) -> dict[str, float]:
    """How sure each of these standard converters is that it can read the file."""
    return {name: _certainty(standard(name), source) for name in names}


def _certainty(converter: Converter, source: Source) -> float:
    try:
        return converter.detect(source)
    except Reject:  # it could not even look into it
        return 0.0


def _arguments_of(name: str) -> Mapping[str, Argument]:
    return standard(name).arguments


class Auto(Converter):
    """Asks `detect` of the standard converters and gives the file to the surest.

    At equality the first in `converters` takes it. A file that none claims with at least
    `SURE_ENOUGH` is refused. Arguments of a format stand in a table with its name; the process
    codes may also stand outside, for every format that takes them::

        [converters.arguments]
        converters = ["wats-text", "csv"]
        process_code = 20
        [converters.arguments.csv]
        delimiter = ";"
    """

    id: ClassVar[str] = "auto"
    version: ClassVar[str] = "1.0.0"
    arguments: ClassVar[Mapping[str, Argument]] = {
        "converters": Argument(
            list,
            choices=FORMATS,
            minimum=1,
            help="which are asked, the preferred one first; default: all of the standard set",
        ),
        **{
            name: evolve(argument, help=f"{_OPERATION[name]}, for every format that takes it")
            for name, argument in PROCESS_CODE_ARGUMENTS.items()
        },
        **{
            name: Table(
                dict, help=f"the arguments of {name}", declared=partial(_arguments_of, name)
            )
            for name in FORMATS
        },
    }

    def detect(self, source: Source) -> float:
        """As sure as the surest of all standard converters."""
        return max(certainties(source).values())

    def convert(self, source: Source, context: Context) -> Iterable[Report]:
        """What the surest one makes of the file; the log says which it was."""
        found = certainties(source, context.arguments["converters"] or FORMATS)
        name = max(found, key=lambda one: found[one])
        if found[name] < SURE_ENOUGH:
            raise Reject(f"the file is {_kind(source)}: {unclaimed(found)}", hint=_hint(source))
        context.logger.info("%s converts it: the surest, with %.2f", name, found[name])
        arguments = dict(_arguments_for(name, context.arguments))
        return standard(name).convert(source, evolve(context, arguments=arguments))


def _arguments_for(name: str, given: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    declared = _arguments_of(name)
    shared = {
        code: given[code]
        for code in PROCESS_CODE_ARGUMENTS
        if code in declared and given[code] is not None
    }
    yield from bind(declared, {**shared, **(given[name] or {})}).items()


def _hint(source: Source) -> str:
    """What to do with a file that none claims."""
    head = FolderSource.from_files({}, header=source.read_head())
    for name in (name for name in STANDARD if name not in FILE_TYPES):
        if standard(name).detect(head) >= SURE_ENOUGH:
            return (
                f"It looks like the header of {name}, which takes a file with its folder: name it."
            )
    return "Give its folder a converter of its own, or name one in the argument converters."


def _kind(source: Source) -> str:
    """What it looks like, for people."""
    head = source.read_head(64).lstrip(b"\xef\xbb\xbf\r\n\t ")
    return next((kind for start, kind in _CONTENT if head.startswith(start)), "of unknown content")

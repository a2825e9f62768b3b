"""From where a converter is found to the converter itself, inside the limits."""

from __future__ import annotations

import importlib
import importlib.util
import linecache
import sys
from importlib.abc import InspectLoader
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from pywats_trio.converters.api import Converter, FolderConverter
from pywats_trio.errors import LoadError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import CodeType, ModuleType


@frozen
class Where:
    """Where a converter is: `attribute` of `module`, or of the file `file` if that is set."""

    module: str
    file: str
    attribute: str
    adapter: str
    """`pywats` for a class that was written for pyWATS; empty for a `Converter`."""
    revision: str
    """Tells one state of the code from another."""


def load(where: Where, code: bytes) -> Converter:
    """Import and make the converter; `code` is the text of `where.file`.

    Raises:
        LoadError: there is no such class, or it is no `Converter`.
        BaseException: whatever the import of somebody else's code ends with.
    """
    made = _made(where, code)
    if isinstance(made, FolderConverter) and (why := _wrong_unit(made)):
        raise LoadError(f"the class {where.attribute!r} {why}")
    return made


def _made(where: Where, code: bytes) -> Converter:
    if where.adapter:
        from pywats_trio.converters import pywats  # noqa: PLC0415 - few need it

        with pywats.provided():
            return pywats.adapt(_found(where, code), where.file)
    found = _found(where, code)
    if not (isinstance(found, type) and issubclass(found, Converter)):
        raise LoadError(f"{where.attribute!r} is no subclass of pywats_trio.converters.Converter")
    if not isinstance(getattr(found, "id", None), str) or not found.id:
        raise LoadError(
            f"the class {where.attribute!r} has no id; give it one, such as id = 'my-id'"
        )
    patterns: object = found.patterns
    if isinstance(patterns, str):
        raise LoadError(f"patterns of {where.attribute!r} is a text; write ({patterns!r},)")
    return found()


_ADAPTER: Final = "pywats_trio.converters.pywats."
"""What is adapted is of one class, which says nothing of its files."""
FORMS: Final = ("folder", "file-and-folder")
MOST_FILES: Final = 10_000
LONGEST_QUIET: Final = 86_400.0


def _wrong_unit(converter: Any) -> str:  # noqa: ANN401 - its author may have written anything
    """What of the unit it declares does not make sense; empty if all does."""
    marker, files, quiet = converter.marker, converter.minimum_files, converter.quiet_seconds
    if converter.unit not in FORMS:
        return f"has the unit {converter.unit!r}; it is one of {FORMS}"
    if not isinstance(marker, str) or marker in {".", ".."} or {"/", "\0"} & set(marker):
        return f"has the marker {marker!r}; give the name of a file in the folder, or ''"
    if type(files) is not int or not 0 <= files <= MOST_FILES:
        return f"has minimum_files = {files!r}; give 0 to {MOST_FILES}"
    if not isinstance(quiet, int | float) or not 0 <= quiet <= LONGEST_QUIET:
        return f"has quiet_seconds = {quiet!r}; give 0 to {LONGEST_QUIET:.0f}"
    return ""


def _found(where: Where, code: bytes) -> Any:  # noqa: ANN401 - whatever they called so
    module = _from_code(where, code) if where.file else importlib.import_module(where.module)
    found = getattr(module, where.attribute, None)
    if found is None:
        raise LoadError(f"{where.file or where.module} has no class {where.attribute!r}")
    return found


class _Code(InspectLoader):
    """A module of the text that the service read, for a worker may open no file of anybody's."""

    def __init__(self, path: str, code: bytes) -> None:
        self._path = path
        self._text = importlib.util.decode_source(code)
        # Tracebacks show the lines that ran, even when the file has others by then.
        lines = self._text.splitlines(keepends=True)
        linecache.cache[path] = (len(code), None, lines, path)

    def get_source(self, fullname: str) -> str:
        """The text."""
        del fullname
        return self._text

    def get_code(self, fullname: str) -> CodeType:
        """Always compiled."""
        del fullname
        return self.source_to_code(self._text, self._path)


def _from_code(where: Where, code: bytes) -> ModuleType:
    name = f"pywats_trio_custom_{Path(where.file).stem}_{where.revision}"
    spec = importlib.util.spec_from_loader(name, _Code(where.file, code), origin=where.file)
    if spec is None or spec.loader is None:
        raise LoadError(f"{where.file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    module.__file__ = where.file
    sys.modules[name] = module  # before it runs: its dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


def describe(converter: Converter) -> dict[str, Any]:
    """What a converter says about itself, as JSON takes it."""
    return {
        "id": converter.id,
        "version": str(converter.version),
        "patterns": [str(pattern) for pattern in converter.patterns],
        "arguments": _describe_arguments(converter.arguments),
        "unit": _describe_unit(converter),
        "reads": _reads(type(converter)),
    }


def _reads(kind: type) -> str:
    """The first line of what its module, or else its class, says of itself."""
    if kind.__module__.startswith(_ADAPTER):
        return ""
    texts = (getattr(sys.modules.get(kind.__module__), "__doc__", None), kind.__doc__)
    lines = (text.strip().partition("\n")[0] for text in texts if isinstance(text, str))
    return next((line for line in lines if line), "")


def _describe_unit(converter: Converter) -> dict[str, Any] | None:
    if not isinstance(converter, FolderConverter):
        return None
    return {
        "form": converter.unit,
        "marker": converter.marker,
        "minimum_files": converter.minimum_files,
        "quiet_seconds": float(converter.quiet_seconds),
    }


def _describe_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: {
            "type": argument.type.__name__,
            "default": _plain(argument.default),
            "help": argument.help,
            "choices": [_plain(choice) for choice in argument.choices],
            "minimum": argument.minimum,
            "maximum": argument.maximum,
            "required": argument.required,
            "pattern": _plain(argument.pattern),
        }
        for name, argument in arguments.items()
    }


def _plain(value: object) -> object:
    return value if isinstance(value, str | int | float | bool | None) else str(value)

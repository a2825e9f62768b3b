"""From the `type` of a converter in the configuration to where its class is; nothing is imported.

A converter's code runs in a worker only, so the service never imports one: it parses names.
"""

from __future__ import annotations

import difflib
from enum import StrEnum
from pathlib import Path
from typing import Final

from attrs import frozen

from pywats_trio.config import texts
from pywats_trio.errors import ConfigError

ENTRY_POINTS: Final = "pywats_trio.converters"
"""The group under which installed packages offer converters."""

_STANDARD: Final = "pywats_trio.converters.standard"
STANDARD: Final = {
    "wats-json": f"{_STANDARD}.wats_json:WatsJson",
    "wats-xml": f"{_STANDARD}.wats_xml:WatsXml",
}
"""The converters that come with the package, id to class."""


UNBUILT: Final = frozenset(
    {
        "atml",
        "auto",
        "csv",
        "keysight-testexec-sl",
        "klippel",
        "seica-xml",
        "spea",
        "teradyne-ict",
        "teradyne-spectrum-ict",
        "wats-text",
        "xjtag",
    }
)
"""Standard ids whose converter does not exist yet."""


class Origin(StrEnum):
    """Where a converter comes from."""

    STANDARD = "standard"
    """The package; all of these share worker processes."""
    MODULE = "module"
    """An importable module, named in full or by an entry point."""
    FILE = "file"
    """A Python file."""


@frozen
class Spec:
    """Where a converter's class is."""

    origin: Origin
    type: str
    """As it stands in the configuration."""
    attribute: str
    """The name of the class."""
    module: str = ""
    file: str = ""
    """Absolute path, if `origin` is FILE."""


def parse(text: str, base: Path | None = None) -> Spec:
    """What a `type` means; a relative file is looked for from `base` (default: where we are).

    Raises:
        ConfigError: there is no such id, or the file does not exist.
    """
    if text in STANDARD:
        module, _, attribute = STANDARD[text].partition(":")
        return Spec(Origin.STANDARD, text, attribute, module=module)
    if found := texts.converter_file(text):
        file, attribute = found
        return Spec(Origin.FILE, text, _identifier(attribute, text), file=_file(file, base))
    module, colon, attribute = text.rpartition(":")
    return _module(module, attribute, text) if colon else _entry_point(text)


def _file(where: str, base: Path | None) -> str:
    path = Path(base or Path.cwd(), where).expanduser()
    if not path.is_file():
        raise ConfigError(f"the converter file {path} does not exist; correct the path in 'type'")
    return str(path.absolute())


def _module(where: str, attribute: str, text: str) -> Spec:
    if not all(part.isidentifier() for part in where.split(".")):
        raise ConfigError(
            f"{text!r} is no converter type; write an id, package.module:Class or "
            "path/to/file.py:Class"
        )
    return Spec(Origin.MODULE, text, _identifier(attribute, text), module=where)


def _identifier(attribute: str, text: str) -> str:
    if not attribute.isidentifier():
        raise ConfigError(f"{text!r} names no class; write the class's name after the colon")
    return attribute


def _entry_point(name: str) -> Spec:
    found = entry_points()
    if name not in found:
        unbuilt = f"the converter {name!r} is not built yet; use a converter of your own"
        raise ConfigError(unbuilt if name in UNBUILT else _unknown(name, found))
    module, _, attribute = found[name].partition(":")
    return Spec(Origin.MODULE, name, attribute, module=module)


def entry_points() -> dict[str, str]:
    """The converters that installed packages offer, id to `module:Class`; none is imported."""
    from importlib import metadata  # noqa: PLC0415 - 30 ms, and most installations have none

    return {
        entry.name: f"{entry.module}:{entry.attr}"
        for entry in metadata.entry_points(group=ENTRY_POINTS)
    }


def _unknown(name: str, found: dict[str, str]) -> str:
    known = sorted({*STANDARD, *found})
    if near := difflib.get_close_matches(name, known, n=1):
        return f"there is no converter {name!r}; did you mean {near[0]!r}?"
    return (
        f"there is no converter {name!r}; it can be {', '.join(known)}, package.module:Class or "
        "path/to/file.py:Class"
    )

"""From the `type` of a converter in the configuration to where its class is; nothing is imported.

A converter's code runs in a worker only, so the service never imports one: it parses names.
"""

from __future__ import annotations

import difflib
import hashlib
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attrs import evolve, field, frozen

from pywats_trio.config import texts
from pywats_trio.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

ENTRY_POINTS: Final = "pywats_trio.converters"
"""The group under which installed packages offer converters."""

MAX_CODE: Final = 4 << 20
"""Bytes of a converter's file."""
_STANDARD: Final = "pywats_trio.converters.standard"
STANDARD: Final = {
    "wats-json": f"{_STANDARD}.wats_json:WatsJson",
    "wats-xml": f"{_STANDARD}.wats_xml.converter:WatsXml",
    "wats-text": f"{_STANDARD}.wats_text.converter:WatsText",
    "csv": f"{_STANDARD}.csv.converter:Csv",
    "atml": f"{_STANDARD}.atml.converter:Atml",
    "teradyne-ict": f"{_STANDARD}.teradyne_ict.converter:TeradyneIct",
    "teradyne-spectrum-ict": f"{_STANDARD}.teradyne_spectrum.converter:TeradyneSpectrumIct",
    "spea": f"{_STANDARD}.spea.converter:Spea",
    "seica-xml": f"{_STANDARD}.seica_xml:SeicaXml",
    "keysight-testexec-sl": f"{_STANDARD}.keysight_testexec.converter:KeysightTestexecSl",
    "teststand-xml": f"{_STANDARD}.teststand.converter:TeststandXml",
    "xjtag": f"{_STANDARD}.xjtag.converter:Xjtag",
    "klippel": f"{_STANDARD}.klippel.converter:Klippel",
    "takaya": f"{_STANDARD}.takaya.converter:Takaya",
    "sigmaquest": f"{_STANDARD}.sigmaquest.converter:SigmaQuest",
    "saki-aoi": f"{_STANDARD}.saki_aoi.converter:SakiAoi",
    "soundcheck": f"{_STANDARD}.soundcheck.converter:SoundCheck",
    "auto": f"{_STANDARD}.auto:Auto",
}
"""The converters that come with the package, id to class."""

AUTO: Final = "auto"
"""The one that asks the others."""
FILE_TYPES: Final = frozenset(STANDARD) - {"klippel"}
"""Those of them whose unit of work is a file: nobody needs to be asked for that."""
FORMATS: Final = tuple(name for name in STANDARD if name in FILE_TYPES and name != AUTO)
"""Those that read files of a format of their own; who asks them all asks in this order."""
SURE_ENOUGH: Final = 0.5
"""How sure a converter must be to be given a file that nobody named a converter for."""


def unclaimed(certainties: Mapping[str, float]) -> str:
    """Why none of these converters, each this sure, is given the file."""
    best = max(certainties, key=lambda name: certainties[name])
    surest = certainties[best]
    needed = f"; the surest is {best} with {surest:.2f}, {SURE_ENOUGH:.2f} are needed"
    none = f"none of the converters {', '.join(certainties)} knows this format"
    return none + (needed if surest > 0 else "")


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
    adapter: str = ""
    """`pywats` for a class that was written for pyWATS; empty for a `Converter`."""
    revision: str = ""
    """Which state of the code is meant; empty for that which the next worker will find."""
    code: bytes = field(default=b"", eq=False, repr=False)
    """The text of `file` at that revision: workers run it, whatever the file says by then."""


def parse(text: str, base: Path | None = None) -> Spec:
    """What a `type` means; a relative file is looked for from `base` (default: where we are).

    Raises:
        ConfigError: there is no such id, or the file does not exist.
    """
    if text in STANDARD:
        module, _, attribute = STANDARD[text].partition(":")
        return Spec(Origin.STANDARD, text, attribute, module=module)
    adapter, where = texts.converter_class(text)
    if adapter and ":" not in where:
        raise ConfigError(
            f"{text!r} names no class; write {adapter}:package.module:Class or "
            f"{adapter}:path/to/file.py:Class"
        )
    return evolve(_class(where, text, base), adapter=adapter)


def _class(where: str, text: str, base: Path | None) -> Spec:
    if found := texts.converter_file(where):
        file, attribute = found
        return Spec(Origin.FILE, text, _identifier(attribute, text), file=_file(file, base))
    module, colon, attribute = where.rpartition(":")
    return _module(module, attribute, text) if colon else _entry_point(text)


def pinned(spec: Spec) -> Spec:
    """The converter with its code as it is now. Reads the file of one that is a file.

    Raises:
        ConfigError: the file cannot be read, or is larger than a program can be.
    """
    if spec.origin is not Origin.FILE:
        return spec
    try:
        with Path(spec.file).open("rb") as file:
            code = file.read(MAX_CODE + 1)
    except OSError as error:
        raise ConfigError(
            f"the converter file {spec.file} cannot be read: {error.strerror}; see to its rights"
        ) from error
    if len(code) > MAX_CODE:
        raise ConfigError(f"the converter file {spec.file} has more than {MAX_CODE} bytes")
    return evolve(spec, revision=hashlib.sha256(code).hexdigest()[:12], code=code)


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
        raise ConfigError(_unknown(name, found))
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

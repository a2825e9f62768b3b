"""The samples of a converter, the large ones cut down."""

from __future__ import annotations

import importlib
import json
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree as ET

from attrs import field, frozen

from pywats_trio.converters.api import Converter, FolderConverter
from pywats_trio.converters.registry import FORMATS, STANDARD
from tests import samples
from tests.mutations.units import Unit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.samples import Sample

LARGE: Final = 100_000
"""Bytes above which a sample is cut down, so that thousands of runs take minutes."""
_EACH: Final = 4
"""Children of a kind, or elements of a list, that are left."""
_HEAD, _TAIL = 40_000, 10_000
_OTHERS: Final = ("hostile", "other", "auto")
"""Folders in which samples of any converter lie."""


@frozen
class Specimen:
    """A sample as it is broken."""

    name: str
    unit: Unit
    arguments: Mapping[str, Any] = field(factory=dict)


@frozen
class Subject:
    """A converter, and what its samples are."""

    id: str
    type: str
    """As it stands in a configuration."""
    folders: bool
    """Whether it takes a header with its folder."""
    specimens: tuple[Specimen, ...]

    def named(self, name: str) -> Specimen:
        """One of its specimens."""
        return next(one for one in self.specimens if one.name == name)


def subject(name: str) -> Subject:
    """The converter with a standard id, or `id=package.module:Class` for one that has none yet."""
    id_, _, given = name.partition("=")
    module, _, attribute = (given or STANDARD[id_]).partition(":")
    made = getattr(importlib.import_module(module), attribute)()
    return Subject(id_, given or id_, isinstance(made, FolderConverter), _specimens(id_, made))


def subjects() -> list[str]:
    """The ids of all standard converters that read a format of their own."""
    return list(FORMATS)


def _specimens(id_: str, converter: Converter) -> tuple[Specimen, ...]:
    found = {
        sample.name: sample
        for folder in (id_, *_OTHERS)
        for sample in samples.samples(folder)
        if sample.expected.get("converter") == id_ and sample.path.stat().st_size
    }
    return tuple(_specimen(found[name], converter) for name in sorted(found))


def _specimen(sample: Sample, converter: Converter) -> Specimen:
    source, folder = sample.source(converter), None
    if isinstance(converter, FolderConverter):
        folder = {path: cut_down(one.read_bytes()) for path, one in source.files.items()}  # type: ignore[attr-defined]
    unit = Unit(sample.path.name, cut_down(source.read_bytes()), folder)
    return Specimen(sample.name, unit, sample.arguments)


def cut_down(data: bytes) -> bytes:
    """The same with less in it; what cannot be cut down in its grammar loses its middle."""
    if len(data) <= LARGE or data.startswith(b"PK"):
        return data
    try:
        shrunk = _less_json(data) if data.lstrip()[:1] in (b"{", b"[") else _less_xml(data)
    except (ValueError, ET.ParseError):
        shrunk = b""
    return shrunk if 0 < len(shrunk) <= LARGE else _less_lines(data)


def _less_json(data: bytes) -> bytes:
    return json.dumps(_fewer(json.loads(data)), indent=1).encode()


def _fewer(value: Any) -> Any:
    if isinstance(value, list):
        return [_fewer(one) for one in value[:_EACH]]
    if isinstance(value, dict):
        return {key: _fewer(one) for key, one in value.items()}
    return value


def _less_xml(data: bytes) -> bytes:
    root = ET.fromstring(data)
    for element in list(root.iter()):
        kinds: dict[str, int] = {}
        for child in list(element):
            kinds[child.tag] = kinds.get(child.tag, 0) + 1
            if kinds[child.tag] > _EACH:
                element.remove(child)
    return bytes(ET.tostring(root, "utf-8", xml_declaration=True))


def _less_lines(data: bytes) -> bytes:
    head = data[: data.rfind(b"\n", 0, _HEAD) + 1]
    return head + data[data.find(b"\n", len(data) - _TAIL) + 1 :]

"""The same bytes parsed, and nothing else done with them: the least that a converter can cost."""

from __future__ import annotations

import csv
import importlib
import io
import json
import zipfile
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree
from xml.parsers import expat

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from benchmarks.converters.contestant import Do

    Parse = Callable[[bytes, str], object]

PARSERS: Final = {
    "xml": ("lxml", "etree", "expat"),
    "zip": ("lxml", "etree", "expat"),
    "json": ("json",),
    "csv": ("csv",),
    "tabs": ("split", "csv"),
    "semicolons": ("split", "csv"),
    "bars": ("split",),
    "lines": ("split",),
    "folder": ("split",),
}
"""What parses each kind of text; the first that can be had is what converters are measured by."""
MARKS: Final = {"tabs": "\t", "semicolons": ";", "bars": "|", "folder": "\t"}
"""What lies between fields; where nothing is named, it is white space."""


def parser(kind: str, of: str) -> Do:
    """The parser `kind` for a text of the kind `of` in some encoding, as `KIND/ENCODING`."""
    text, _, encoding = of.partition("/")
    parse = _parse(kind, MARKS.get(text))

    def do(path: Path, _arguments: Mapping[str, Any]) -> int:
        for content in _contents(path, text):
            parse(content, encoding)
        return 0

    return do


def _contents(path: Path, text: str) -> list[bytes]:
    if text == "zip":
        with zipfile.ZipFile(path) as file:
            names = [name for name in file.namelist() if name.endswith(".xml")]
            return [file.read(name) for name in names]
    beside = sorted(path.with_suffix("").rglob("*.*")) if text == "folder" else []
    return [one.read_bytes() for one in (path, *beside)]


def _parse(kind: str, mark: str | None) -> Parse:
    match kind:
        case "lxml":
            etree: Any = importlib.import_module("lxml.etree")  # it may be absent
            return lambda content, _encoding: etree.fromstring(content)
        case "etree":
            return lambda content, _encoding: ElementTree.fromstring(content)
        case "expat":
            return lambda content, _encoding: _expat(content)
        case "json":
            return lambda content, encoding: json.loads(content.decode(encoding, "replace"))
        case "csv":
            return lambda content, encoding: _rows(content.decode(encoding, "replace"), mark or ",")
    return lambda content, encoding: [
        line.split(mark) for line in content.decode(encoding, "replace").splitlines()
    ]


def _expat(content: bytes) -> None:
    made = expat.ParserCreate()
    made.StartElementHandler = lambda _name, _attributes: None
    made.EndElementHandler = lambda _name: None
    made.CharacterDataHandler = lambda _text: None
    made.Parse(content, True)


def _rows(text: str, mark: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=mark))

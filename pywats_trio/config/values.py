"""One value of the configuration: from what stands in the file or the environment to what it means.

Every function that can fail raises BadValue.
"""

from __future__ import annotations

import json
import math
import os
import re
import tomllib
from difflib import get_close_matches
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pywats_trio.config.mistakes import BadValue
from pywats_trio.text import shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import attrs

    Metadata = Mapping[str, Any]

SIZES: Final = {
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KIB": 2**10,
    "MIB": 2**20,
    "GIB": 2**30,
    "TIB": 2**40,
}
DURATIONS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_QUANTITY: Final = re.compile(r"(\d{1,18}(?:\.\d{1,9})?) ?([A-Za-z]*)", re.ASCII)
_WORDS: Final = {"true": True, "yes": True, "on": True, "1": True} | {
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}


def size(text: str) -> int:
    """`512MiB`, `20MB`, `4096`: bytes, rounded down."""
    match = _QUANTITY.fullmatch(text.strip())
    unit = SIZES.get((match[2] or "B").upper()) if match else None
    if match is None or unit is None:
        raise BadValue(f"{text!r} is no size; write bytes, or a text such as '512MiB' or '20MB'")
    return int(Fraction(match[1]) * unit)


def duration(text: str) -> float:
    """`7d`, `12h`, `30m`, `45s`, `250ms`, `1.5`: seconds."""
    match = _QUANTITY.fullmatch(text.strip())
    unit = DURATIONS.get(match[2] or "s") if match else None
    if match is None or unit is None:
        raise BadValue(f"{text!r} is no duration; write seconds, or a text such as '30m' or '7d'")
    return float(match[1]) * unit


def size_text(count: int) -> str:
    """Bytes as `size` reads them, in the largest unit that is exact."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        whole, rest = divmod(count, SIZES[unit.upper()])
        if whole and not rest:
            return f"{whole}{unit}"
    return f"{count}B"


def read(attribute: attrs.Attribute[Any], raw: object, folder: Path) -> object:
    """The meaning of `raw` for the option `attribute`; `folder` is where relative paths start."""
    metadata = attribute.metadata
    if not metadata["built"]:
        raise BadValue("not built yet; remove the line")
    if metadata["listed"]:
        raw = _only(raw)
    if metadata["secret"] and not isinstance(raw, str):
        raise BadValue(f"this is {_kind(raw)}; write a text in quotes")
    if raw == "" and metadata["required"]:
        raise BadValue(f"missing; give {metadata['doc']}")
    if attribute.type in {Path, Path | None}:
        return _path(raw, folder) if raw != "" else attribute.default
    value = _READERS[attribute.type](raw, metadata)
    _check_range(value, metadata)
    return value


def from_text(attribute: attrs.Attribute[Any], text: str) -> object:
    """What `text` from the environment would be in a file; text stays text where it is no more.

    So that `read` has the last word and the complaint is the same as for a file.
    """
    kind: Any = attribute.type
    if kind is bool:
        return _WORDS.get(text.strip().lower(), text)
    if kind in {int, float} and not attribute.metadata["unit"]:
        return _number_or_text(text)
    if kind in {str, int, float, Path, Path | None}:
        return text
    return _structure_or_text(text)


def _number_or_text(text: str) -> object:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _structure_or_text(text: str) -> object:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        pass
    try:
        return json.loads(text)
    except ValueError:
        return text


def _only(raw: object) -> object:
    if not isinstance(raw, list):
        return raw
    if len(raw) > 1:
        raise BadValue("a list of several is not built yet; give one")
    return raw[0] if raw else ""


def _boolean(raw: object, _metadata: Metadata) -> bool:
    if not isinstance(raw, bool):
        raise BadValue(f"{_shown(raw)} is {_kind(raw)}; write true or false")
    return raw


def _integer(raw: object, metadata: Metadata) -> int:
    if isinstance(raw, str) and metadata["unit"]:
        raw = size(raw) if metadata["unit"] == "bytes" else _whole(duration(raw))
    if isinstance(raw, bool) or not isinstance(raw, int):
        raise BadValue(f"{_shown(raw)} is {_kind(raw)}; write a whole number")
    return raw


def _number(raw: object, metadata: Metadata) -> float:
    if isinstance(raw, str) and metadata["unit"] == "seconds":
        raw = duration(raw)
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        raise BadValue(f"{_shown(raw)} is {_kind(raw)}; write a number")
    try:
        number = float(raw)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise BadValue(f"{_shown(raw)} is not finite; write a number")
    return number


def _whole(number: float) -> float:
    return int(number) if number == int(number) else number


def _text(raw: object, metadata: Metadata) -> str:
    if not isinstance(raw, str):
        raise BadValue(f"{_shown(raw)} is {_kind(raw)}; write a text in quotes")
    choices: tuple[str, ...] = metadata["choices"]
    if choices and raw not in choices:
        raise BadValue(f"{raw!r} is not known; use {_either(choices)}")
    clean: Callable[[str], str] | None = metadata["clean"]
    return clean(raw) if raw and clean else raw


def _texts(raw: object, metadata: Metadata) -> tuple[str, ...]:
    choices: tuple[str, ...] = metadata["choices"]
    example = list(choices[:1]) or ["*.json"]
    if not isinstance(raw, list) or not all(isinstance(text, str) and text for text in raw):
        raise BadValue(f"{_shown(raw)} will not do; write a list of texts such as {example}")
    if strange := [text for text in raw if choices and text not in choices]:
        near = get_close_matches(strange[0], choices, n=1) or choices
        raise BadValue(f"{strange[0]!r} is not known; use {_either(list(near))}")
    return tuple(raw)


def _table(raw: object, _metadata: Metadata) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise BadValue(f"{_shown(raw)} is {_kind(raw)}; write a table")
    return raw


_READERS: Final[Mapping[Any, Callable[[object, Metadata], object]]] = {
    bool: _boolean,
    int: _integer,
    float: _number,
    str: _text,
    tuple[str, ...]: _texts,
    dict[str, Any]: _table,
}


def _path(raw: object, folder: Path) -> Path:
    if not isinstance(raw, str) or "\0" in raw:
        raise BadValue(f"{_shown(raw)} is no path; write a text in quotes")
    try:
        path = folder / Path(raw).expanduser()
    except RuntimeError as error:
        raise BadValue(f"{raw!r} names a home folder that is not known") from error
    # abspath and not resolve: a link that is put elsewhere later must be followed then.
    return Path(os.path.abspath(path))  # noqa: PTH100


def _check_range(value: object, metadata: Metadata) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    low, high = metadata["low"], metadata["high"]
    if low is not None and not low <= value <= high:
        size_of = "small" if value < low else "large"
        raise BadValue(f"{_numeral(value)} is too {size_of}; use {_range(metadata)}")


def _range(metadata: Metadata) -> str:
    show = size_text if metadata["unit"] == "bytes" else _numeral
    return f"{show(metadata['low'])} to {show(metadata['high'])}"


def _numeral(number: float) -> str:
    return _shown(number) if isinstance(number, int) else f"{number:.15g}"


def _either(choices: Iterable[str]) -> str:
    return " or ".join(repr(choice) for choice in choices)


def _shown(raw: object) -> str:
    return shortened(repr(raw), 60)


def _kind(raw: object) -> str:
    kinds: list[tuple[type, str]] = [
        (bool, "true or false"),
        (int, "a whole number"),
        (float, "a number"),
        (str, "a text"),
        (list, "a list"),
        (dict, "a table"),
        (type(None), "nothing"),
    ]
    return next((words for kind, words in kinds if isinstance(raw, kind)), "a date or a time")

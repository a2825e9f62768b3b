"""What a converter says about itself, read from a frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pywats_trio.convert import fields
from pywats_trio.convert.fields import MAX_NAME, MAX_TEXT, sanitized
from pywats_trio.convert.said import Description
from pywats_trio.errors import FrameError
from pywats_trio.model import Form, Unit

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_PATTERNS: Final = 200
MAX_READS: Final = 200
"""Characters."""


def description(header: dict[str, Any]) -> Description:
    arguments = header.get("arguments")
    if not isinstance(arguments, dict) or not all(isinstance(a, dict) for a in arguments.values()):
        raise FrameError("'arguments' is no object of objects")
    patterns = fields.items(header, "patterns")
    if not all(isinstance(pattern, str) for pattern in patterns) or len(patterns) > MAX_PATTERNS:
        raise FrameError("'patterns' is no list of text, or a very long one")
    mistakes = _sentences(header, "mistakes")
    return Description(
        id=fields.text(header, "id", MAX_NAME),
        version=fields.text(header, "version", MAX_NAME),
        patterns=tuple(sanitized(pattern[:MAX_NAME], keep="") for pattern in patterns),
        arguments={sanitized(n[:MAX_NAME], keep=""): _declared(a) for n, a in arguments.items()},
        unit=_unit(header.get("unit")),
        reads=fields.text(header, "reads", MAX_READS),
        mistakes=mistakes,
        notes=_sentences(header, "notes", len(mistakes)),
    )


def _unit(found: object) -> Unit | None:
    if found is None:
        return None
    if not isinstance(found, dict) or found.get("form") not in [Form.FOLDER, Form.PAIR]:
        raise FrameError("'unit' is none that there is")
    marker = found.get("marker")
    if not isinstance(marker, str) or "/" in marker or len(marker) > MAX_NAME:
        raise FrameError("'marker' is no name of a file")
    return Unit(
        Form(found["form"]),
        marker,
        max(0, fields.integer(found, "minimum_files")),
        max(0.0, fields.number(found, "quiet_seconds")),
    )


def _declared(argument: dict[str, Any]) -> dict[str, Any]:
    """The declaration of an argument: plain values and lists of them."""
    return {
        key[:MAX_NAME]: [_plain(one) for one in value] if isinstance(value, list) else _plain(value)
        for key, value in argument.items()
    }


def _plain(value: object) -> object:
    if isinstance(value, dict | list):
        raise FrameError("the declaration of an argument holds more than plain values")
    return sanitized(value[:MAX_TEXT], keep="") if isinstance(value, str) else value


def _sentences(
    header: dict[str, Any], key: str, count: int | None = None
) -> tuple[Mapping[str, str], ...]:
    """A list of `count` objects, each of names to sentences."""
    found = fields.items(header, key)
    if not all(isinstance(one, dict) for one in found) or count not in {None, len(found)}:
        raise FrameError(f"{key!r} is no list of objects, or not of as many as it should be")
    return tuple(
        {sanitized(name[:MAX_NAME], keep=""): fields.text(one, name, MAX_TEXT) for name in one}
        for one in found
    )

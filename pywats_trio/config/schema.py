"""The JSON Schema of the configuration (draft 2020-12), made from the options themselves.

It says of a file what `config check` says, as far as a schema can: editors and pipelines know it.
What contradicts itself or the machine is only found by `config check`. A file that leaves a needed
key to the environment is good for the service and not for the schema.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from pywats_trio.config.options import Config
from pywats_trio.config.tables import element, options
from pywats_trio.config.values import DURATIONS, SIZES

if TYPE_CHECKING:
    from collections.abc import Mapping

    Schema = dict[str, Any]
    Metadata = Mapping[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_NUMERAL: Final = r"[0-9]{1,18}(\.[0-9]{1,9})?"


def schema() -> Schema:
    """The whole schema, a plain JSON document."""
    return {"$schema": DIALECT, "title": "pywats-trio configuration", **_table(Config)}


def _table(kind: type[attrs.AttrsInstance]) -> Schema:
    """Keys that are not built yet are left out, and unknown keys refused."""
    known = {key: one for key, one in options(kind).items() if one.metadata["built"]}
    required = [key for key, one in known.items() if _is_required(one)]
    return {
        "type": "object",
        "properties": {key: _described(one) for key, one in known.items()},
        **({"required": required} if required else {}),
        "additionalProperties": False,
    }


def _is_required(attribute: attrs.Attribute[Any]) -> bool:
    """A table is, if one of its keys is."""
    kind: Any = attribute.type
    if isinstance(kind, type) and attrs.has(kind):
        return any(map(_is_required, options(kind).values()))
    return bool(attribute.metadata["required"])


def _described(attribute: attrs.Attribute[Any]) -> Schema:
    metadata = attribute.metadata
    return {
        "description": metadata["doc"],
        **_value(attribute),
        **_default(attribute.default),
        **({"writeOnly": True} if metadata["secret"] else {}),
    }


def _default(value: object) -> Schema:
    if isinstance(value, bool | int | float | str) and value != "":
        return {"default": value}
    return {"default": list(value)} if isinstance(value, tuple) and value else {}


def _value(attribute: attrs.Attribute[Any]) -> Schema:
    kind: Any = attribute.type
    metadata = attribute.metadata
    if isinstance(kind, type) and attrs.has(kind):
        return _table(kind)
    if held := element(kind):
        return {"type": "array", "items": _table(held)}
    if kind in {int, float}:
        return _number(kind, metadata)
    if kind == tuple[str, ...]:
        return {"type": "array", "items": {**_text(metadata), "minLength": 1}}
    if kind in {str, Path, Path | None}:
        return _one_or_listed(_text(metadata), metadata)
    return {"type": "boolean" if kind is bool else "object"}


def _text(metadata: Metadata) -> Schema:
    choices = list(metadata["choices"])
    return {
        "type": "string",
        **({"enum": choices} if choices else {}),
        **({"minLength": 1} if metadata["required"] else {}),
    }


def _one_or_listed(text: Schema, metadata: Metadata) -> Schema:
    if not metadata["listed"]:
        return text
    least = {"minItems": 1} if metadata["required"] else {}
    return {"anyOf": [text, {"type": "array", "items": text, **least, "maxItems": 1}]}


def _number(kind: type, metadata: Metadata) -> Schema:
    limits = {"minimum": metadata["low"], "maximum": metadata["high"]}
    plain = {
        "type": "integer" if kind is int else "number",
        **{word: limit for word, limit in limits.items() if limit is not None},
    }
    if not metadata["unit"]:
        return plain
    return {"anyOf": [plain, {"type": "string", "pattern": _pattern(metadata["unit"])}]}


def _pattern(unit: str) -> str:
    """Of a text with a unit: `512MiB` in any case, or `7d`; blanks around it are no harm."""
    words = map(_any_case, SIZES) if unit == "bytes" else DURATIONS
    return rf"^\s*{_NUMERAL} ?({'|'.join(words)})?\s*$"


def _any_case(word: str) -> str:
    return "".join(f"[{letter}{letter.lower()}]" for letter in word)

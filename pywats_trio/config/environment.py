"""What the environment sets over the file: `PYWATS_TRIO__SERVER__TOKEN=…`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from pywats_trio.config.mistakes import BadValue, KeyPath, Mistake
from pywats_trio.config.options import Config
from pywats_trio.config.tables import element, options
from pywats_trio.config.values import from_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pywats_trio.config.source import Document

PREFIX: Final = "PYWATS_TRIO__"


def override(document: Document, environ: Mapping[str, str]) -> list[Mistake]:
    """Put what the environment sets over the file's values: `PYWATS_TRIO__SERVER__TOKEN=…`.

    Texts are typed by their option; lists and tables are written in TOML or JSON. Converters are
    set by their number in the file, from 0: `PYWATS_TRIO__CONVERTERS__0__WATCH`.
    """
    mistakes = []
    for name in sorted(environ):
        if name.upper().startswith(PREFIX):
            keys = name[len(PREFIX) :].lower().split("__")
            try:
                path, value = _typed(document.values, keys, environ[name])
                document.put(path, value, f"${name}")
                if _attribute(path[:1]) is None:  # then the whole table is only there by this name
                    document.places.setdefault(path[:1], f"${name}")
            except BadValue as error:
                document.places[(f"${name}",)] = "environment"
                mistakes.append(Mistake((f"${name}",), str(error)))
    return mistakes


def _typed(values: dict[str, Any], keys: list[str], text: str) -> tuple[KeyPath, object]:
    if not all(keys):
        raise BadValue("this names no key; write it like PYWATS_TRIO__SERVER__TOKEN")
    if keys[0] == "converters" and len(keys) > 1:
        path: KeyPath = ("converters", _converter_number(values, keys[1]), *keys[2:])
    else:
        path = tuple(keys)
    *parents, _last = path
    node: Any = values
    for key in parents:
        node = node[key] if isinstance(key, int) else node.get(key, {})
        if not isinstance(node, dict | list):
            raise BadValue(f"{key} is no table in the file, so nothing in it can be set")
    if "arguments" in parents:
        raise BadValue("arguments are set as a whole: …__ARGUMENTS={ name = value, … }")
    attribute = _attribute(path)
    return path, text if attribute is None else from_text(attribute, text)


def _converter_number(values: dict[str, Any], key: str) -> int:
    listed = values.get("converters")
    count = len(listed) if isinstance(listed, list) else 0
    if key.isascii() and key.isdigit() and int(key) < count:
        return int(key)
    raise BadValue(
        f"there is no converter {key!r}; write the number it has in the file, counted from 0"
    )


def _attribute(path: KeyPath) -> attrs.Attribute[Any] | None:
    """The option at `path`; None where there is none."""
    kind: Any = Config
    attribute: attrs.Attribute[Any] | None = None
    for key in path:
        if isinstance(key, int):
            kind = element(kind)
        elif attrs.has(kind):
            attribute = options(kind).get(key)
            kind = attribute.type if attribute else None
        else:
            return None
    return attribute

"""The effective configuration as it is in effect: secrets masked, each value with its place."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import attrs
from attrs import frozen

from pywats_trio.config.mistakes import dotted
from pywats_trio.config.secrets import MASK, looks_secret, masked
from pywats_trio.config.tables import options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pywats_trio.config.load import Loaded
    from pywats_trio.config.mistakes import KeyPath


@frozen
class Setting:
    """One effective value."""

    path: KeyPath
    value: Any
    """As JSON has it; secrets are `***`."""
    origin: str
    """`default`, `station.toml:12`, `$PYWATS_TRIO__SERVER__TOKEN` or `--instance`."""

    @property
    def key(self) -> str:
        """`converters[0].watch`."""
        return dotted(self.path)


def settings(loaded: Loaded) -> list[Setting]:
    """Every value that has an effect, in the order of the options."""
    return [
        Setting(path, value, _origin(loaded, path)) for path, value in _values(loaded.config, ())
    ]


def as_document(loaded: Loaded) -> dict[str, Any]:
    """`{"file", "config", "origins"}`; `origins` names the place of each value by its key."""
    listed = settings(loaded)
    return {
        "file": str(loaded.file),
        "config": _nested(listed),
        "origins": {setting.key: setting.origin for setting in listed},
    }


def _values(table: Any, path: KeyPath) -> Iterator[tuple[KeyPath, Any]]:  # noqa: ANN401
    for key, attribute in options(type(table)).items():
        value = getattr(table, key)
        if attrs.has(type(value)):
            yield from _values(value, (*path, key))
        elif value and isinstance(value, tuple) and attrs.has(type(value[0])):
            for index, element in enumerate(value):
                yield from _values(element, (*path, key, index))
        elif attribute.metadata["built"]:
            yield (*path, key), masked(value) if attribute.metadata["secret"] else _plain(value)


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever a configuration can hold
    if isinstance(value, dict):
        return {key: MASK if looks_secret(key) else _plain(held) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(held) for held in value]
    return value if isinstance(value, bool | int | float | None) else str(value)


def _origin(loaded: Loaded, path: KeyPath) -> str:
    if path == ("server", "token") and path not in loaded.places:
        for key in ("token_file", "token_env"):
            if getattr(loaded.config.server, key):
                return loaded.places[("server", key)]
    return loaded.places.get(path, "default")


def _nested(listed: list[Setting]) -> dict[str, Any]:
    """Dotted keys back to tables; an array of tables becomes a list."""
    top: dict[str, Any] = {}
    for setting in listed:
        node: Any = top
        for key, below in pairwise(setting.path):
            node = _child(node, key, [] if isinstance(below, int) else {})
        node[setting.path[-1]] = setting.value
    return top


def _child(node: Any, key: str | int, empty: Any) -> Any:  # noqa: ANN401 - dict or list
    if isinstance(node, dict):
        return node.setdefault(key, empty)
    if key == len(node):
        node.append(empty)
    return node[key]

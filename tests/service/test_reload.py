"""What differs between two configurations, and which of it needs a restart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest
from attrs import evolve

from pywats_trio.config.options import Config, ConverterOptions, ServerOptions
from pywats_trio.service.reload import FIXED, changed, kept_fixed

LIVE = {
    "schema_version",
    "converters",
    "server",
    "station",
    "retry",
    "workers",
    "shutdown",
    "supervision",
    "queue.max_items",
    "queue.max_bytes",
    "queue.min_free_disk",
    "queue.min_free_memory",
    "queue.reserve",
    "queue.completed_retention",
    "queue.failed_retention",
    "health.required_checks",
    "health.dashboard",
    "log.level",
}
"""Tables and keys that are in effect after a reload; `tests/e2e/test_reload.py` shows them."""
LINE = ConverterOptions(name="line", type="wats-json", watch=Path("/in"))
OTHER = evolve(LINE, name="other", watch=Path("/other"))


def every_key() -> set[str]:
    """`key` or `table.key` of all options that can be set."""
    found = set()
    for field in attrs.fields(Config):
        table = getattr(Config(), field.name)
        keys = attrs.fields(type(table)) if attrs.has(type(table)) else ()
        found |= {f"{field.name}.{key.name}" for key in keys if key.metadata["built"]}
        found |= set() if keys or not field.metadata else {field.name}
    return found


def test_of_every_key_it_is_known_whether_it_needs_a_restart() -> None:
    live = {key for key in every_key() if LIVE & {key, key.partition(".")[0]}}
    assert live.isdisjoint(FIXED)
    assert live | set(FIXED) == every_key()


@pytest.mark.parametrize("key", FIXED)
def test_what_is_fixed_stays_as_it_was_and_is_told(key: str) -> None:
    before = evolve(Config(), data_dir=Path("/data"))
    after = evolve(_with(before, key, "another"), converters=(LINE,))
    kept = kept_fixed(before, after)
    assert changed(before, kept) == ["converters.line"]
    assert changed(kept, after) == [key]


def _with(config: Config, key: str, value: Any) -> Any:
    """Whatever the option's own type is: only equality matters here."""
    table, _, name = key.rpartition(".")
    if not table:
        return _raw(config, name, value)
    return _raw(config, table, _raw(getattr(config, table), name, value))


def _raw(options: Any, name: str, value: Any) -> Any:
    """A copy in which one field is `value`, unchecked."""
    copy = evolve(options)
    object.__setattr__(copy, name, value)
    return copy


def test_nothing_differs_between_equals() -> None:
    assert changed(Config(converters=(LINE,)), Config(converters=(LINE,))) == []
    assert changed(Config(file=Path("/a.toml")), Config(file=Path("/b.toml"))) == []  # it is no key


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ((), (LINE,), ["converters.line"]),
        ((LINE,), (), ["converters.line"]),
        ((LINE, OTHER), (LINE,), ["converters.other"]),
        ((LINE,), (evolve(LINE, priority=1),), ["converters.line"]),
        ((LINE, OTHER), (OTHER, LINE), ["converters.(order)"]),
        ((LINE, OTHER), (OTHER, evolve(LINE, enabled=False)), ["converters.line"]),
    ],
)
def test_a_converter_is_told_by_its_name(
    before: tuple[ConverterOptions, ...], after: tuple[ConverterOptions, ...], expected: list[str]
) -> None:
    assert changed(Config(converters=before), Config(converters=after)) == expected


def test_keys_of_tables_are_told_one_by_one() -> None:
    before = Config(server=ServerOptions(url="http://a", token="1"))
    after = Config(server=ServerOptions(url="http://b", token="2"), instance="other")
    assert changed(before, after) == ["instance", "server.token", "server.url"]

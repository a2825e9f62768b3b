"""Sizes, durations and the limits of every option."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywats_trio.config.mistakes import BadValue
from pywats_trio.config.options import Config
from pywats_trio.config.tables import element, options
from pywats_trio.config.values import DURATIONS, SIZES, duration, from_text, read, size, size_text


def every_option(table: type[Any] = Config) -> list[tuple[str, attrs.Attribute[Any]]]:
    found: list[tuple[str, attrs.Attribute[Any]]] = []
    for name, attribute in options(table).items():
        below: Any = element(attribute.type) or attribute.type
        if isinstance(below, type) and attrs.has(below):
            found += every_option(below)
        else:
            found.append((f"{table.__name__}.{name}", attribute))
    return found


EVERY = every_option()
BUILT = [(name, one) for name, one in EVERY if one.metadata["built"]]
LIMITED = [(name, one) for name, one in BUILT if one.metadata["low"] is not None]
CHOSEN = [(name, one) for name, one in BUILT if one.metadata["choices"]]


def named(listed: list[tuple[str, attrs.Attribute[Any]]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "attribute", [one for _name, one in listed], ids=[name for name, _one in listed]
    )


def step(attribute: attrs.Attribute[Any], bound: float, towards: float) -> float:
    if attribute.type is int:
        return int(bound) + (1 if towards > bound else -1)
    return math.nextafter(bound, towards)


@named([(name, one) for name, one in BUILT if one.type in {int, float}])
def test_every_number_has_both_limits(attribute: attrs.Attribute[Any]) -> None:
    assert attribute.metadata["low"] <= attribute.default <= attribute.metadata["high"]


@named(LIMITED)
def test_the_limits_themselves_are_taken(attribute: attrs.Attribute[Any]) -> None:
    for bound in (attribute.metadata["low"], attribute.metadata["high"]):
        assert read(attribute, bound, Path()) == bound


@named(LIMITED)
def test_just_inside_the_limits_is_taken(attribute: attrs.Attribute[Any]) -> None:
    low, high = attribute.metadata["low"], attribute.metadata["high"]
    if low < high:
        inside = (step(attribute, low, math.inf), step(attribute, high, -math.inf))
        assert tuple(read(attribute, value, Path()) for value in inside) == inside


@named(LIMITED)
def test_just_below_the_lower_limit_is_too_small(attribute: attrs.Attribute[Any]) -> None:
    with pytest.raises(BadValue, match=r"is too small; use .+ to "):
        read(attribute, step(attribute, attribute.metadata["low"], -math.inf), Path())


@named(LIMITED)
def test_just_above_the_upper_limit_is_too_large(attribute: attrs.Attribute[Any]) -> None:
    with pytest.raises(BadValue, match=r"is too large; use .+ to "):
        read(attribute, step(attribute, attribute.metadata["high"], math.inf), Path())


@named(CHOSEN)
def test_only_the_choices_are_taken(attribute: attrs.Attribute[Any]) -> None:
    for choice in attribute.metadata["choices"]:
        given, taken = (choice, choice) if attribute.type is str else ([choice], (choice,))
        assert read(attribute, given, Path()) == taken
    with pytest.raises(BadValue, match="'nonsense' is not known; use '"):
        read(attribute, "nonsense" if attribute.type is str else ["nonsense"], Path())


@named([(name, one) for name, one in EVERY if not one.metadata["built"]])
def test_a_key_that_is_not_built_is_refused_even_with_its_default(
    attribute: attrs.Attribute[Any],
) -> None:
    with pytest.raises(BadValue, match="not built yet; remove the line"):
        read(attribute, attribute.default, Path())


@named(BUILT)
def test_a_value_of_a_wrong_type_is_refused(attribute: attrs.Attribute[Any]) -> None:
    wrong: object = [1] if attribute.type != dict[str, Any] else 1
    with pytest.raises(BadValue, match=r"write a|write true or false|is no path"):
        read(attribute, wrong, Path())
    with pytest.raises(BadValue, match=r"write a|write true or false|is no path"):
        read(attribute, tomllib.loads("x = 1979-05-27")["x"], Path())


@named([(name, one) for name, one in BUILT if one.metadata["secret"]])
def test_a_secret_is_never_repeated(attribute: attrs.Attribute[Any]) -> None:
    for wrong in (31415926, ["31415926"], "31415926 31415926", "http://a:31415926@[ö"):
        with pytest.raises(BadValue) as refusal:
            read(attribute, wrong, Path())
        assert "31415926" not in str(refusal.value)


@given(st.integers(0, 10**12), st.sampled_from(sorted(SIZES)), st.booleans())
def test_a_size_is_its_number_of_units(number: int, unit: str, blank: bool) -> None:
    text = f"{number}{' ' if blank else ''}{unit}"
    assert size(text) == size(text.lower()) == number * SIZES[unit]


@given(st.integers(0, 10**9), st.sampled_from(sorted(SIZES.values())))
def test_a_size_is_shown_as_it_can_be_written(number: int, unit: int) -> None:
    assert size(size_text(number * unit)) == number * unit


@given(st.integers(0, 10**6), st.sampled_from(sorted(DURATIONS)))
def test_a_duration_is_its_number_of_units(number: int, unit: str) -> None:
    assert duration(f"{number}{unit}") == pytest.approx(number * DURATIONS[unit])


@pytest.mark.parametrize(
    ("text", "count"),
    [("0", 0), ("512MiB", 2**29), ("4GiB", 2**32), ("20MB", 20_000_000), ("1.5 KiB", 1536)],
)
def test_sizes_people_write(text: str, count: int) -> None:
    assert size(text) == count


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7d", 604_800), ("12h", 43_200), ("30m", 1800), ("45s", 45), ("250ms", 0.25), ("1.5", 1.5)],
)
def test_durations_people_write(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "MiB", "-1MiB", "1 XiB", "1e3", "1..5", "٣", "1,5MB", "1M"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(BadValue, match="is no size; write bytes"):
        size(text)


@pytest.mark.parametrize("text", ["", "d", "-1s", "1y", "1h30m", "1H", "soon"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(BadValue, match="is no duration; write seconds"):
        duration(text)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 10**400])
def test_a_number_without_end_is_refused(number: float) -> None:
    attribute = dict(EVERY)["ShutdownOptions.grace_seconds"]
    with pytest.raises(BadValue, match="is not finite"):
        read(attribute, number, Path())


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("ServerOptions.verify_tls", "No", False),
        ("ServerOptions.verify_tls", "1", True),
        ("ServerOptions.max_connections", "4", 4),
        ("ServerOptions.timeout_seconds", "0.5", 0.5),
        ("ServerOptions.timeout_seconds", "2m", 120),
        ("RetryOptions.max_attempts", "7", 7),
        ("WorkerOptions.cpu_seconds", "1m", 60),
        ("LogOptions.max_bytes", "1MiB", 2**20),
        ("StationOptions.name", "true", "true"),
        ("ConverterOptions.patterns", '["*.a", "*.b"]', ("*.a", "*.b")),
        ("ConverterOptions.arguments", '{ "a": [1, null] }', {"a": [1, None]}),
        ("ConverterOptions.arguments", "{ a = 1 }", {"a": 1}),
        ("LogOptions.file", "/x/y", Path("/x/y")),
    ],
)
def test_texts_of_the_environment_take_the_type_of_their_option(
    name: str, text: str, value: object
) -> None:
    attribute = dict(EVERY)[name]
    assert read(attribute, from_text(attribute, text), Path()) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ServerOptions.verify_tls", "maybe"),
        ("ServerOptions.max_connections", "four"),
        ("ServerOptions.max_connections", "4.5"),
        ("WorkerOptions.cpu_seconds", "1500ms"),
        ("ConverterOptions.patterns", "*.json"),
        ("ConverterOptions.arguments", "a"),
    ],
)
def test_texts_of_the_environment_that_do_not_fit_are_refused(name: str, text: str) -> None:
    attribute = dict(EVERY)[name]
    with pytest.raises(BadValue):
        read(attribute, from_text(attribute, text), Path())


def test_a_path_of_an_unknown_home_is_refused() -> None:
    with pytest.raises(BadValue, match="home folder"):
        read(dict(EVERY)["ConverterOptions.watch"], "~no-such-user-here/x", Path())


def test_a_path_starts_at_the_folder_of_the_file() -> None:
    attribute = dict(EVERY)["ConverterOptions.watch"]
    assert read(attribute, "a/../b", Path("/etc/x")) == Path("/etc/x/b")
    assert read(attribute, "/b", Path("/etc/x")) == Path("/b")
    with pytest.raises(BadValue, match="is no path"):
        read(attribute, "a\0b", Path("/etc/x"))

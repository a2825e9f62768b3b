"""What the formats share, where no format of the package shows all of it."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywats_trio.converters.api import Context, Reject, Source, Station
from pywats_trio.converters.common import decimals, local_times, reading, unit, xml_tree
from pywats_trio.converters.common.prefixes import POWERS, scaled
from pywats_trio.converters.common.sequences import DEEPEST, Sequences
from pywats_trio.reports import numbers
from pywats_trio.reports.numbers import Number
from pywats_trio.reports.report import Report

DIGITS = st.from_regex(
    r"-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?", fullmatch=True
)


@given(DIGITS, st.sampled_from(sorted(set(POWERS.values()))))
def test_a_number_is_moved_between_prefixes_digit_by_digit(text: str, power: int) -> None:
    moved = scaled(Number(text), power)
    assert isinstance(moved, Number)
    assert Fraction(moved.text) == Fraction(text) * Fraction(10) ** power
    back = scaled(moved, -power)
    assert isinstance(back, Number)
    assert Fraction(back.text) == Fraction(text)


@pytest.mark.parametrize("text", ["1e-999999", "11.5e-999999", "1E+000300"])
def test_the_longest_exponents_are_moved_too(text: str) -> None:
    for power in (-15, 12):
        moved = scaled(Number(text), power)
        assert isinstance(moved, Number)
        assert scaled(moved, -power) == Number(str(Decimal(text)))


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_what_is_not_finite_has_no_prefix(value: float) -> None:
    assert str(scaled(value, 3)) == str(value)


def test_a_float_is_moved_as_it_is_written() -> None:
    assert scaled(0.1, -3) == 0.0001
    assert scaled(4.7, 0) == 4.7


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("1.#INF", "Infinity"), ("-1.#inf", "-Infinity"), ("-1.#IND", "NaN"), ("+1.#QNAN", "NaN")],
)
def test_numbers_of_windows_that_are_not_finite_are_known(text: str, wanted: str) -> None:
    assert numbers.read(text) == wanted
    assert numbers.read(text + "00") == numbers.read(text + "00e+000") == wanted
    assert numbers.read(text + "1") is None
    assert numbers.read("-nan(ind)") == "NaN"


@pytest.mark.parametrize(("text", "known"), [("1e-999999", True), ("1e-9999999", False)])
def test_an_exponent_has_six_digits_at_most(text: str, known: bool) -> None:
    assert (numbers.read(text) is not None) is known


@pytest.mark.parametrize(("text", "wanted"), [(" ", None), ("1,5", 1.5), ("-2", -2.0)])
def test_a_cell_may_be_empty_or_a_number(text: str, wanted: float | None) -> None:
    value = decimals.number(text, "value", "line 3", ",")
    assert (None if value is None else float(value)) == wanted


def test_a_cell_that_is_no_number_says_where() -> None:
    with pytest.raises(Reject, match=r'line 3: value "1\.5V" is not a number'):
        decimals.number("1.5V", "value", "line 3")


@pytest.mark.parametrize(
    ("start", "end", "seconds"),
    [
        ("2026-03-02T08:00:00+01:00", "2026-03-02T08:01:00.5+01:00", 60.5),
        ("2026-03-02T08:00:00+01:00", "2026-03-02T08:00:00+01:00", 0.0),
        ("2026-03-02T08:00:01+01:00", "2026-03-02T08:00:00+01:00", None),
        (None, "2026-03-02T08:00:00+01:00", None),
        ("2026-03-02T08:00:00", "2026-03-02T08:01:00", 60.0),
        ("2026-03-02T08:00:00", "2026-03-02T08:01:00+01:00", None),
    ],
)
def test_the_time_between_two_instants(
    start: str | None, end: str | None, seconds: float | None
) -> None:
    assert local_times.seconds_between(start, end) == seconds


def test_an_instant_is_read_with_its_format_and_zone_or_refused_in_words() -> None:
    clock = local_times.Clock("%d.%m.%Y %H:%M", local_times.zone("Europe/Oslo"))
    assert clock.instant(" 2.3.2026   8:15 ", "DATE", "line 1") == "2026-03-02T08:15:00+01:00"
    assert clock.instant("  ", "DATE", "line 1") is None
    with pytest.raises(Reject, match=r'line 1: DATE "x" is no time, DD\.MM\.YYYY hh:mm is'):
        clock.instant("x", "DATE", "line 1")


def sequences() -> tuple[Sequences, dict[str, object]]:
    builder = Report.builder(serial_number="S", part_number="P", process_code=1, start="x")
    return Sequences(builder.root), {}


def names(step: object) -> object:
    return [(one.name, names(one)) for one in getattr(step, "steps", [])]


def test_steps_go_on_in_the_sequences_that_are_open() -> None:
    found, _ = sequences()
    for path in (("a",), ("a", "b"), ("a", "c"), (), ("a",)):
        found.at(*path).action("-".join(path) or "root")
    assert names(found.root.sequence_step) == [
        ("a", [("a", []), ("b", [("a-b", [])]), ("c", [("a-c", [])])]),
        ("root", []),
        ("a", [("a", [])]),
    ]


def test_a_sequence_can_be_begun_anew() -> None:
    found, _ = sequences()
    for _ in range(2):
        found.new("a", "b").action("x")
    assert names(found.root.sequence_step) == [("a", [("b", [("x", [])]), ("b", [("x", [])])])]


def test_sequences_have_a_depth() -> None:
    found, _ = sequences()
    found.at(*"x" * DEEPEST)
    with pytest.raises(ValueError, match="are possible"):
        found.at(*"x" * (DEEPEST + 1))


def test_lines_have_numbers_and_no_ends() -> None:
    source = Source.from_bytes(b"\xef\xbb\xbfone\r\n\r\xe4two\nlast".replace(b"\xe4", "ä".encode()))
    assert [(line.number, line.text) for line in reading.lines(source)] == [
        *((1, "one"), (2, ""), (3, "ätwo"), (4, "last"))
    ]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "the file is empty"),
        (b"a\nb\0\n", "line 2: a zero byte"),
        (b"a\n" + b"x" * reading.LONGEST_LINE, "line 2: more than 1,048,575 characters"),
    ],
)
def test_what_is_no_text_file_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(Reject, match=why):
        list(reading.lines(Source.from_bytes(data)))


def test_the_longest_line_is_a_line() -> None:
    data = b"x" * (reading.LONGEST_LINE - 1)
    assert [len(line.text) for line in reading.lines(Source.from_bytes(data))] == [len(data)]


def the_context(**arguments: object) -> Context:
    import logging
    from pathlib import Path

    given = {name: argument.default for name, argument in unit.ARGUMENTS.items()}
    return Context({**given, **arguments}, Station(), logging.getLogger("test"), Path())


def test_what_the_file_says_comes_before_the_arguments_and_those_before_an_assumption() -> None:
    facts = {"serial_number": "S", "start": "2026-03-02T08:00:00Z", "operator": " "}
    assumed = unit.begin(the_context(), "it", **facts).build()  # type: ignore[arg-type]
    said = [finding.message for finding in assumed.findings]
    assert said[:2] == [
        "the file names no part number: UNKNOWN is assumed; set the argument part_number",
        "the file names no process: 10 is assumed; set the argument process_code",
    ]
    given = the_context(part_number="PN", process_code=0, operator="op", revision="A")
    body = unit.begin(given, "it", **facts, revision="B").build().as_dict()  # type: ignore[arg-type]
    assert (body["pn"], body["processCode"], body["rev"]) == ("PN", 0, "B")
    assert body["uut"]["user"] == "op"
    for missing, why in (("serial_number", "serial number"), ("start", "start time")):
        with pytest.raises(Reject, match=f"it has no {why}"):
            unit.begin(given, "it", **{**facts, missing: " "})  # type: ignore[arg-type]


XML = b'<a x="1"><b><c>1</c></b><b><c>2</c><b>3</b></b><d/></a>'


def test_a_stream_of_elements_has_the_named_ones_as_they_begin_and_end() -> None:
    source = Source.from_bytes(XML)
    events = [(e.begins, e.element.name) for e in xml_tree.stream(source.file, {"b"})]
    assert "".join(f"{'<' if begins else '/'}{name}" for begins, name in events) == (
        "<a<b/b<b<b/b/b/a"
    )
    (*_events, last) = xml_tree.stream(source.file, {"b"})
    assert [child.name for child in last.element.children] == ["d"]


@given(st.integers(1, 200), st.sampled_from(["utf-8", "utf-16", "cp1252", "iso-8859-1", "cp437"]))
def test_a_stream_is_the_same_however_large_and_in_which_encoding(count: int, code: str) -> None:
    rows = "".join(f"<row n='{n}'>{'é' * 500}</row>\n" for n in range(count))
    data = f'<?xml version="1.0" encoding="{code}"?><all>\n{rows}</all>'.encode(code)
    whole = xml_tree.parse(data)
    source = Source.from_bytes(data)
    parts = [e.element for e in xml_tree.stream(source.file, {"row"}) if not e.begins]
    assert [one.line for one in parts[:-1]] == [one.line for one in whole.children]
    assert [one.text for one in parts[:-1]] == [one.text for one in whole.children]
    assert parts[-1].children == []


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (
            b"<a>" + b"\n" * 70_000 + b"<b>x" + b" " * 70_000,
            r"in the middle \(line 70001, column 5",
        ),
        (b"\0" * 70_000 + b"<a/>", "not well-formed"),
        (b"\0" * 70_000, "only zero bytes"),
        (
            b'<?xml version="1.0"?><a>' + b" " * 70_000 + b"\xe4</a>",
            "declared utf-8, but byte 0xe4",
        ),
        (b'<?xml version="1.0" encoding="cp1257x"?><a/>', 'encoding "cp1257x" is unknown'),
        (b'<?xml version="1.0" encoding="cp932"?><a>\x81</a>', "declared cp932, but is not"),
    ],
)
def test_a_refused_stream_says_why(data: bytes, why: str) -> None:
    with pytest.raises(Reject, match=why):
        list(xml_tree.stream(Source.from_bytes(data).file, {"row"}))


@pytest.mark.parametrize("encoding", ["null", "shift_jis", "cp1252", "utf-16", "zlib"])
def test_a_byte_order_mark_comes_before_what_is_declared(encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?><a>é</a>'
    for code in ("utf-8-sig", "utf-16"):
        assert xml_tree.parse(text.encode(code)).text == "é"


@pytest.mark.parametrize("encoding", ["zlib", "undefined", "x" * 5000])
def test_an_encoding_that_is_none_of_texts_is_unknown(encoding: str) -> None:
    with pytest.raises(Reject, match=r'^the declared encoding ".{1,64}" is unknown \(line 1\)$'):
        xml_tree.parse(f'<?xml version="1.0" encoding="{encoding}"?><a/>'.encode())


@pytest.mark.parametrize(("size", "children"), [(4, None), (12, 1), (200, 3), (5000, 3)])
def test_the_head_of_a_file_is_its_root_with_what_is_there(size: int, children: int | None) -> None:
    root = xml_tree.head(Source.from_bytes(b"<all><a/><b/><c>" + b"x" * 1000), size)
    assert (None if root is None else len(root.children)) == children
    assert xml_tree.head(Source.from_bytes(b"no XML"), size) is None
    assert xml_tree.head(Source.from_bytes(b""), size) is None


@pytest.mark.parametrize("end", ["\x1a", "\n\x1a\n", "\x1a  \r\n\r\n"])
def test_the_mark_that_dos_puts_at_the_end_is_no_line(end: str) -> None:
    source = Source.from_bytes(f"a\nb\n{end}".encode())
    assert [line.text for line in reading.lines(source) if line.text.strip()] == ["a", "b"]

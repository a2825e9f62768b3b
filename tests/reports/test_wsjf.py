from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywats_trio.reports.model import InvalidReport
from pywats_trio.reports.numbers import MAX_DEPTH
from pywats_trio.reports.report import Report
from pywats_trio.reports.wsjf import documents
from tests.reports.examples import DEFAULTS, as_bytes, numeric, sequence, uut


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "^the file is empty$"),
        (b"\0" * 4096, "only zero bytes"),
        (b'{"a": 1}\0\0\0', "a zero byte at byte 8"),
        (b" \n\t\r\n", "only white space"),
        (b"\xef\xbb\xbf", "only white space"),
        (b"  <html>", 'not JSON: it starts with "<"'),
        (b'{"a": "\xfc"}', r"not UTF-8: byte 0xfc at line 1, column 8"),
        (b'\n\n {"\xc3\xbc": "\xfc"}', r"byte 0xfc at line 3, column 9"),
        (b"\xff\xfe{\x00x", "not UTF-16"),
        (b'{"a": 1', r"JSON ends in the middle \(line 1, column 8\)"),
        (b'{"a": "b\n", "c": 1}', r"not JSON: Invalid control character .*line 1, column 9"),
        (b'{"a":\n "b', r"JSON ends in the middle \(line 2, column 4\)"),
        (b'[{"a": 1},', r"JSON ends in the middle"),
        (b'[{"a": 1}', r"JSON ends in the middle"),
        (b'{"a": 1}\n}}', r"text after the end of the JSON value \(line 2, column 1\)"),
        (b'[{"a": 1}]]', r"text after the end of the JSON value \(line 1, column 11\)"),
        (b'[{"a": 1} 2]', "not JSON: Expecting ',' delimiter"),
        (b"{'a': 1}", r"not JSON: Expecting property name .* \(line 1, column 2\)"),
        (b"[]", "the list is empty"),
        (b"5", "report 1 is a number, an object is expected"),
        (b'[{"a": 1}, null]', "report 2 is null, an object is expected"),
        (b'{"a": ' + b"9" * 5000 + b"}", "a number cannot be read"),
    ],
)
def test_a_file_that_is_no_report_is_refused_with_the_place(data: bytes, message: str) -> None:
    with pytest.raises(InvalidReport, match=message):
        documents(data)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ('{"a": 1,\n"b": 2,\n"a": 2}', "1 and 3"),
        ('{"x": [{\n"v": 1,\n"v": 2}]}', "2 and 3"),
        ('[{"a": 1},\n{"v": 1,\n"v": 2}]', "2 and 3"),
        ('{"a": 1}\n{"v": 1,\n"v": 2}', "2 and 3"),
    ],
)
def test_a_key_with_two_values_is_refused_with_both_lines(text: str, lines: str) -> None:
    with pytest.raises(InvalidReport, match=f"twice with different values .lines {lines}"):
        documents(text.encode())


def test_a_key_that_says_the_same_twice_is_taken() -> None:
    data = as_bytes(uut()).replace(b'"sn": "SN-1"', b'"sn": "SN-1", "sn":"SN-1"')
    assert [r.raw for r in documents(data)] == [data]


def test_duplicates_below_broken_or_very_deep_text_are_still_refused() -> None:
    with pytest.raises(InvalidReport, match="twice"):
        documents(b'{"x": {"a": 1, "a": 2}, broken')
    deep = '{"x":' * 900 + '{"a": 1, "a": 2}' + "}" * 900
    with pytest.raises(InvalidReport, match=r"twice|nested too deep"):
        documents(deep.encode())


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_a_hundred_thousand_levels_are_refused_with_the_limit(opening: str) -> None:
    with pytest.raises(InvalidReport, match=f"more than {MAX_DEPTH} levels"):
        documents(opening.encode() * 100_000)


@pytest.mark.parametrize(("levels", "taken"), [(-1, True), (0, True), (1, False)])
def test_the_limit_of_nested_levels_is_kept_to_the_letter(levels: int, taken: bool) -> None:
    inner = MAX_DEPTH - 1 + levels
    text = json.dumps(uut(x="?")).replace('"?"', "[" * inner + "]" * inner)
    if taken:
        assert len(documents(text.encode())) == 1
    else:
        with pytest.raises(InvalidReport, match="nested too deep"):
            documents(text.encode())


def test_bare_words_are_quoted_and_text_that_looks_like_them_is_not() -> None:
    data = as_bytes(uut(x="NaN, -Infinity and \\", y=[1])).replace(
        b"1\n", b"NaN, -Infinity, Infinity"
    )
    (document,) = documents(data)
    assert document.raw is None
    assert document.value["y"] == ["NaN", "-Infinity", "Infinity"]
    assert document.value["x"] == "NaN, -Infinity and \\"
    assert json.loads(document.text) == document.value
    assert "quotes" in document.mended[0]


def test_words_that_only_begin_like_them_are_no_json() -> None:
    with pytest.raises(InvalidReport, match="not JSON"):
        documents(b'{"a": NaNo}')


def test_whole_surrogate_pairs_stay_and_halves_are_replaced() -> None:
    whole = b'{"a": "\\ud83d\\udd0c \\\\ud800 \\u00fc"}'
    assert documents(whole)[0].raw == whole
    (half,) = documents(b'{"a": "x\\ud800y\\udfff\\ud83d\\udd0c"}')
    assert half.value == {"a": "x\ufffdy\ufffd\U0001f50c"}
    assert half.text == '{"a": "x\\ufffdy\\ufffd\\ud83d\\udd0c"}'


def test_a_number_that_no_double_holds_is_refused_where_it_is_measured() -> None:
    data = as_bytes(uut(root=sequence(numeric(value=77)))).replace(b"77", b"1e999")
    with pytest.raises(InvalidReport, match=r"steps\[0\]\.numericMeas\[0\]\.value.*line \d+"):
        Report.from_bytes(data)


SOUND = as_bytes(uut())


@given(st.binary(max_size=200))
def test_any_bytes_are_a_report_or_refused(data: bytes) -> None:
    with suppress(InvalidReport):
        Report.from_bytes(data)


@given(
    at=st.integers(0, len(SOUND)),
    cut=st.integers(0, 40),
    added=st.binary(max_size=8) | st.sampled_from([b"NaN", b"[", b'"', b"\\ud800", b",", b"1e999"]),
)
def test_a_damaged_report_is_a_report_or_refused(at: int, cut: int, added: bytes) -> None:
    with suppress(InvalidReport):
        reports = Report.from_bytes(SOUND[:at] + added + SOUND[at + cut :])
        assert all(json.loads(report.encode(DEFAULTS).body)["pn"] for report in reports)

"""Reasons and waiting times out of whatever a server sends."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywats_trio.deliver import reading

NOW = 1_750_000_000.0


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'"no such process"', "no such process"),
        (b'{"Message": "no such process"}', "no such process"),
        (b'{"message": "no", "Message": "yes"}', "yes"),
        (b'{"error": {"message": "deep"}}', "deep"),
        (b'{"detail": "d", "title": "t"}', "d"),
        (b'{"title": "t"}', "t"),
        (b'{"title": "t", "errors": {"start": ["late", "odd"], "sn": []}}', "t: start: late; odd"),
        (b'{"errors": ["a", "b"]}', "a; b"),
        (b'{"Message": "<b>bold</b> &amp; plain"}', "bold & plain"),
        (b'{"Message": ""}', ""),
        (b'{"code": 5}', ""),
        (b"17", ""),
        (b"[]", ""),
        (b"", ""),
        (b"plain\n  words", "plain words"),
        (b"\xef\xbb\xbf{}", ""),
        (b"<html><body>Bad Request</body></html>", ""),
    ],
)
def test_a_reason_is_found_in_every_known_shape(body: bytes, reason: str) -> None:
    assert reading.stated_reason(body) == reason


def test_a_page_gives_its_words_without_styles_and_scripts() -> None:
    page = b"<html><STYLE>p {}</STYLE><title>502</title><script>x</script><p>Bad &lt;Gateway&gt;"
    assert reading.any_reason(page) == "502 Bad <Gateway>"


def test_a_page_whose_script_never_ends_gives_what_stands_before() -> None:
    assert reading.any_reason(b"<p>before</p><script>x") == "before"


def test_a_reason_nested_beyond_the_limit_is_none() -> None:
    assert reading.stated_reason(b'{"error":' * 9 + b'"deep"' + b"}" * 9) == ""


@pytest.mark.parametrize(("length", "kept"), [(1023, 1023), (1024, 1024), (1025, 1024)])
def test_a_reason_keeps_at_most_1024_bytes(length: int, kept: int) -> None:
    reason = reading.stated_reason(b'"' + b"x" * length + b'"')
    assert len(reason.encode()) == kept
    assert reason.endswith("…") == (length > 1024)


def test_a_cut_does_not_split_a_character() -> None:
    assert len(reading.excerpt("ä".encode() * 1000).encode()) <= 1024


def test_lone_surrogates_do_not_reach_the_store() -> None:
    assert reading.stated_reason(b'"\\ud800 bad"').encode() == b"? bad"


@given(st.binary(max_size=300) | st.text(max_size=100).map(lambda t: t.encode("utf-8", "replace")))
def test_no_body_breaks_the_reader(body: bytes) -> None:
    for text in (reading.stated_reason(body), reading.any_reason(body), reading.excerpt(body)):
        assert len(text.encode()) <= reading.LONGEST_REASON
        assert "\n" not in text


@pytest.mark.parametrize("body", [b"[" * 500_000, b"9" * 100_000, b'{"a":' * 200_000])
def test_json_that_no_server_writes_is_no_json(body: bytes) -> None:
    with pytest.raises(reading.NoJSON):
        reading.parse(body)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 1.5 ", 1.5),
        ("3599", 3599.0),
        ("3600", 3600.0),
        ("3601", 3600.0),
        ("9" * 400, 3600.0),
        (formatdate(NOW + 90, usegmt=True), 90.0),
        (formatdate(NOW - 90, usegmt=True), None),
        (formatdate(NOW, usegmt=True), None),
        (formatdate(NOW + 1, usegmt=True), 1.0),
        (formatdate(NOW + 1e6, usegmt=True), 3600.0),
        ("Wed, 99 Foo 2026 10:00:00 GMT", None),
        ("soon", None),
        ("-5", None),
        ("nan", None),
        ("", None),
    ],
)
def test_retry_after_is_read_in_both_forms_and_bounded(value: str, seconds: float | None) -> None:
    assert reading.retry_after({"retry-after": value}, NOW) == seconds


def test_a_date_is_measured_from_the_servers_own_clock() -> None:
    headers = {
        "retry-after": formatdate(NOW + 90, usegmt=True),
        "date": formatdate(NOW + 60, usegmt=True),
    }
    assert reading.retry_after(headers, NOW) == 30.0


def test_a_date_without_a_zone_is_utc() -> None:
    value = formatdate(NOW + 90, usegmt=True).removesuffix(" GMT") + " -0000"
    assert reading.retry_after({"retry-after": value}, NOW) == 90.0


@given(st.text(max_size=60))
def test_no_retry_after_breaks_the_reader(value: str) -> None:
    seconds = reading.retry_after({"retry-after": value, "date": value}, NOW)
    assert seconds is None or 0 <= seconds <= reading.LONGEST_WAIT

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from pywats_trio.reports import instants

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def oslo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = os.environ.get("TZ")
    monkeypatch.setenv("TZ", "Europe/Oslo")
    time.tzset()
    yield
    if before is None:
        monkeypatch.delenv("TZ")
    else:
        monkeypatch.setenv("TZ", before)
    time.tzset()


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-30T22:01:41.4707353+01:00",
        "2026-01-30T21:01:41Z",
        "2026-01-30 21:01:41",
        "2026-01-30T21:01",
        "2026-01-30T21:01:41.5+0530",
        "1900-01-01T01:00:00+01:00",
    ],
)
def test_dates_as_testers_write_them_are_read(text: str) -> None:
    assert instants.parse(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "yesterday",
        "",
        "2026-01-30",
        "2020-01-01T08:00:00.Z",
        "2026-02-30T00:00:00Z",
        "2026-01-30T25:00:00Z",
        "2026-W05-5T00:00:00Z",
        "٢٠٢٦-01-30T00:00:00Z",
        5,
        None,
    ],
)
def test_what_is_no_date_is_none(text: object) -> None:
    assert instants.parse(text) is None


@pytest.mark.usefixtures("oslo")
@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("2026-01-30T12:00:00", "+01:00"),
        ("2026-07-30 12:00:00.1234567", "+02:00"),
        ("2025-10-26T02:30:00", "+02:00"),  # comes twice: the first
    ],
)
def test_a_wall_clock_is_taken_as_local_time(text: str, offset: str) -> None:
    assert instants.with_offset(text) == text.replace(" ", "T") + offset


@pytest.mark.usefixtures("oslo")
def test_the_hour_that_summer_time_skips_keeps_its_digits() -> None:
    assert instants.with_offset("2025-03-30T02:30:00").startswith("2025-03-30T02:30:00+0")


@pytest.mark.usefixtures("oslo")
@pytest.mark.parametrize(
    ("utc", "offset"),
    [
        ("2026-01-30T20:00:00Z", "-08:00"),
        ("2026-01-29T22:00:00Z", "+14:00"),
        ("2026-01-29T21:59:00Z", "+01:00"),  # 14:01 is no offset: local
        ("2026-01-30T11:59:00Z", "+01:00"),
        ("2026-01-30T11:00:00", "+01:00"),
        (None, "+01:00"),
    ],
)
def test_the_same_instant_in_utc_tells_the_offset(utc: str | None, offset: str) -> None:
    assert instants.with_offset("2026-01-30T12:00:00", utc) == f"2026-01-30T12:00:00{offset}"


@pytest.mark.parametrize("text", ["2026-01-30T12:00:00Z", "2026-01-30T12:00:00-03:30", "soon"])
def test_an_instant_with_an_offset_and_no_instant_stay(text: str) -> None:
    assert instants.with_offset(text) == text


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-01-30T22:01:41.4707353+01:00", "2026-01-30T21:01:41.4707353Z"),
        ("2026-01-30T22:01:41,5-02:00", "2026-01-31T00:01:41.5Z"),
        ("2026-01-30T22:01+01:00", "2026-01-30T21:01:00Z"),
        ("0001-01-01T00:00:00+01:00", "0001-01-01T00:00:00+01:00"),
        ("soon", "soon"),
    ],
)
def test_utc_keeps_every_digit_of_the_fraction(text: str, utc: str) -> None:
    assert instants.to_utc(text) == utc


@pytest.mark.usefixtures("oslo")
def test_datetimes_without_a_zone_are_local() -> None:
    assert instants.local(datetime(2026, 7, 1, 12)) == "2026-07-01T12:00:00+02:00"  # noqa: DTZ001
    zone = timezone(timedelta(hours=5))
    assert instants.local(datetime(2026, 7, 1, 12, tzinfo=zone)) == "2026-07-01T12:00:00+05:00"


def test_the_first_and_the_last_datetime_have_a_text() -> None:
    for value in (datetime.min, datetime.max):  # noqa: DTZ901
        assert instants.local(value).startswith(value.isoformat()[:10])
    assert instants.local(datetime.max.replace(tzinfo=UTC)).endswith("+00:00")

"""Teradyne's and Keysight's logs: samples, and which of the two a file is."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywats_trio.converters.api import Reject, Source
from pywats_trio.converters.standard.teradyne_ict.converter import TeradyneIct
from pywats_trio.reports.model import InvalidReport
from tests import samples
from tests.samples import Sample, convert_bytes, disagreements, outcome

SAMPLES = [*samples.samples("teradyne-ict")]
GR228X = (
    b"C:\\T\\PN-1_X.obc[31-JUL-26  14:17:35\n"
    b"@31-JUL-26  14:18:51 SN S-1\nR1=1K(900,1.1K)R\n"
    b'"31-JUL-26  14:18:53\n'
)
I3070 = (
    b"{@BATCH|PN-1|A|1|1||ICT|LOT|op|ST|prog|1||\n"
    b"{@BTEST|S-1|00|260130100000|000012|0|all||n|n|260130100012||1\n"
    b"{@BLOCK|r1|00{@A-RES|0|+1.0E+03{@LIM2|+1.1E+03|+9.0E+02}}}{@RPT~4|a{b|}\n}}\n"
)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_a_sample_ends_as_expected(sample: Sample) -> None:
    result = outcome(TeradyneIct(), sample)
    if isinstance(result, Reject):
        assert sample.refused, result.why
        assert "line" in result.why
    else:
        assert disagreements(result, sample.expected) == []
    assert TeradyneIct().detect(sample.source(TeradyneIct())) >= 0.9


@pytest.mark.parametrize(
    ("data", "sure"),
    [
        (GR228X, 0.95),
        (GR228X.replace(b"\n", b"\r"), 0.95),
        (GR228X.splitlines()[0].lower(), 0.7),
        (GR228X.splitlines()[1], 0.6),
        (b"see C:\\T\\PN-1_X.obc\n", 0.0),
        (I3070, 0.95),
        (I3070.decode().encode("utf-16"), 0.95),
        (I3070.splitlines()[0], 0.9),
        (b"\n" + I3070.splitlines()[1], 0.9),
        (b"text {@BATCH|x", 0.0),
        (b"", 0.0),
    ],
)
def test_the_content_says_what_it_is(data: bytes, sure: float) -> None:
    assert TeradyneIct().detect(Source.from_bytes(data)) == sure


@pytest.mark.parametrize("data", [GR228X, I3070])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("last", [b"", b"\x1a"])
def test_lines_may_end_in_any_way(data: bytes, end: bytes, last: bytes) -> None:
    (encoded,) = convert_bytes(TeradyneIct(), data.replace(b"\n", end) + last)
    assert encoded == convert_bytes(TeradyneIct(), data)[0]


def test_text_is_decoded_as_it_is_written() -> None:
    data = GR228X.replace(b"S-1", "S-1 \N{MICRO SIGN}".encode("cp1252"))
    assert convert_bytes(TeradyneIct(), data)[0].serial_number == "S-1 \N{MICRO SIGN}"
    data = GR228X.replace(b"S-1", "S-1 \N{MICRO SIGN}".encode())
    assert convert_bytes(TeradyneIct(), data)[0].serial_number == "S-1 \N{MICRO SIGN}"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "the file is empty"),
        (b"hello\n", "no board in the file"),
        (GR228X.splitlines()[0], "no board in the file"),
        (I3070.splitlines()[0] + b"}", "no board (@BTEST) in the file"),
    ],
)
def test_a_file_without_a_board_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(Reject) as raised:
        convert_bytes(TeradyneIct(), data)
    assert why in raised.value.why


def test_a_time_has_the_zone_of_the_argument_or_the_station() -> None:
    for data, start in (
        (GR228X, "2026-07-31T14:18:51+02:00"),
        (I3070, "2026-01-30T10:00:00+01:00"),
    ):
        arguments = {"timezone": "Europe/Oslo"}
        assert convert_bytes(TeradyneIct(), data, arguments=arguments)[0].start == start


@pytest.mark.parametrize("data", [GR228X, I3070])
def test_a_file_that_ends_anywhere_is_whole_or_refused(data: bytes) -> None:
    whole = convert_bytes(TeradyneIct(), data)
    for size in range(len(data.rstrip())):
        with pytest.raises(Reject):
            convert_bytes(TeradyneIct(), data[:size])
    assert convert_bytes(TeradyneIct(), data.rstrip()) == whole


@given(
    st.sampled_from([GR228X, I3070]), st.integers(0, 200), st.integers(0, 30), st.binary(max_size=6)
)
def test_a_damaged_file_is_converted_or_rejected(
    data: bytes, at: int, cut: int, added: bytes
) -> None:
    damaged = data[:at] + added + data[at + cut :]
    assert 0.0 <= TeradyneIct().detect(Source.from_bytes(damaged)) <= 1.0
    with suppress(Reject, InvalidReport):
        convert_bytes(TeradyneIct(), damaged)

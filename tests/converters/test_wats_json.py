from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywats_trio.converters.api import Reject, Source, Station
from pywats_trio.converters.standard.wats_json import WatsJson
from tests.reports.examples import ID, as_bytes, uur, uut
from tests.samples import convert_bytes

OTHER = "0b9f6c1e-2f5b-4a7e-9d55-4f2f3a1c0002"


def sure(data: bytes) -> float:
    return WatsJson().detect(Source.from_bytes(data))


@pytest.mark.parametrize(
    "data",
    [
        as_bytes(uut()),
        as_bytes(uur()),
        as_bytes([uut()]),
        b"\xef\xbb\xbf" + as_bytes(uut()),
        "\ufeff".encode("utf-16-le") + as_bytes(uut()).decode().encode("utf-16-le"),
        as_bytes(uut())[:200],
    ],
)
def test_a_report_is_recognised_even_if_it_is_cut_off(data: bytes) -> None:
    assert sure(data) == 0.98


def test_a_report_without_a_serial_number_is_still_claimed() -> None:
    assert sure(as_bytes(uut(sn=...))) == 0.7


@pytest.mark.parametrize(
    "data", [b"", b"text", b"<a/>", b'{"type": "T"}', b'{"sn": 1, "pn": 2}', b"[1]"]
)
def test_other_files_are_not_claimed(data: bytes) -> None:
    assert sure(data) == 0.0


def test_two_reports_with_one_id_are_refused_whatever_its_case() -> None:
    with pytest.raises(Reject, match="reports 1 and 3 have the same id"):
        convert_bytes(WatsJson(), as_bytes([uut(), uut(id=OTHER), uut(id=ID.upper())]))


def test_reports_without_an_id_are_not_the_same() -> None:
    assert len(convert_bytes(WatsJson(), as_bytes([uut(id=...), uut(id=...)]))) == 2


def test_one_bad_report_refuses_the_file_and_says_which() -> None:
    with pytest.raises(Reject, match=r'^report 2: result: "X" is none of P F E T \(line \d+'):
        convert_bytes(WatsJson(), as_bytes([uut(), uut(id=OTHER, result="X")]))


def test_the_arguments_give_the_process_code_of_each_type() -> None:
    data = as_bytes([uut(processCode=...), uur(id=OTHER, processCode=...)])
    arguments = {"process_code": 11, "repair_process_code": 501}
    codes = [
        json.loads(e.body)["processCode"] for e in convert_bytes(WatsJson(), data, "", arguments)
    ]
    assert codes == [11, 501]
    with pytest.raises(Reject, match="no process code") as caught:
        convert_bytes(WatsJson(), data, "", {"process_code": 11})
    assert caught.value.hint == "Set the converter's argument repair_process_code."


def test_the_station_of_the_context_fills_gaps() -> None:
    data = as_bytes(uut(location=""))
    (encoded,) = convert_bytes(WatsJson(), data, station=Station("A", "B", "C"))
    assert json.loads(encoded.body) == uut(location="B")


@given(st.binary(max_size=100))
def test_any_bytes_are_converted_or_rejected(data: bytes) -> None:
    assert 0.0 <= sure(data) <= 1.0
    with suppress(Reject):
        convert_bytes(WatsJson(), data)

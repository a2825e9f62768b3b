from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from pywats_trio.errors import InvalidInputError
from pywats_trio.reports.header import ProcessCodes
from pywats_trio.reports.model import Defaults, InvalidReport, Station
from pywats_trio.reports.numbers import Number
from pywats_trio.reports.report import Report
from tests.reports.examples import (
    DEFAULTS,
    DERIVED,
    ID,
    STATION,
    as_bytes,
    numeric,
    sequence,
    uur,
    uut,
)


def passed(data: bytes, defaults: Defaults = DEFAULTS, codes: ProcessCodes | None = None) -> Any:
    (report,) = Report.from_bytes(data, codes or ProcessCodes())
    return report.encode(defaults)


def body_of(report: dict[str, Any], defaults: Defaults = DEFAULTS) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(passed(as_bytes(report), defaults).body)
    return body


@pytest.mark.parametrize(
    "data",
    [
        as_bytes(uut()),
        as_bytes(uur()),
        b" \r\n\t" + json.dumps(uut()).encode() + b"\n\n",
        as_bytes(uut(startUTC=..., uut=...)),
        as_bytes(uut(startUTC=None, uut=None)),
        as_bytes(uut(id=ID.upper())),
        as_bytes(uut(unknown={"a": [1.50, 1e5, -0.0]}, sn="Ünit")),
        as_bytes(uut(rev="", location="", purpose="")),
        as_bytes(uut()).replace(b'"processCode": 10', b'"processCode":10 , "x": 1.500e+02'),
        as_bytes(uut()).replace(b'"SN-1"', b'"SN\\u002d1"'),
    ],
)
def test_a_sound_report_with_an_id_leaves_as_the_bytes_it_came_in(data: bytes) -> None:
    assert passed(data).body == data


def test_the_facts_of_the_header_are_those_of_the_report() -> None:
    encoded = passed(as_bytes(uut(id=ID.upper(), sn="SN\u002d1")))
    assert encoded.report_id == ID
    assert (encoded.serial_number, encoded.part_number) == ("SN-1", "PN-1")
    assert (encoded.result, encoded.start) == ("P", "2026-01-30T10:00:00+01:00")


@pytest.mark.parametrize("missing", [..., None, "", "00000000-0000-0000-0000-000000000000"])
def test_a_missing_id_is_spliced_in_and_the_rest_of_the_text_stays(missing: object) -> None:
    encoded = passed(as_bytes(uut(id=missing)))
    assert encoded.report_id == DERIVED
    assert json.loads(encoded.body) == uut(id=DERIVED)
    assert as_bytes(uut())[-200:] == encoded.body[-200:]


def test_an_id_in_another_form_of_a_uuid_is_written_in_the_usual_one() -> None:
    assert body_of(uut(id=f"{{{ID.upper()}}}")) == uut()


def test_a_report_that_is_changed_anyway_also_gets_start_utc_and_uut() -> None:
    body = body_of(uut(id=..., startUTC=..., uut=...))
    assert body == uut(id=DERIVED, uut={"user": ""})


@pytest.mark.parametrize("empty", [..., None, "", "  "])
def test_the_station_fills_what_the_report_leaves_empty(empty: object) -> None:
    body = body_of(uut(machineName=empty, location=empty, purpose=empty), STATION)
    assert body == uut(machineName="ST-9", location="Hall 9", purpose="Rework")


def test_the_station_changes_nothing_that_the_report_says() -> None:
    data = as_bytes(uut())
    assert passed(data, STATION).body == data


def test_an_empty_location_is_no_reason_to_touch_a_report_if_the_station_has_none() -> None:
    data = as_bytes(uut(location="", purpose=...))
    assert passed(data, Defaults(DERIVED, Station("ST-9"))).body == data


def test_the_first_instant_of_dotnet_passes_through() -> None:
    encoded = passed(as_bytes(uut(start="0001-01-01T00:00:00", startUTC=..., id=...)))
    assert encoded.start.startswith("0001-01-01T00:00:00+")


@pytest.mark.parametrize("malformed", ["2026-01-30T09:00:00.Z", "2026-01-30T09:00:00", "soon", 5])
def test_a_malformed_start_utc_is_replaced_by_the_instant_of_start(malformed: object) -> None:
    assert body_of(uut(startUTC=malformed)) == uut()


def test_seven_fraction_digits_survive_a_replaced_start_utc() -> None:
    start = "2026-01-30T10:00:00.4707353+01:00"
    assert body_of(uut(start=start, startUTC="?"))["startUTC"] == "2026-01-30T09:00:00.4707353Z"


def test_a_start_without_a_zone_gets_the_one_that_start_utc_shows() -> None:
    body = body_of(uut(start="2026-01-30T12:30:00.5", startUTC="2026-01-30T07:00:00.5Z"))
    assert body["start"] == "2026-01-30T12:30:00.5+05:30"


def test_numbers_where_text_belongs_are_sent_as_their_digits() -> None:
    data = as_bytes(uut()).replace(b'"SN-1"', b"20260302000012345678").replace(b'"A"', b"1.10")
    encoded = passed(data)
    assert encoded.serial_number == "20260302000012345678"
    assert json.loads(encoded.body) == uut(sn="20260302000012345678", rev="1.10")


def test_a_serial_number_whose_digits_are_lost_is_refused() -> None:
    with pytest.raises(InvalidReport, match=r'"sn" is the number 2\.0260302e19'):
        passed(as_bytes(uut()).replace(b'"SN-1"', b"2.0260302e19"))


@pytest.mark.parametrize("mark", ["utf-8-sig", "utf-16-le", "utf-16-be"])
def test_other_encodings_leave_as_utf8_and_nothing_else_is_changed(mark: str) -> None:
    text = json.dumps(uut(startUTC=..., sn="Prüf Ω"), indent=2, ensure_ascii=False)
    bom = b"" if mark == "utf-8-sig" else "\ufeff".encode(mark)
    assert passed(bom + text.encode(mark)).body == text.encode()


def test_a_list_is_cut_into_the_texts_of_its_reports() -> None:
    texts = [json.dumps(uut(id=f"{ID[:-1]}{n}", x=1.50), indent=n) for n in range(3)]
    joined = " ,\n".join(texts)
    reports = Report.from_bytes(f"\n[ {joined}\n] ".encode())
    assert [r.encode(DEFAULTS).body.decode() for r in reports] == texts


def test_reports_one_after_the_other_are_all_taken() -> None:
    texts = [json.dumps(uut(id=f"{ID[:-1]}{n}")) for n in range(3)]
    reports = Report.from_bytes("\n".join(texts).encode() + b"\n")
    assert [r.encode(DEFAULTS).body.decode() for r in reports] == texts


def test_the_process_code_of_the_configuration_fills_a_missing_one() -> None:
    data = as_bytes(uut(processCode=...))
    assert json.loads(passed(data, codes=ProcessCodes(test=10)).body) == uut()
    with pytest.raises(InvalidReport, match="no process code"):
        passed(data, codes=ProcessCodes(repair=500))
    repair = as_bytes(uur(processCode=None))
    assert json.loads(passed(repair, codes=ProcessCodes(10, 500)).body) == uur()


@pytest.mark.parametrize(("given", "sent"), [("10", 10), (10.0, 10), ("-1", -1), (" 7 ", 7)])
def test_a_process_code_in_another_form_is_written_as_a_number(given: object, sent: int) -> None:
    assert body_of(uut(processCode=given))["processCode"] == sent


@pytest.mark.parametrize("code", [-32769, 32768, 1.5, "ten", True, [], {}, 1e300])
def test_a_process_code_that_is_none_is_refused(code: object) -> None:
    with pytest.raises(InvalidReport, match="processCode"):
        Report(uut(processCode=code))


@pytest.mark.parametrize("code", [-32768, 32767])
def test_process_codes_reach_to_the_ends_of_sixteen_bits(code: int) -> None:
    data = as_bytes(uut(processCode=code))
    assert passed(data).body == data


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"type": ...}, 'no "type"'),
        ({"type": "UUT"}, 'type: "UUT" is none of'),
        ({"type": ["T"]}, "type: a list is none of"),
        ({"sn": ...}, r'no serial number \("sn" is missing\)'),
        ({"sn": None}, r'no serial number \("sn" is null\)'),
        ({"sn": " "}, r'no serial number \("sn" is blank\)'),
        ({"sn": True}, '"sn" is true, a text is expected'),
        ({"pn": ""}, r'no part number \("pn" is blank\)'),
        ({"pn": {}}, '"pn" is an object, a text is expected'),
        ({"rev": []}, '"rev" is a list, a text is expected'),
        ({"result": ...}, 'no "result"'),
        ({"result": "D"}, 'result: "D" is none of P F E T'),
        ({"result": False}, "result: false is none of"),
        ({"id": "x"}, '"id" is not a UUID: x'),
        ({"id": 5}, '"id" is not a UUID: a number'),
        ({"start": ...}, r'no "start" \(it is missing\)'),
        ({"start": "2026-13-01T00:00:00Z"}, '"start" is no date: 2026-13'),
        ({"start": 1}, '"start" is no date: a number'),
        ({"root": ...}, r'no "root" \(it is missing\)'),
        ({"root": []}, '"root" is a list, an object is expected'),
        ({"uut": "op"}, '"uut" is a text, an object is expected'),
        ({"miscInfos": {}}, '"miscInfos" is an object, a list is expected'),
    ],
)
def test_what_cannot_be_a_report_is_refused_by_name(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidReport, match=message):
        Report(uut(**changes))
    with pytest.raises(InvalidReport, match=message + r".*\(line \d+, column \d+\)$"):
        passed(as_bytes(uut(**changes)))


def test_a_repair_needs_its_own_part() -> None:
    with pytest.raises(InvalidReport, match='no "uur"'):
        Report(uur(uur=...))


def test_an_invalid_report_is_invalid_input_and_knows_its_path() -> None:
    with pytest.raises(InvalidInputError) as caught:
        Report(uut(root=sequence(numeric(), numeric(value=[]))))
    assert isinstance(caught.value, InvalidReport)
    assert caught.value.path == ("root", "steps", 1, "numericMeas", 0, "value")
    assert "root.steps[1].numericMeas[0].value" in str(caught.value)


def test_a_refusal_names_line_and_column_in_the_file() -> None:
    first, second = uut(), uut(id=DERIVED, result="X")
    data = as_bytes([first, second])
    line = next(n for n, text in enumerate(data.decode().split("\n"), 1) if '"X"' in text)
    column = data.decode().split("\n")[line - 1].index('"X"') + 1
    with pytest.raises(InvalidReport, match=rf"\(line {line}, column {column}\)"):
        Report.from_bytes(data)
    one_line = b'[  {"type": "T", "sn": 1, "pn": "p", "result": "X"}]'
    with pytest.raises(InvalidReport, match=rf"\(line 1, column {one_line.index(b'X')}\)"):
        Report.from_bytes(one_line)


def test_a_mapping_is_completed_and_keeps_its_numbers() -> None:
    report = Report(
        uut(
            id=...,
            startUTC=...,
            uut=...,
            machineName=...,
            start=datetime(2026, 1, 30, 9, tzinfo=UTC),
            root=sequence(numeric(value=Number("28.9230769230769000"), lowLimit=Decimal("1.10"))),
            extra=(1, True, None, math.nan, -math.inf, 9007199254740993),
        )
    )
    body = report.encode(STATION).body.decode()
    assert '"value":28.9230769230769000' in body
    assert '"lowLimit":1.10' in body
    assert '"extra":[1,true,null,"NaN","-Infinity",9007199254740993]' in body
    read = json.loads(body)
    assert read["id"] == DERIVED
    assert read["machineName"] == "ST-9"
    assert read["start"] == "2026-01-30T09:00:00+00:00"
    assert read["startUTC"] == "2026-01-30T09:00:00Z"
    assert read["uut"] == {"user": ""}


def test_a_mapping_is_copied() -> None:
    content = uut()
    report = Report(content)
    content["sn"] = "other"
    assert report.encode(DEFAULTS).serial_number == "SN-1"
    assert report.as_dict() == uut()
    assert "SN-1" in repr(report)


@pytest.mark.parametrize("wrong", [object(), {1, 2}, b"bytes"])
def test_what_json_has_no_form_for_is_refused_with_its_path(wrong: object) -> None:
    with pytest.raises(InvalidReport, match=r"root\.steps\[0\]\.x: a value of type"):
        Report(uut(root=sequence({"x": wrong})))


def test_a_report_is_a_mapping() -> None:
    with pytest.raises(InvalidReport, match="a report is a mapping, not a list"):
        Report([])  # type: ignore[arg-type] # what authors get wrong


def test_a_mapping_that_holds_itself_is_refused() -> None:
    loop: dict[str, Any] = {}
    loop["again"] = loop
    with pytest.raises(InvalidReport, match="nested deeper than 256"):
        Report(uut(extra=loop))


def test_half_a_surrogate_pair_in_a_mapping_becomes_a_replacement_character() -> None:
    body = Report(uut(sn="a\ud800b", **{"\udfff": 1})).encode(DEFAULTS).body
    assert json.loads(body) == uut(sn="a\ufffdb", **{"\ufffd": 1})


@pytest.mark.parametrize("number", [15, Number("15"), Decimal(15)])
def test_a_number_where_a_mapping_should_hold_text_becomes_its_digits(number: object) -> None:
    assert Report(uut(sn=number)).encode(DEFAULTS).serial_number == "15"


def test_the_same_report_encodes_to_the_same_bytes() -> None:
    for data in (as_bytes(uut(id=...)), as_bytes(uut())):
        assert passed(data) == passed(data)

"""Seica's XML: samples, and what they do not show."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pywats_trio.converters.api import Reject, Source
from pywats_trio.converters.standard.seica_xml import SeicaXml
from tests import samples
from tests.samples import Sample, convert_bytes, disagreements, outcome

SAMPLES = [*samples.samples("seica-xml")]


def panel(tests: str = "", *, board: str = "", end: str = 'NF="0"', boards: int = 1) -> bytes:
    one = f'<BI BCP="S-1" SD="02-03-2026 09:00:05" {board}>{tests}</BI>'
    return (
        '<R><PrgC>Prog</PrgC><ST NM="PN-1_A_V3" OP="op" NMP="Main"/>'
        f'{one * boards}<ET ED="02-03-2026 09:00:41" {end}/></R>'
    ).encode()


def converted(data: bytes, **arguments: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(convert_bytes(SeicaXml(), data, arguments=arguments)[0].body)
    return body


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_a_sample_ends_as_expected(sample: Sample) -> None:
    result = outcome(SeicaXml(), sample)
    if isinstance(result, Reject):
        assert sample.refused, result.why
        assert "line" in result.why
    else:
        assert disagreements(result, sample.expected) == []
        assert SeicaXml().detect(sample.source(SeicaXml())) >= 0.9


def test_the_header_is_in_the_report() -> None:
    body = converted(panel(board='BC="P-7"'), timezone="Europe/Oslo", process_code=30)
    assert (body["pn"], body["rev"], body["sn"], body["processCode"]) == ("PN-1", "A", "S-1", 30)
    assert body["start"] == "2026-03-02T09:00:05+01:00"
    assert body["uut"] == {"user": "op", "execTime": 36.0}
    assert body["root"]["seqCall"] == {"path": "", "name": "Prog", "version": "V3"}
    assert [[m["description"], m["text"]] for m in body["miscInfos"]] == [
        ["Board", "Main"],
        ["Panel barcode", "P-7"],
    ]


@pytest.mark.parametrize(("boards", "result"), [(1, "F"), (2, "P")])
def test_the_verdict_of_a_panel_is_that_of_a_board_that_is_alone(boards: int, result: str) -> None:
    data = panel('<TEST F="R" NM="R1" TR="0"/>', end='NF="3"', boards=boards)
    assert converted(data)["result"] == result


def test_a_group_that_comes_back_is_another_sequence() -> None:
    tests = "".join(f'<TEST F="{group}" NM="x" TR="0"/>' for group in ("A", "A", "B", "A", ""))
    steps = converted(panel(tests))["root"]["steps"]
    assert [(step["name"], len(step.get("steps", []))) for step in steps] == [
        *(("A", 2), ("B", 1), ("A", 1), ("x", 0))
    ]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"<Q/>", 'the root element "Q" is not "R" (line 1)'),
        (b"<R/>", "no board (BI) in the file (line 1)"),
        (panel('<TEST NM="a"/>'), "a TEST without its verdict (TR) (line 1)"),
        (panel('<TEST TR="0"/>'), "a TEST without its name (NM) (line 1)"),
        (panel('<TEST NM="a" TR="0" MR="1V"/>'), 'TEST "a" (line 1): MR "1V" is not a number'),
        (panel().replace(b"02-03-", b"30-02-"), "is no time, DD-MM-YYYY hh:mm:ss is expected"),
    ],
)
def test_a_refusal_says_where(data: bytes, why: str) -> None:
    with pytest.raises(Reject) as raised:
        convert_bytes(SeicaXml(), data)
    assert why in raised.value.why


def test_what_is_not_sent_is_found() -> None:
    data = panel('<PIC/><TEST NM="a" TR="0"><PIN/></TEST>').replace(
        b"</R>", b"<FidMrk/><LOG/><ST/></R>"
    )
    (encoded,) = convert_bytes(SeicaXml(), data)
    messages = [finding.message for finding in encoded.findings]
    for name in ("PIC", "PIN", "LOG", "ST"):
        assert f"{name} has no place in WATS and is not sent (line 1)" in messages
    assert not any("FidMrk" in message for message in messages)
    assert SeicaXml().detect(Source.from_bytes(b"<R><BI /></R>")) == pytest.approx(0.55)


def test_attributes_without_a_place_are_misc_infos_and_lines_of_the_step() -> None:
    test = '<TEST NM="a" TR="1" ML="9" MU="V" RM="two pins"/>'
    body = converted(
        panel(test, board='SLOT="3"', end='NF="1" OK="0"').replace(b"<PrgC", b'<PrgC VER="7"')
    )
    assert [[m["description"], m["text"]] for m in body["miscInfos"]] == [
        *(["Board", "Main"], ["PrgC VER", "7"], ["BI SLOT", "3"], ["ET OK", "0"])
    ]
    assert body["root"]["steps"][0]["reportText"] == "ML: 9\nMU: V\nRM: two pins"


@pytest.mark.parametrize(
    ("verdict", "value", "status"),
    [
        *(("0", "1", "P"), ("0", "3", "P"), ("1", "1", "F"), ("2", "3", "F")),
        *(("PASS", "3", "P"), ("FAIL", "1", "F"), ("", "1", "P"), ("", "3", "F")),
    ],
)
def test_a_verdict_is_that_of_the_value_too(verdict: str, value: str, status: str) -> None:
    test = f'<TEST NM="a" TR="{verdict}" MR="{value}" MH="2"/>'
    (step,) = converted(panel(test))["root"]["steps"]
    assert (step["status"], step["numericMeas"][0]["status"]) == (status, status)


def test_numbers_have_the_decimal_mark_of_the_arguments() -> None:
    body = converted(panel('<TEST NM="a" TR="0" MR="1,5" ML="0,5"/>'), decimal=",")
    (measured,) = body["root"]["steps"][0]["numericMeas"]
    assert (measured["value"], measured["lowLimit"], measured["compOp"]) == (1.5, 0.5, "GE")

"""i3070 log records: what the samples do not show."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywats_trio.converters.api import Reject
from pywats_trio.converters.standard.teradyne_ict import records
from pywats_trio.converters.standard.teradyne_ict.converter import TeradyneIct
from pywats_trio.converters.standard.teradyne_ict.records import MAX_DEPTH, Record
from tests.samples import convert_bytes

BATCH = "{@BATCH|PN-1|B|12|3|mux|btest|LOT-7|op-1|ICT-1|plan|0003|PANEL|C|v9"
LIM = "{@LIM2|+1.1E+03|+9.0E+02}"


def board(
    *content: str,
    serial: str = "S-1",
    status: str = "00",
    times: str = "260302081512|000014",
    rest: str = "0|all||n|n|260302081526|||",
) -> str:
    return f"{{@BTEST|{serial}|{status}|{times}|{rest}\n{''.join(content)}}}\n"


def log(*boards: str, batch: str = BATCH) -> bytes:
    return f"{batch}\n{''.join(boards) or board()}}}\n".encode()


def bodies(data: bytes, **arguments: Any) -> list[dict[str, Any]]:
    arguments.setdefault("process_code", 20)
    return [json.loads(r.body) for r in convert_bytes(TeradyneIct(), data, arguments=arguments)]


def findings(data: bytes, number: int = 0) -> list[str]:
    """What is found besides what the station has to say."""
    encoded = convert_bytes(TeradyneIct(), data, arguments={"process_code": 20})[number]
    others = ("documentation requires", "though the result is")
    return [f.message for f in encoded.findings if not any(text in f.message for text in others)]


def steps(*content: str, found: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    data = log(board(*content))
    assert findings(data) == [*found]
    below: list[dict[str, Any]] = bodies(data)[0]["root"]["steps"]
    return below


def step(test: str, *, block: str = "x1", status: str = "00") -> dict[str, Any]:
    """The step of a test that is alone in its block and has no name of its own."""
    (kind,) = steps(f"{{@BLOCK|{block}|{status}{test}}}")
    (found,) = kind["steps"]
    return dict(found)


def refusal(data: bytes) -> str:
    with pytest.raises(Reject) as raised:
        convert_bytes(TeradyneIct(), data)
    return raised.value.why


def test_batch_and_board_are_the_header() -> None:
    (body,) = bodies(log(board(rest="1|all||y|Y|260302081526|ok|2|PNL-7")))
    assert (body["pn"], body["rev"], body["sn"], body["result"]) == ("PN-1", "B", "S-1", "P")
    assert (body["machineName"], body["start"][:19]) == ("ICT-1", "2026-03-02T08:15:12")
    assert body["uut"] == {
        **{"user": "op-1", "execTime": 14.0, "batchSN": "LOT-7", "fixtureId": "12"},
        **{"testSocketIndex": 2},
    }
    assert body["root"]["seqCall"] == {"path": "", "name": "plan", "version": "0003"}
    assert [(m["description"], m["text"]) for m in body["miscInfos"]] == [
        *(("Test head", "3"), ("Test head type", "mux"), ("Process step", "btest")),
        *(("Panel type", "PANEL"), ("Panel revision", "C"), ("Version label", "v9")),
        *(("Status qualifier", "ok"), ("Panel serial number", "PNL-7")),
        *(("Multiple test", "yes"), ("Learning", "yes"), ("Known good", "yes")),
    ]


def test_the_part_number_may_be_in_field_14() -> None:
    (body,) = bodies(log(), part_number_field=14)
    assert body["pn"] == "v9"
    assert "Version label" not in [m["description"] for m in body["miscInfos"]]
    assert bodies(log(batch="{@BATCH|PN-1|||"), part_number_field=14)[0]["pn"] == "PN-1"
    assert bodies(log(batch="{@BATCH|"), part_number="PN-9")[0]["pn"] == "PN-9"


@pytest.mark.parametrize(
    ("status", "result", "error"),
    [
        ("0", "P", None),
        ("01", "F", None),
        ("06", "F", "an analog test failed"),
        ("13", "F", "the board is marked as bad (X)"),
        ("80", "E", "run-time error"),
        ("81", "T", "stopped"),
        ("82", "T", "stopped by a break"),
    ],
)
def test_the_status_of_the_board_is_the_result(status: str, result: str, error: str | None) -> None:
    data = log(board(status=status))
    (body,) = bodies(data)
    assert (body["result"], body["root"]["status"]) == (result, result)
    assert body["uut"].get("errorCode") == (int(status) or None)
    assert body["uut"].get("errorMessage") == error
    assert findings(data) == []


def test_a_status_that_is_missing_or_unknown_is_found() -> None:
    for status, result in (("", "F"), ("91", "F")):
        test = f"{{@BLOCK|r1|01{{@A-RES|1|+1.0E+03{LIM}}}}}"
        (body,) = bodies(log(board(test, status=status)))
        assert body["result"] == result
    assert bodies(log(board(status="")))[0]["result"] == "P"
    assert findings(log(board(status=""))) == [
        "line 2: @BTEST has no status; that of its tests is taken"
    ]
    assert findings(log(board(status="91"))) == [
        "line 2: @BTEST: the status 91 is not known and taken for failed"
    ]


def test_the_duration_is_said_or_comes_from_the_end() -> None:
    assert bodies(log(board(times="260302081512|")))[0]["uut"]["execTime"] == 14
    no_end = board(times="260302081512|", rest="0|all||n|n|000000000000||1|")
    assert "execTime" not in bodies(log(no_end))[0]["uut"]


@pytest.mark.parametrize(
    ("number", "names", "socket", "found"),
    [
        ("4", ("r1",), 4, None),
        ("", ("r1", "3%r2"), 3, None),
        ("", ("r1",), None, None),
        ("2", ("2%r1", "3%r2"), 2, "is board 2, but names in it are those of board 3"),
        ("A", ("r1",), None, 'the board number "A" is none and not sent'),
    ],
)
def test_the_place_on_the_panel_is_the_socket(
    number: str, names: tuple[str, ...], socket: int | None, found: str | None
) -> None:
    blocks = [f"{{@BLOCK|{name}|00{{@A-RES|0|+1.0E+03{LIM}}}}}" for name in names]
    data = log(board(*blocks, rest=f"0|all||n|n|260302081526||{number}|"))
    assert bodies(data)[0]["uut"].get("testSocketIndex") == socket
    assert [text.partition("@BTEST")[2].lstrip(": ") for text in findings(data)] == (
        [found] if found else []
    )


@pytest.mark.parametrize(
    ("kind", "unit"),
    [
        *(("CAP", "F"), ("RES", "Ohm"), ("JUM", "Ohm"), ("FUS", "Ohm"), ("POT", "Ohm")),
        *(("SWI", "Ohm"), ("IND", "H"), ("DIO", "V"), ("ZEN", "V"), ("MEA", "V")),
        *(("NPN", None), ("PNP", None), ("NFE", None), ("PFE", None)),
    ],
)
def test_an_analog_test_has_the_unit_of_its_kind(kind: str, unit: str | None) -> None:
    found = step(f"{{@A-{kind}|0|+1.000000E+03{LIM}}}", block="3%x%1")
    assert found["name"] == "x%1"
    (measured,) = found["numericMeas"]
    assert measured.get("unit") == unit
    assert (measured["value"], measured["lowLimit"], measured["highLimit"]) == (1000, 900, 1100)


@pytest.mark.parametrize(
    ("limits", "operator", "low", "high"),
    [
        ("{@LIM2|+5.0E+00|-9.999999E+99}", "LE", 5, None),
        ("{@LIM2|+9.9E+37|+1.0E+00}", "GE", 1, None),
        ("{@LIM2|+9.8E+37|-9.9E+37}", "LE", 9.8e37, None),
        ("{@LIM3|+3.0E+00||}", "LOG", None, None),
        ("", "LOG", None, None),
    ],
)
def test_limits_that_are_none(
    limits: str, operator: str, low: float | None, high: float | None
) -> None:
    (measured,) = step(f"{{@A-RES|0|+9.9E+37{limits}}}")["numericMeas"]
    assert (measured["value"], measured["compOp"]) == (9.9e37, operator)
    assert (measured.get("lowLimit"), measured.get("highLimit")) == (low, high)


@pytest.mark.parametrize(
    ("status", "value", "letter", "judged", "code", "error"),
    [
        ("0", "5", "P", "P", None, None),
        ("1", "1000", "F", "F", None, None),
        ("2", "1000", "F", "F", 2, "the compliance limit was reached"),
        ("7", "1000", "F", "F", 7, None),
        ("11", "1000", "T", "F", 11, "the operator stopped it"),
        ("", "1000", "P", "P", None, None),
        ("", "5", "F", "F", None, None),
    ],
)
def test_the_status_of_a_test_stands(  # noqa: PLR0917
    status: str, value: str, letter: str, judged: str, code: int | None, error: str | None
) -> None:
    found = step(f"{{@A-RES|{status}|{value}{LIM}}}", status="00" if letter == "P" else "01")
    assert (found["status"], found["numericMeas"][0]["status"]) == (letter, judged)
    assert (found.get("errorCode"), found.get("errorMessage")) == (code, error)


def test_text_of_a_test_is_its_nominal_value_and_reports() -> None:
    found = step("{@A-RES|0|5{@LIM3|4.7E+00|6|4}{@RPT|  a | b}}{@RPT|c}{@INDICT|DT\\2|r1|r2}")
    assert found["reportText"] == "nominal 4.7E+00\n  a | b\nc\n@INDICT|DT\\2|r1|r2"
    assert "reportText" not in step(f"{{@A-RES|0|5{LIM}}}")
    found = step(f"{{@A-RES|0|{LIM}}}")
    assert found["booleanMeas"] == [{"status": "P"}]
    assert found["reportText"] == "limits (@LIM2) +1.1E+03|+9.0E+02"


@pytest.mark.parametrize(
    ("test", "kind", "name", "status", "code", "text"),
    [
        ("{@TS|0|0000|0000|0000|shorts}", "TS", "shorts", "P", None, None),
        ("{@TS|0|0|0|0}", "TS", "TS", "P", None, None),
        ("{@TS|20|0|0|0|2%sh}", "TS", "sh", "P", None, "passed while learning"),
        ("{@TS|1|2|0|1|s}", "TS", "s", "F", None, "shorts 2, opens 0, phantoms 1"),
        ("{@D-T|0||||u7}", "D-T", "u7", "P", None, None),
        (
            *("{@D-T|7|1|120|4|2%u7}", "D-T", "u7", "F", 7),
            "substatus 1, failing vector 120, pins 4",
        ),
        ("{@PF|p|1|2{@PIN\\2|101|102}}", "PF", "p", "F", None, "pins 2\n@PIN\\2|101|102"),
        ("{@TJET|07|0014|u5}", "TJET", "u5", "F", 7, "pins 0014"),
        ("{@CCHK|00|0|c}", "CCHK", "c", "P", None, None),
        ("{@PRB|0|0|p}", "PRB", "p", "P", None, None),
        ("{@PCHK|01|c3}", "PCHK", "c3", "F", None, None),
        (
            *("{@BS-CON|c|1|1|0{@BS-S|C\\1|n1}}", "BS-CON", "c", "F", None),
            "shorts 1, opens 0\n@BS-S|C\\1|n1",
        ),
        ("{@ARRAY|a|0|0|9}", "ARRAY", "a", "P", None, "failures 0, samples 9"),
    ],
)
def test_a_verdict_is_a_pass_fail_step(  # noqa: PLR0917
    test: str, kind: str, name: str, status: str, code: int | None, text: str | None
) -> None:
    (group,) = steps(test)
    (found,) = group["steps"]
    assert (group["name"], found["name"], found["stepType"]) == (kind, name, "ET_PFT")
    judged = found["booleanMeas"][0]["status"]
    assert (found["status"], judged, found.get("errorCode")) == (status, status, code)
    assert found.get("reportText") == text


def test_blocks_of_one_kind_stand_together() -> None:
    res, cap = (f"{{@A-{kind}|0|+1.0E+03{LIM}}}" for kind in ("RES", "CAP"))
    found = steps(*(f"{{@BLOCK|{n}|00{t}}}" for n, t in (("a", res), ("b", res), ("c", cap))))
    assert [(s["name"], [below["name"] for below in s["steps"]]) for s in found] == [
        *(("A-RES", ["a", "b"]), ("A-CAP", ["c"])),
    ]


def test_a_block_with_named_tests_is_a_sequence() -> None:
    dio = f"{{@A-DIO|0|+1.0E+03|forward{LIM}}}"
    first, second = steps(
        f"{{@BLOCK|2%d5|00{dio}{{@RPT|text}}}}",
        f"{{@BLOCK|v1|00{dio}{{@D-T|0||||u7}}}}",
    )
    assert (first["name"], first["steps"][0]["name"]) == ("A-DIO", "d5")
    assert first["steps"][0]["reportText"] == "text"
    assert [below["name"] for below in first["steps"][0]["steps"]] == ["forward"]
    assert (second["name"], [s["name"] for s in second["steps"]]) == ("v1", ["forward", "u7"])


def test_a_block_that_comes_again_is_another_sequence() -> None:
    block = f"{{@BLOCK|d5|00{{@A-DIO|0|+1.0E+03|forward{LIM}}}}}"
    (kind,) = steps(block, block)
    assert [(s["name"], len(s["steps"])) for s in kind["steps"]] == [("d5", 1), ("d5", 1)]


@pytest.mark.parametrize(
    ("block", "test", "status"),
    [
        ("01", "0", "F"),
        ("00", "1", "P"),
        ("", "1", "F"),
        ("01", "11", "T"),
    ],
)
def test_the_status_of_a_block_stands(block: str, test: str, status: str) -> None:
    (kind,) = steps(f"{{@BLOCK|d5|{block}{{@A-DIO|{test}|5|forward}}}}")
    (found,) = kind["steps"]
    assert (found["name"], found["status"]) == ("d5", status)


def test_a_block_that_denies_its_only_test_is_a_sequence() -> None:
    (kind,) = steps(f"{{@BLOCK|r1|01{{@A-RES|0|+1.0E+03{LIM}}}}}")
    assert (kind["steps"][0]["status"], kind["steps"][0]["steps"][0]["status"]) == ("F", "P")


def test_a_block_without_tests_is_a_verdict() -> None:
    (kind,) = steps("{@BLOCK|a|00}", "{@BLOCK|b|06{@RPT|text}}", "{@BLOCK|c|}")
    assert [(s["name"], s["stepType"], s["status"]) for s in kind["steps"]] == [
        *(("a", "ET_PFT", "P"), ("b", "ET_PFT", "F"), ("c", "Action", "D")),
    ]
    assert kind["steps"][1]["reportText"] == "text"


def test_report_text_of_the_board_is_its_comment() -> None:
    assert bodies(log(board("{@RPT|a}\n{@RPT|b}")))[0]["uut"]["comment"] == "a\nb"
    data = log(board(f"{{@RPT|{'x' * 5001}}}"))
    assert bodies(data)[0]["uut"]["comment"] == "x" * 5000
    assert findings(data) == ["the comment is cut: it has 5,001 characters"]


def test_records_that_nobody_knows_are_found() -> None:
    data = log(
        "{@ALM|1}\n",
        board("{@NOTE|a|b}\n", f"{{@BLOCK|r1|00{{@LIM2|1|2}}{{@A-RES|0|1{LIM}{{@X}}}}}}"),
        "{@Z}",
        batch=f"{{@AID|1|2}}\n{BATCH}",
    )
    assert findings(data) == [
        "line 5: @NOTE is not known here and is not sent",
        "line 6: @LIM2 is not known here and is not sent",
        "line 6: @X is not known here and is not sent",
        "line 1: @AID stands outside of a board and is not sent",
        "line 3: @ALM stands outside of a board and is not sent",
        "line 7: @Z stands outside of a board and is not sent",
    ]
    many = findings(log(board("{@NOTE|a|b}" * 25)))
    assert (len(many), many[-1]) == (21, "5 more records: is not known here and is not sent")


def test_a_record_that_the_tester_cut_is_found() -> None:
    data = log(board("{@BLOCK|r1|00{@RPT|half\x04}}"))
    assert findings(data) == ["line 3: @RPT was cut by the tester"]
    assert bodies(data)[0]["root"]["steps"][0]["steps"][0]["reportText"] == "half"


def test_boards_may_stand_behind_their_batch_or_without_one() -> None:
    other = BATCH.replace("PN-1", "PN-2") + "}\n"
    data = (f"{BATCH}}}\n{board()}{other}{board(serial='S-2')}").encode()
    assert [(b["sn"], b["pn"]) for b in bodies(data)] == [("S-1", "PN-1"), ("S-2", "PN-2")]
    assert bodies(board().encode(), part_number="PN-9")[0]["pn"] == "PN-9"


def test_empty_fields_and_wrapped_lines_are_legal() -> None:
    (body,) = bodies(log(board(rest="||||||")))
    assert (body["sn"], body["uut"]["execTime"]) == ("S-1", 14)
    assert bodies(log(board().replace("|00|", "\n|00|\n"))) == bodies(log(board()))


def test_records_may_all_be_on_one_line() -> None:
    content = f"{{@TS|0|0|0|0|shorts}}{{@BLOCK|r1|00{{@A-RES|0|1{LIM}}}}}"
    data = log(board(content), board(content, serial="S-2"))
    assert bodies(data.replace(b"\n", b"")) == bodies(data)


RES = "{{@BLOCK|r1|00{{@A-RES|{0}}}}}"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (log(board(serial="")), "the board of line 2 has no serial number"),
        (log(board(times="|")), "the board of line 2 has no start time"),
        (log(board(times="26030208151|1")), 'line 2: the start "26030208151" of @BTEST is no time'),
        (log(board(times="260231081512|1")), 'line 2: start "260231081512" is no time'),
        (log(board(times="260302081512|1s")), 'line 2: the duration "1s" is not a number'),
        (log(board(times="260302081512|-1")), 'line 2: the duration "-1" of @BTEST is none'),
        (log(board(status="P")), 'line 2: the status "P" of @BTEST is no whole number'),
        (log(board(RES.format("0|1V"))), 'line 3: the value "1V" is not a number'),
        (log(board(RES.format("0|1{@LIM2|x|1}"))), 'line 3: the high limit "x" is not a number'),
        (log(board(RES.format("0|1{@LIM3|1|1|1e999}"))), 'line 3: the low limit "1e999" is not'),
        (log(board(RES.format("0|\u0661"))), 'line 3: the value "\u0661" is not a number'),
        (log(board(RES.format("\u0661|1"))), 'line 3: the status "\u0661" of @A-RES is no whole'),
        (log(board(RES.format("|"))), "line 3: @A-RES has neither a status nor a value"),
        (log(board("{@D-T|||||u7}")), "line 3: @D-T has no status"),
        (log(board()) + b"}", "line 5: a brace that closes no record"),
        (log(board()) + b"x", 'line 5: "x" stands in no record'),
        (b"{@AID}\n\n x\n" + log(), 'line 3: "x" stands in no record'),
        (log(board("{@BLOCK|r1|00|\nx\n{@RPT|a}}")), 'line 3: "x" stands in @BLOCK'),
        (log(board("{@RPT~3|a\nb}x")), 'line 4: "x" stands in no record'),
        (log(board("{@RPT|a}x{@RPT|b}")), 'line 3: "x" stands in no record'),
        (log(board(), "stray"), 'line 4: "stray" stands in no record'),
        (log(board("stray\n{@RPT|a}", rest="0|")), 'line 2: "stray" stands in @BTEST'),
        (log(board(), "{@BLOCK|r1|00}"), "line 4: @BLOCK stands in no board"),
        (log(board(), batch=f"{BATCH}\n{{@A-RES|0|1}}"), "line 2: @A-RES stands in no board"),
        (board().encode() + b"{@TS|0|0|0|0|shorts}", "line 3: @TS stands in no board"),
        (log(board())[:-2], "line 1: @BATCH is not closed before the end of the file: it is cut"),
        (log(board(board(serial="S-2"))), "line 3: a board begins in the board of line 2"),
        (b"{" * (MAX_DEPTH + 1), f"line 1: more than {MAX_DEPTH} records in each other"),
    ],
)
def test_a_refusal_says_where(data: bytes, why: str) -> None:
    assert why in refusal(data)


def parsed(text: str) -> Record:
    (record,) = records.closed(text)
    return record


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("{@RPT~7|a{b}|c\n}", ["@RPT", "a{b}|c\n"]),
        ("{@RPT|~7|a{b}|c\n|d}", ["@RPT", "a{b}|c\n", "d"]),
        ("{@NOTE|name~3|a|b|c}", ["@NOTE", "name", "a|b", "c"]),
        ("{@RPT|about ~7|ohms}", ["@RPT", "about ~7", "ohms"]),
        ("{@RPT|~2|abc}", ["@RPT", "~2", "abc"]),
        ("{@RPT|~99|x}", ["@RPT", "~99", "x"]),
        ("{@RPT|~0|}", ["@RPT", ""]),
    ],
)
def test_a_literal_is_one_field(text: str, fields: list[str]) -> None:
    assert parsed(text).fields == fields
    assert parsed(text).name == fields[0].removeprefix("@")


PLAIN = st.text(st.characters(codec="ascii", exclude_characters="{}|~\\\x04\r"), max_size=8)
LITERAL = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=8)
FIELDS = st.lists(st.tuples(st.booleans(), PLAIN, LITERAL), max_size=4)
TREES: st.SearchStrategy[Any] = st.recursive(
    st.tuples(FIELDS, st.just([])), lambda below: st.tuples(FIELDS, st.lists(below, max_size=3))
)


def written(tree: Any) -> str:
    fields = "".join(f"|~{len(b)}|{b}" if is_literal else f"|{a}" for is_literal, a, b in tree[0])
    return f"{{@X{fields}{''.join(map(written, tree[1]))}}}"


def read(record: Record) -> Any:
    return [record.fields[1:], [read(child) for child in record.children]]


def expected(tree: Any) -> Any:
    fields = [b if is_literal else a for is_literal, a, b in tree[0]]
    return [fields, [expected(child) for child in tree[1]]]


@given(TREES)
def test_records_are_read_as_they_are_written(tree: Any) -> None:
    assert read(parsed(written(tree))) == expected(tree)

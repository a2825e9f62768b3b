"""GR228X logs: what the samples do not show."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywats_trio.converters.api import Reject
from pywats_trio.converters.standard.teradyne_ict.converter import TeradyneIct
from tests.samples import convert_bytes

PROGRAM = r"C:\TEST\PN-1_MAIN\PN-1_MAIN.obc[31-JUL-26  14:17:35"


def board(*lines: str, serial: str = "S-1", end: str = '"') -> str:
    """Of two seconds; its lines are the second and following ones."""
    body = "".join(f"{line}\n" for line in lines)
    return f"@31-JUL-26  14:18:51 SN {serial}\n{body}{end}31-JUL-26  14:18:53\n"


def log(*boards: str, program: str = PROGRAM) -> bytes:
    return f"{program}\n{''.join(boards) or board()}".encode()


def bodies(data: bytes, **arguments: Any) -> list[dict[str, Any]]:
    arguments.setdefault("process_code", 20)
    return [json.loads(r.body) for r in convert_bytes(TeradyneIct(), data, arguments=arguments)]


def findings(data: bytes, number: int = 0) -> list[str]:
    """What is found besides what the station has to say."""
    encoded = convert_bytes(TeradyneIct(), data, arguments={"process_code": 20})[number]
    others = ("documentation requires", "though the result is")
    return [f.message for f in encoded.findings if not any(text in f.message for text in others)]


def step(line: str) -> dict[str, Any]:
    """The step that becomes of a line; nothing is found."""
    data = log(board(line))
    assert findings(data) == []
    (group,) = bodies(data)[0]["root"]["steps"]
    (found,) = group["steps"]
    assert group["name"] == f"{found['name'][0]}-Group1"
    return dict(found)


def refusal(data: bytes) -> str:
    with pytest.raises(Reject) as raised:
        convert_bytes(TeradyneIct(), data)
    return raised.value.why


def numeric(line: str) -> dict[str, Any]:
    (measured,) = step(line)["numericMeas"]
    return dict(measured)


@pytest.mark.parametrize(
    ("event", "result"),
    [('"', "P"), ("/", "F"), ("?", "T"), ("!", "T"), ("*", "E"), ("&", "E")],
)
def test_the_event_line_is_the_verdict(event: str, result: str) -> None:
    (body,) = bodies(log(board("R1=1(0,2)R", end=event)))
    assert (body["result"], body["root"]["status"]) == (result, result)
    assert body["uut"]["execTime"] == 2


@pytest.mark.parametrize(
    ("program", "part", "sequence"),
    [
        (r"F:\B\PR11274.obc[26-FEB-16  14:10:50", "PR11274", r"F:\B\PR11274.obc"),
        (r"\\srv\t\77_A_B.OBC[26-FEB-16  14:10:50", "77", r"\\srv\t\77_A_B.OBC"),
        ("/t/[x]/77.obc[26-FEB-16  14:10:50", "77", "/t/[x]/77.obc"),
    ],
)
def test_the_program_names_the_part(program: str, part: str, sequence: str) -> None:
    (body,) = bodies(log(program=program))
    assert (body["pn"], body["root"]["name"]) == (part, sequence)


def test_a_board_without_a_program_has_the_part_of_the_argument() -> None:
    data = board().encode()
    assert bodies(data, part_number="PN-9", sequence="Main")[0]["pn"] == "PN-9"
    assert bodies(data, part_number="PN-9", sequence="Main")[0]["root"]["name"] == "Main"
    assert [f for f in findings(data) if "UNKNOWN" in f]
    assert bodies(log(program=r"C:\_x.obc[31-JUL-26  14:17:35"))[0]["pn"] == "UNKNOWN"


def test_each_board_has_the_program_before_it() -> None:
    other = r"C:\PN-2_X.obc[31-JUL-26  15:00:00" + "\n"
    reports = bodies(log(board(), board(serial="S-2"), other, board(serial="S-3")))
    assert [(r["sn"], r["pn"]) for r in reports] == [
        *(("S-1", "PN-1"), ("S-2", "PN-1"), ("S-3", "PN-2"))
    ]


def test_a_fact_of_wats_is_that_of_its_board_only() -> None:
    own = board(
        *("WATS_partNumber=77", "WATS_partRevision = C", "WATS_OPERATOR=op-1"),
        *("WATS_stationName=ST", "WATS_sequenceName=SEQ", "WATS_sequenceVersion=1.1"),
    )
    first, second = bodies(log(own, board("WATS_partNumber=", serial="S-2")), revision="B")
    assert (first["pn"], first["rev"], first["machineName"]) == ("77", "C", "ST")
    assert first["uut"]["user"] == "op-1"
    assert first["root"]["seqCall"] == {"path": "", "name": "SEQ", "version": "1.1"}
    assert (second["pn"], second["rev"], second["uut"]["user"]) == ("PN-1", "B", "")


def test_a_fact_that_changes_or_is_unknown_is_found() -> None:
    data = log(board("WATS_partNumber=1", "WATS_partNumber=2", "WATS_color=red"))
    assert bodies(data)[0]["pn"] == "2"
    assert findings(data) == [
        "line 4: WATS_partNumber=2 replaces what an earlier line says",
        'line 5: "WATS_color=red" is not sent',
    ]


def test_the_top_of_a_loop_is_the_socket() -> None:
    for letter, socket in (("A", 1), ("h", 8)):
        assert bodies(log(board(f"TOP_OF_LOOP-{letter}")))[0]["uut"]["testSocketIndex"] == socket
    data = log(board("TOP_OF_LOOP-A", "TOP_OF_LOOP-B", "TOP_OF_LOOP-I"))
    assert bodies(data)[0]["uut"]["testSocketIndex"] == 2
    assert findings(data) == [
        "line 4: TOP_OF_LOOP-B replaces what an earlier line says",
        'line 5: "TOP_OF_LOOP-I" is not sent',
    ]


@pytest.mark.parametrize(
    ("line", "value", "unit", "low", "high"),
    [
        ("R1=1.5(1,2)R", 1.5, "Ohm", 1, 2),
        ("R1=1.5K(900,.0016MEG)R", 1.5, "kOhm", 0.9, 1.6),
        ("R1=2.5MEG(500K,)R", 2.5, "MOhm", 0.5, None),
        ("V1=520M(-1,0.9)V", 520, "mV", -1000, 900),
        ("V1=+5.01(4.9,)DC", 5.01, "V", 4.9, None),
        ("V1=230(220,240)ac", 230, "V", 220, 240),
        ("C1=10.5N(,12000P)CP", 10.5, "nF", 12, None),
        ("C1=47P(40P,50P)CS", 47, "pF", 40, 50),
        ("I1=3U(1,2)I", 3, "uA", 1e6, 2e6),
        ("F1=12MEG(11MEG,13MEG)HZ", 12, "MHz", 11, 13),
        ("L1=3.3U(3U,4U)LS", 3.3, "u", 3, 4),
        ("Q1=100(50,)QQ", 100, None, 50, None),
        ("X1=1E-3 ( 1 U , 2 )ZZ9", 1e-3, None, 1e-6, 2),
        ("X1=5(,)", 5, None, None, None),
        ("X1=5K", 5, "k", None, None),
    ],
)
def test_a_measurement_keeps_its_prefix(
    line: str, value: float, unit: str | None, low: float | None, high: float | None
) -> None:
    measured = numeric(line)
    assert measured["value"] == value
    assert measured.get("unit") == unit
    assert measured.get("lowLimit") == (None if low is None else pytest.approx(low, rel=1e-12))
    assert measured.get("highLimit") == (None if high is None else pytest.approx(high, rel=1e-12))


@pytest.mark.parametrize(
    ("mark", "status", "judged"),
    [("=", "P", "P"), ("#", "D", "P"), ("<", "F", "F"), (">", "F", "F"), ("%", "F", "F")],
)
def test_the_mark_is_the_verdict_whatever_the_limits_say(
    mark: str, status: str, judged: str
) -> None:
    for value in ("5", "1.5"):
        found = step(f"R1{mark}{value}(1,2)R")
        assert (found["status"], found["numericMeas"][0]["status"]) == (status, judged)
        assert found["numericMeas"][0]["compOp"] == "GELE"
    found = step(f"D1{mark}")
    assert (found["status"], found["booleanMeas"][0]["status"]) == (status, judged)
    assert step(f"R1{mark}5(1,2)R").get("errorMessage") == ("resistance" if status == "F" else None)


def test_a_message_and_limits_without_a_value_are_text() -> None:
    assert step("R1=5(1,9)R  = check it")["reportText"] == "check it"
    assert step("R1=5(1,9)R short")["reportText"] == "short"
    assert step("PS=(1.6,5.5)V =low")["reportText"] == "limits (1.6,5.5)V\nlow"
    assert "reportText" not in step("PS=(,)V")
    assert step("D5% pins 3,4")["reportText"] == "pins 3,4"
    assert step("D5% pins 3,4")["status"] == "F"


def test_sources_without_a_value_are_no_steps_unless_they_fail() -> None:
    data = log(board("V1#(,)IS", "V1=(,)VS", "V1>(,)IS", "V1=2(1,3)VS"))
    (group,) = bodies(data)[0]["root"]["steps"]
    assert [(s["name"], s["status"]) for s in group["steps"]] == [("V1(IS)", "F"), ("V1(VS)", "P")]
    assert group["steps"][0]["errorMessage"] == "DC source, current"
    assert findings(data) == ["lines of type IS or VS without a value are not sent: 2"]


@pytest.mark.parametrize(
    ("letter", "name"),
    [
        ("S", "SHORTS test, failed"),
        ("O", "OPENS test, failed"),
        ("B", "BUSTEST, failure caused by bus"),
        ("C", "SCRATCHPROBING connection failure"),
        ("F", "CONTACT fixture failure"),
    ],
)
def test_a_list_of_nodes_is_a_failed_text(letter: str, name: str) -> None:
    (found,) = bodies(log(board(f"({letter} 1,2, ", end="/")))[0]["root"]["steps"]
    assert (found["name"], found["status"]) == (name, "F")
    assert found["stringMeas"] == [{"compOp": "LOG", "status": "F", "value": "1,2,"}]


def test_a_list_goes_on_in_the_next_lines() -> None:
    lines = ("(S 1,2 +", "3,4, +", "5", "6", "(O 7 +", "R1=5(1,9)R", "(F 8 +")
    data = log(board(*lines, end="/"))
    steps = bodies(data)[0]["root"]["steps"]
    assert [s["stringMeas"][0]["value"] if "stringMeas" in s else s["name"] for s in steps] == [
        *("1,2,3,4,5", "7 +", "R-Group1", "8 +")
    ]
    assert findings(data) == ['line 6: "6" is not sent']


def test_a_list_that_is_too_long_for_a_value_is_text_too() -> None:
    nodes = ",".join(map(str, range(100, 150)))
    (found,) = bodies(log(board(f"(S {nodes}", end="/")))[0]["root"]["steps"]
    assert found["stringMeas"][0]["value"] == found["reportText"] == nodes


def test_components_are_grouped_by_their_first_letter() -> None:
    lines = ("R1=1(0,2)R", "R2=1(0,2)R", "C1=1(0,2)CP", "R3=1(0,2)R", "(S 1", "R4=1(0,2)R")
    steps = bodies(log(board(*lines)))[0]["root"]["steps"]
    assert [(s["name"], len(s.get("steps", []))) for s in steps] == [
        *(("R-Group1", 2), ("C-Group1", 1), ("R-Group2", 1)),
        *(("SHORTS test, failed", 0), ("R-Group3", 1)),
    ]


def test_facts_of_the_program_are_misc_infos() -> None:
    data = log(board("CUSTOMER P/N = 11-18", "NOTE = see (page 3, below)x", "EMPTY = "))
    misc = [[m["description"], m["text"]] for m in bodies(data)[0]["miscInfos"]]
    assert misc == [["CUSTOMER P/N", "11-18"], ["NOTE", "see (page 3, below)x"]]
    assert findings(data) == ['line 5: "EMPTY =" is not sent']


def test_lines_that_nobody_knows_are_found_with_the_next_board() -> None:
    data = log(
        "3\n", board("R1=OK (2 V)", "100% done"), "4\n", board(serial="S-2"), "]31-jul-26 \n5\n"
    )
    assert findings(data, 0) == [
        *('line 4: "R1=OK (2 V)" is not sent', 'line 5: "100% done" is not sent'),
        *('line 2: "3" is not sent', 'line 7: "4" is not sent'),
    ]
    assert findings(data, 1) == ['line 11: "5" is not sent']


def test_many_unknown_lines_are_counted() -> None:
    found = findings(log(board(*map(str, range(100, 125)))))
    assert len(found) == 21
    assert found[-1] == "5 more lines are not known and are not sent"


def test_a_stub_without_serial_number_and_results_is_no_report() -> None:
    stub = "@31-JUL-26  14:00:00\nOPERATOR = 7\n?31-JUL-26  14:00:09\n"
    data = log(stub, board(), stub, board(serial="S-2"))
    assert [body["sn"] for body in bodies(data)] == ["S-1", "S-2"]
    assert findings(data) == [
        f'line {number}: "@31-JUL-26  14:00:00" is not sent' for number in (2, 7)
    ]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (log("@31-JUL-26  14:00:00\n?31-JUL-26  14:00:09\n"), "the board of line 2 has no serial"),
        (log(board(serial="")), "the board of line 2 has no serial number"),
        (log(board(), board(serial="")), "the board of line 4 has no serial number"),
        (
            log(board(), board("R1=1(0,2)R", serial="", end="?")),
            "the board of line 4 has no serial",
        ),
        (log(board().replace("JUL", "JUX")), 'line 2: the time "31-JUX-26 14:18:51" is no time'),
        (log(board().replace("31-", "32-")), 'line 2: the time "32-JUL-26 14:18:51" is no time'),
        (log(board().replace(":51", "")), 'line 2: "31-JUL-26  14:18" is no time, DD-Mon-YY'),
        (log(board().replace(":53", ":5")), 'line 3: "31-JUL-26  14:18:5" is no time'),
        (
            log("@31-JUL-26  14:00:00 SN A\n", board()),
            "line 2: the board that begins here has no event line before line 3: it is cut off",
        ),
        (
            log(f"@31-JUL-26  14:00:00 SN A\n{PROGRAM}\n", board()),
            "line 2: the board that begins here has no event line before line 3",
        ),
        (log(board(), "@"), 'line 4: "" is no time'),
        (log('"31-JUL-26  14:00:00\n', board()), "line 2: a board ends here that did not begin"),
        (log(board(), '"31-JUL-26  14:00:00\n'), "line 4: a board ends here that did not begin"),
        (log(board("R1=1.2.3(1,2)R")), 'line 3: value "1.2.3" is not a number'),
        (log(board("R1=1(1,2X)R")), 'line 3: high "2X" is not a number'),
        (log(board("R1=1(K,2)R")), 'line 3: low "K" is not a number'),
        (log(board("R1=1e999(1,2)R")), 'line 3: value "1e999" is not a number'),
        (log(board("R1=1e308MEG(1,2)R")), 'line 3: value "1e308MEG" is out of range'),
        (log(board("R1=1(1e-99999999999999999999,2)R")), "line 3: low"),
        (log(board("R1=1,5(0,5,2,5)R")), 'line 3: "R1=1,5(0,5,2,5)R" is no whole measurement'),
        (log(board("R1=1K(0,2")), 'line 3: "R1=1K(0,2" is no whole measurement, NAME=value(low,'),
        (log(board("R1= (")), 'line 3: "R1= (" is no whole measurement'),
    ],
)
def test_a_refusal_says_where(data: bytes, why: str) -> None:
    assert why in refusal(data)


def test_sn_may_be_small_letters() -> None:
    assert bodies(log(board()).lower())[0]["sn"] == "s-1"


def test_years_have_two_digits_or_four() -> None:
    for year, read in (("69", "1969"), ("68", "2068"), ("2026", "2026")):
        (body,) = bodies(log(board().replace("-26", f"-{year}")))
        assert body["start"].startswith(f"{read}-07-31T14:18:51")


def test_a_board_that_ends_before_it_begins_has_no_duration() -> None:
    data = log(board().replace(":53", ":50"))
    assert "execTime" not in bodies(data)[0]["uut"]
    assert findings(data) == [
        "the board of line 2 ends before it begins: no execution time is sent"
    ]


PREFIXES = {"P": -12, "N": -9, "U": -6, "M": -3, "": 0, "K": 3, "MEG": 6}
NUMBERS = st.decimals(-1000, 1000, allow_nan=False, places=6)
WITH_PREFIX = st.tuples(NUMBERS, st.sampled_from([*PREFIXES]))


@given(WITH_PREFIX, WITH_PREFIX, st.sampled_from(["=", "#", "<", ">", "%"]))
def test_a_quantity_is_the_same_with_any_prefix(
    value: tuple[Any, str], low: tuple[Any, str], mark: str
) -> None:
    line = f"X1{mark}{value[0]:f}{value[1]}({low[0]:f}{low[1]},)R"
    (measured,) = bodies(log(board(line)))[0]["root"]["steps"][0]["steps"][0]["numericMeas"]
    assert measured["value"] == float(value[0])
    wanted = low[0].scaleb(PREFIXES[low[1]] - PREFIXES[value[1]])
    assert measured["lowLimit"] == float(wanted)

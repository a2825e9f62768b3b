"""Teradyne Spectrum logs: samples, and what they do not show."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywats_trio.converters.api import Reject, Source
from pywats_trio.converters.standard.teradyne_spectrum import nodes
from pywats_trio.converters.standard.teradyne_spectrum.converter import TeradyneSpectrumIct
from tests import samples
from tests.samples import Sample, convert_bytes, disagreements, outcome

SAMPLES = [*samples.samples("teradyne-spectrum-ict")]
VALUE = "(ANA: (MEASVAL: (VAL: 2) (SCALE: K) (UNIT: O)))"


def step(body: str = VALUE, *, page: str = '(PAGE_NAME: "R1") (STAT: PASS)', more: str = "") -> str:
    return (
        '(STEP: (TYPE: RAW) (TIME: 03/02/2026 08:40:01 ) (SNAME: "S1")\n'
        f"(PAGE: {page} {body}) {more}(STAT: PASS))\n"
    )


def board(
    tests: str = "",
    *,
    users: str = "(USER: Serialnumber:S-1)(USER: STATUS: BOARD PASSED)",
    program: str = "PB-1_A",
) -> bytes:
    return f'(PROGRAM_NAME: "{program}")\n{tests or step()}{users}\n'.encode()


def converted(data: bytes, **arguments: Any) -> tuple[dict[str, Any], list[str]]:
    (encoded,) = convert_bytes(TeradyneSpectrumIct(), data, arguments=arguments)
    return json.loads(encoded.body), [finding.message for finding in encoded.findings]


def first(body: str, **parts: str) -> dict[str, Any]:
    """The step that becomes of a page with this inside."""
    found: dict[str, Any] = converted(board(step(body, **parts)))[0]["root"]["steps"][0]
    return found


def refusal(data: bytes, **arguments: Any) -> str:
    with pytest.raises(Reject) as raised:
        convert_bytes(TeradyneSpectrumIct(), data, arguments=arguments)
    return raised.value.why


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_a_sample_ends_as_expected(sample: Sample) -> None:
    result = outcome(TeradyneSpectrumIct(), sample)
    if isinstance(result, Reject):
        assert sample.refused, result.why
        assert "line" in result.why
    else:
        assert disagreements(result, sample.expected) == []
    assert TeradyneSpectrumIct().detect(sample.source(TeradyneSpectrumIct())) >= 0.9


@pytest.mark.parametrize(
    ("data", "sure"),
    [
        (board(), 0.95),
        (board().decode().encode("utf-16"), 0.95),
        (b'(PROGRAM_NAME: "x")', 0.6),
        (b'(STEP: (TYPE: RAW))(USER: x)(SECTION_NAME: "x")', 0.0),
        (b"", 0.0),
    ],
)
def test_the_name_of_the_program_and_a_step_are_known(data: bytes, sure: float) -> None:
    assert TeradyneSpectrumIct().detect(Source.from_bytes(data)) == sure


def test_user_fields_say_who_where_and_which_version() -> None:
    users = (
        "(USER:  SERIALNUMBER: S-1 )(USER: Operator:early)(USER: Operator:op)(USER: Rig:R-9)"
        "(USER: Rev:1.2)(USER: Empty:)(USER: no key)(USER: Note: a (B: c) d)"
        "(USER: STATUS: BOARD PASSED)"
    )
    body, _ = converted(
        board(users=users),
        station_field="Rig",
        version_field="Rev",
        timezone="Europe/Oslo",
        process_code=30,
    )
    assert (body["sn"], body["uut"]["user"], body["machineName"]) == ("S-1", "op", "R-9")
    assert body["root"]["seqCall"] == {"path": "", "name": "PB-1_A", "version": "1.2"}
    assert (body["start"], body["processCode"]) == ("2026-03-02T08:40:01+01:00", 30)
    assert [[one["description"], one["text"]] for one in body["miscInfos"]] == [
        ["USER", "no key"],
        ["Note", "a (B: c) d"],
        ["Operator", "early"],
    ]


def test_a_user_field_within_a_step_is_one_too() -> None:
    data = board(step(more="(USER: Serialnumber:S-2)"), users="(USER: STATUS: BOARD PASSED)")
    assert converted(data)[0]["sn"] == "S-2"


@pytest.mark.parametrize(
    ("pattern", "part"),
    [
        ("", "PB-1_A"),
        (r"(?<PartNumber>[^_]+)_", "PB-1"),
        (r"(?P<PartNumber>\w+)$", "1_A"),
        (r"(?<=-)(?<PartNumber>\d)", "1"),
        (r"\(?(?<PartNumber>A)", "A"),
        (r"(?<PartNumber>)$", "PB-1_A"),
        (r"(?<PartNumber>Z)?x", "PB-1_A"),
    ],
)
def test_the_part_number_is_found_in_the_name_of_the_program(pattern: str, part: str) -> None:
    body, findings = converted(board(), program_name_pattern=pattern)
    assert body["pn"] == part
    missed = any("finds no PartNumber" in finding for finding in findings)
    assert missed is (bool(pattern) and part == "PB-1_A")


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("(", "is no regular expression: missing ), unterminated subpattern at position 0"),
        (r"\(?<PartNumber>", "has no group PartNumber"),
        (r"(?<Part>\w+)", "has no group PartNumber"),
    ],
)
def test_an_expression_that_cannot_find_a_part_number_is_refused(pattern: str, why: str) -> None:
    assert why in refusal(board(), program_name_pattern=pattern)


def test_what_is_escaped_in_an_expression_is_no_group() -> None:
    body, _ = converted(board(program="<aB"), program_name_pattern=r"\(?<a(?<PartNumber>B)")
    assert body["pn"] == "B"


def test_a_section_whose_name_comes_again_is_another_one() -> None:
    tests = f'(SECTION_NAME: "A"){step()}(SECTION_NAME: "A")(SECTION_NAME: "B"){step()}'
    steps = converted(board(tests))[0]["root"]["steps"]
    assert [(one["name"], len(one["steps"])) for one in steps] == [("A", 1), ("A", 0), ("B", 1)]


def test_a_part_number_may_come_from_the_configuration() -> None:
    assert converted(board(program=""), part_number="P-9")[0]["pn"] == "P-9"


@pytest.mark.parametrize(
    ("status", "page", "result", "message"),
    [
        ("BOARD PASSED", "PASS", "P", ""),
        ("BOARD FAILED", "PASS", "F", ""),
        ("failed", "PASS", "F", ""),
        ("BOARD TERMINATED", "FAIL", "T", ""),
        ("BOARD ERROR", "PASS", "E", ""),
        ("BOARD PASSED", "FAIL", "F", 'STATUS is "BOARD PASSED", but not all pages passed'),
        ("BOARD ODD", "PASS", "P", 'STATUS "BOARD ODD" is no result'),
        ("", "FAIL", "F", "there is no USER field STATUS"),
    ],
)
def test_the_result_is_that_of_the_status_and_the_pages(
    status: str, page: str, result: str, message: str
) -> None:
    tests = step(page=f'(PAGE_NAME: "R1") (STAT: {page})').replace("(STAT: PASS))", ")")
    users = f"(USER: Serialnumber:S-1)(USER: STATUS: {status})"
    body, findings = converted(board(tests, users=users))
    assert body["result"] == result
    told = [one for one in findings if "STATUS" in one]
    assert [one.startswith(message) for one in told] == ([True] if message else [])


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ("(LOLIM: (VAL: 950) (UNIT: O))", ("GE", 0.95, None)),
        ("(LOW: (VAL: 950) (SCALE: m))", ("GE", 0.00095, None)),
        ("(HIGH: (VAL: 1) (SCALE: M))", ("LE", 1000, None)),
        ("(HILIM: (VAL: 1) (SCALE: k) (UNIT: O))", ("LE", 1, None)),
        ("(LOLIM: (VAL: 1) (SCALE: p))(HILIM: (VAL: 1) (SCALE: G))", ("GELE", 1e-15, 1e6)),
        ("(LOLIM: (VAL: ) (UNIT: O))(HILIM: )", ("LOG", None, None)),
        ("(THRESH: 1.5)", ("GE", 0.0015, None)),
        ("", ("LOG", None, None)),
    ],
)
def test_limits_are_moved_to_the_scale_of_the_value(limits: str, expected: Any) -> None:
    for body in (
        f"(ANA: {limits} (MEASVAL: (VAL: 2) (SCALE: K) (UNIT: O)))",
        f"(INTC: {limits} (INTC_RESULT: (STAT: PASS)(MEAS_VAL: (VAL: 2) (SCALE: K) (UNIT: O))))",
    ):
        found = first(body)
        (measurement,) = found["numericMeas"]
        got = [measurement.get(key) for key in ("compOp", "lowLimit", "highLimit")]
        assert got == [expected[0], *map(pytest.approx, expected[1:])]
        assert (found["stepType"], measurement["unit"], measurement["value"]) == ("ET_NLT", "KO", 2)


def test_digits_stay_as_they_are() -> None:
    tests = step("(ANA: (LOLIM: (VAL: 2.240) (SCALE: n)) (MEASVAL: (VAL: 193.40010) (SCALE: m)))")
    (encoded,) = convert_bytes(TeradyneSpectrumIct(), board(tests))
    assert b'"value":193.40010' in encoded.body
    assert b'"lowLimit":0.000002240' in encoded.body


@pytest.mark.parametrize(
    ("limit", "why"),
    [
        ("(LOLIM: (VAL: 1) (UNIT: V))", 'its unit is "V", that of the value "O"'),
        ("(LOLIM: (VAL: 1) (SCALE: x))", 'from the scale "x" to "K" there is no known factor'),
        ("(LOLIM: (VAL: 1))(LOW: (VAL: 2))", "it is not clear which belongs to which"),
    ],
)
def test_a_limit_that_cannot_be_compared_is_text(limit: str, why: str) -> None:
    tests = step(f"(ANA: {limit} (MEASVAL: (VAL: 2) (SCALE: K) (UNIT: O)))")
    body, findings = converted(board(tests))
    (found,) = body["root"]["steps"]
    assert found["numericMeas"][0]["compOp"] == "LOG"
    assert "(LOLIM: (VAL: 1)" in found["reportText"]
    assert any(why in finding for finding in findings)


def test_an_unknown_scale_is_one_as_long_as_all_have_it() -> None:
    found = first("(ANA: (HILIM: (VAL: 3) (SCALE: x)) (MEASVAL: (VAL: 2) (SCALE: x) (UNIT: q)))")
    assert found["numericMeas"][0]["lowLimit"] == 3
    assert found["numericMeas"][0]["unit"] == "xq"


def test_the_unit_may_stand_in_a_limit_alone() -> None:
    found = first("(ANA: (HILIM: (VAL: 3) (UNIT: V)) (MEASVAL: (VAL: 2) (SCALE: m)))")
    assert found["numericMeas"][0]["unit"] == "mV"


@pytest.mark.parametrize(
    ("text", "value"),
    [("1.#INF", "Infinity"), ("-1.#INF00", "-Infinity"), ("1.#QNAN", "NaN"), ("-1.#IND", "NaN")],
)
def test_numbers_that_are_none_may_have_the_spelling_of_windows(text: str, value: str) -> None:
    assert first(f"(ANA: (MEASVAL: (VAL: {text})))")["numericMeas"][0]["value"] == value


def test_the_verdict_of_the_file_stands() -> None:
    body = "(ANA: (HILIM: (VAL: 1)) (MEASVAL: (VAL: 2)))"
    (measurement,) = first(body)["numericMeas"]
    assert measurement["status"] == "P"
    without = first(body, page='(PAGE_NAME: "R1")')
    assert without["numericMeas"][0]["status"] == "F"


def test_several_values_of_a_page_are_one_step() -> None:
    found = first(
        "(FSCAN: (FSCAN_PIN: (STAT: PASS) (TPNAME: A)) (MEAS_VAL: (VAL: 3)) (THRESH: 1)"
        "(FSCAN_PIN: (STAT: FAIL) (TPNAME: A)) (MEAS_VAL: (VAL: 4)) (THRESH: 5))"
        "(ANA: (MEASVAL: (VAL: 7)))",
        page='(TYPE: FS) (PAGE_NAME: "R1") (STAT: FAIL)',
    )
    keys = ("name", "value", "lowLimit", "status")
    assert (found["stepType"], found["status"]) == ("ET_MNLT", "F")
    assert [tuple(one.get(key) for key in keys) for one in found["numericMeas"]] == [
        ("A", 3, 1, "P"),
        ("A #2", 4, 5, "F"),
        ("FS", 7, None, "F"),
    ]


def test_words_for_people_and_the_rest_are_the_text_of_the_step() -> None:
    found = first(
        "(INTC: (TYPE: LOWR) (STAT: PASS) (HILIM: (VAL: 5)) (NODES: (TPNUM: 1) (TPNAME: A) , "
        "(TPNUM: 2)))",
        page='(TYPE: T) (PAGE_NAME: "R1") (COMMENT: "see (a\nb") (FAIL_MSG: "m") (STAT: PASS) odd',
        more='(DESC: "COIL (TOP) ") ',
    )
    assert found["reportText"].split("\n") == [
        *("COIL (TOP)", "see (a", "b", "m", "odd", "TYPE: T"),
        "INTC: (TYPE: LOWR) (STAT: PASS) (HILIM: (VAL: 5)) (NODES: , (TPNUM: 1) (TPNAME: A) "
        "(TPNUM: 2))",
    ]
    assert (found["stepType"], found["booleanMeas"]) == ("ET_PFT", [{"status": "P"}])


@pytest.mark.parametrize(
    ("word", "status", "told"),
    [("PASS", "P", False), ("fail", "F", False), ("Skipped", "S", False), ("MAYBE", "D", True)],
)
def test_a_verdict_that_nobody_knows_is_none(word: str, status: str, told: bool) -> None:
    tests = step("", page=f'(PAGE_NAME: "R1") (STAT: {word})').replace("(STAT: PASS))", ")")
    body, findings = converted(board(tests))
    assert body["root"]["steps"][0]["status"] == status
    assert any("is taken as D" in finding for finding in findings) is told


@pytest.mark.parametrize(("own", "page"), [("PASS", "FAIL"), ("FAIL", "PASS")])
def test_a_step_that_says_otherwise_than_its_page_is_the_worse(own: str, page: str) -> None:
    tests = step(page=f'(PAGE_NAME: "R1") (STAT: {page})').replace(
        "(STAT: PASS))", f"(STAT: {own}))"
    )
    body, findings = converted(board(tests))
    assert body["root"]["steps"][0]["status"] == "F"
    assert f"STEP (line 2) says {own[0]}, its page {page[0]}: F is taken" in findings


def test_a_step_takes_until_the_next_one_begins() -> None:
    tests = "".join(step().replace("08:40:01", time) for time in ("23:59:58", "23:59:59", "00:00"))
    tests = tests.replace("(TIME: 03/02/2026 00:00 )", "")
    users = "(USER: Serialnumber:S-1)(USER: EndTime: 23:59:59:900)"
    body, _ = converted(board(tests, users=users))
    assert [one.get("totTime") for one in body["root"]["steps"]] == [1.0, 0.9, None]
    assert body["uut"]["execTime"] == 1.9


@pytest.mark.parametrize(
    ("end", "seconds"), [("00:00:01:0", 60.0), ("nonsense", 60.0), ("08:41:31", 90.0)]
)
def test_an_end_that_cannot_be_is_that_of_the_last_step(end: str, seconds: float) -> None:
    tests = step() + step().replace("08:40:01", "08:41:01")
    users = f"(USER: Serialnumber:S-1)(USER: EndTime: {end})"
    assert converted(board(tests, users=users))[0]["uut"]["execTime"] == seconds


def test_a_board_without_steps_has_the_times_of_its_user_fields() -> None:
    users = (
        "(USER: Serialnumber:S-1)(USER: Date:03/02/2026)(USER: StartTime:08:00:00:500)"
        "(USER: EndTime:08:00:02:750)(USER: STATUS: BOARD FAILED)"
    )
    body, _ = converted(board('(SECTION_NAME: "A")', users=users))
    assert body["start"].startswith("2026-03-02T08:00:00.5")
    assert (body["uut"]["execTime"], body["result"]) == (2.25, "F")


def test_a_step_without_pages_is_its_own_verdict() -> None:
    tests = '(STEP: (TIME: 03/02/2026 08:40:01) (SNAME: "a") (STAT: PASS))(STEP: (SNAME: "b"))'
    steps = converted(board(tests))[0]["root"]["steps"]
    assert [(one["name"], one["stepType"], one["status"]) for one in steps] == [
        ("a", "ET_PFT", "P"),
        ("b", "Action", "D"),
    ]


def test_what_has_no_place_is_found() -> None:
    data = board(users="(USER: Serialnumber:S-1)\nhello\n(ODD: 1)\nworld\n")
    _, findings = converted(data)
    assert (
        '"hello" (line 5) stands outside of the parentheses and is not sent, and 1 more such lines'
        in findings
    )
    assert "ODD (line 6) has no place in WATS and is not sent" in findings


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"hello", "there is no (PROGRAM_NAME: …) in the file"),
        (b"", "the file is empty"),
        (step().encode(), "STEP (line 1): there is no (PROGRAM_NAME: …) before it"),
        (board()[:-40], "the parenthesis (USER: of line 4 is not closed"),
        (board(step()[:-2] + "\n"), "(STEP: of line 2 is not closed"),
        (
            board(step().replace(")))", "))") + step()),
            "the parenthesis (STEP: of line 2 is not closed before the (STEP: of line 4",
        ),
        (board(step() + ")"), "line 4: a parenthesis is closed that was not opened"),
        (board("\n(stray)"), "line 3: a parenthesis without a KEY: after it"),
        (board(step('(COMMENT: "abc')), "the quoted text that begins in line 3 has no end"),
        (b"(A:" * 65, "line 1: more than 64 parentheses in each other"),
        (board(users=""), "the board of line 1 has no serial number"),
        (board(step().replace("(TIME: 03/02/2026 08:40:01 )", "")), "has no start time"),
        (
            board(step().replace("03/02", "13/02")),
            'STEP (line 2): TIME "13/02/2026 08:40:01" is no time, MM/DD/YYYY hh:mm:ss is expected',
        ),
        (
            board(users="(USER: Serialnumber:A)\n(USER: Serialnumber:B)"),
            'USER (line 5): the serial number is "B", but in line 4 it is "A"',
        ),
        (board(step("(ANA: (MEASVAL:\n(VAL: 1V)))")), 'MEASVAL (line 3): "1V" is not a number'),
        (board(step("(ANA: (LOW: (VAL: x)) (MEASVAL: (VAL: 1)))")), 'LOW (line 3): "x" is not a'),
        (
            board(
                step("(ANA: (LOW: (VAL: 1e-99999999999999999999)) (MEASVAL: (VAL: 1)(SCALE: m)))")
            ),
            'LOW (line 3): "1e-99999999999999999999" is not a number',
        ),
        (
            board(step(page="").replace('(SNAME: "S1")', "")),
            "PAGE (line 3): neither it nor its STEP has a name (PAGE_NAME, SNAME)",
        ),
        (board("(STEP: (TIME: 03/02/2026 08:40:01))"), "STEP (line 2): it has no name (SNAME)"),
    ],
)
def test_a_refusal_says_where(data: bytes, why: str) -> None:
    assert why in refusal(data)


KEYS = st.from_regex(r"[A-Z][A-Z0-9_]{0,6}", fullmatch=True).filter(
    lambda key: key not in {"USER", "STEP", "PROGRAM_NAME", "SUBPROGRAM_NAME", "SECTION_NAME"}
)
TEXTS = st.text(st.sampled_from('ab ()"\n:,'), max_size=12).map(str.strip)


@st.composite
def trees(draw: st.DrawFn, depth: int = 3) -> tuple[str, Any]:
    """A node: its key, and its text (a str) or its children (a list)."""
    if depth and draw(st.booleans()):
        return draw(KEYS), draw(st.lists(trees(depth=depth - 1), min_size=1, max_size=3))
    # What ends a quoted text cannot stand in it: the tester escapes nothing.
    return draw(KEYS), draw(TEXTS.filter(lambda text: '"' not in text))


def written(tree: tuple[str, Any], blanks: st.DataObject) -> str:
    key, inner = tree
    space = blanks.draw(st.sampled_from(["", " ", "\n    "]))
    if isinstance(inner, str):
        return f'({key}:{space}"{inner}"{space})'
    return f"({key}:{space}{space.join(written(child, blanks) for child in inner)}{space})"


def read(node: nodes.Node) -> tuple[str, Any]:
    return node.key, [read(child) for child in node.children] or node.text


@given(st.lists(trees(), min_size=1, max_size=4), st.data())
def test_whatever_is_written_is_read_again(
    found: list[tuple[str, Any]], data: st.DataObject
) -> None:
    text = "\n".join(written(tree, data) for tree in found).encode()
    source = Source(io.BytesIO(text), path="x", size=len(text), mtime=0)
    assert [read(node) for node in nodes.stream(source, "cp1252")] == found


def test_of_an_unknown_verdict_the_limits_know_more() -> None:
    (sample,) = (one for one in SAMPLES if one.path.name == "failed.txt")
    text = sample.path.read_text("utf-8")
    data = text.replace("STAT: FAIL", "STAT: ODD").replace("BOARD FAILED", "BOARD ODD").encode()
    (encoded,) = convert_bytes(TeradyneSpectrumIct(), data)
    assert json.loads(encoded.body)["result"] == "F"
    assert any("is unknown: the limits decide" in f.message for f in encoded.findings)

"""A report as a tree, limits in words, a traceback without our frames."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import pywats_trio
from pywats_trio.cli.converters import limits, tree
from pywats_trio.cli.converters.present import MOST, page
from pywats_trio.cli.converters.trace import authors_frames
from pywats_trio.convert.said import Finding, ReportMade
from pywats_trio.convert.trial import Trial


def drawn(root: object) -> list[str]:
    return list(tree.drawn(list(tree.steps(tree.read(json.dumps({"root": root}).encode())))))


def step(name: str, status: str = "P", **more: Any) -> dict[str, Any]:
    return {"name": name, "status": status, **more}


def test_steps_stand_below_each_other_with_their_values() -> None:
    volt = {"compOp": "GELE", "value": 3.31, "unit": "V", "lowLimit": 3.2, "highLimit": 3.4}
    rails = [
        {"name": "1V8", "status": "P", "compOp": "LOG", "value": 1.8, "unit": "V"},
        {"name": "1V2", "status": "F", "compOp": "LT", "value": 1.25, "lowLimit": 1.2},
    ]
    text = [{"status": "P", "compOp": "EQ", "value": "v2", "limit": "v2"}]
    steps = [
        step("3V3", numericMeas=[volt]),
        step("Rails", "F", numericMeas=rails),
        step("Version", stringMeas=text),
        step("Radio", "E", errorCode=-17, errorMessage="no answer"),
        step("Curve", "D", chart={"label": "IV"}, attachment={"name": "a.png"}),
    ]
    assert drawn(step("Main", "F", steps=steps)) == [
        "F  Main",
        "P    3V3      3.31 V  3.2 <= x <= 3.4",
        "F    Rails",
        "P      1V8    1.8 V",
        "F      1V2    1.25    x < 1.2",
        "P    Version  'v2'    x == 'v2'",
        "E    Radio    -17 no answer",
        "D    Curve    chart IV, file a.png",
    ]


def test_a_number_keeps_its_digits() -> None:
    body = b'{"root": {"name": "x", "status": "P", "numericMeas": [{"value": 3.100, "unit": "V"}]}}'
    assert list(tree.drawn(list(tree.steps(tree.read(body))))) == ["P  x  3.100 V"]


@pytest.mark.parametrize(
    ("count", "last"),
    [(tree.MOST, f"P    s{tree.MOST - 1}"), (tree.MOST + 3, "E    … 3 more (1 error, 1 failed)")],
)
def test_a_long_list_of_steps_is_shortened_with_a_count(count: int, last: str) -> None:
    ended = {tree.MOST: "F", tree.MOST + 1: "E"}
    steps = [step(f"s{number}", ended.get(number, "P")) for number in range(count)]
    lines = drawn(step("Main", steps=steps))
    assert len(lines) == 1 + min(count, tree.MOST + 1)
    assert lines[-1] == last


@pytest.mark.parametrize("more", [0, 1])
def test_a_long_list_of_measurements_is_shortened_with_a_count(more: int) -> None:
    measured = [{"name": f"m{n}", "status": "P", "value": n} for n in range(tree.MOST + more)]
    lines = drawn(step("Main", numericMeas=measured))
    assert len(lines) == 1 + tree.MOST + more
    assert ("… 1 more" in lines[-1]) is bool(more)


def test_what_is_nested_too_deep_ends() -> None:
    root = step("last")
    for _ in range(tree.DEEPEST + 1):
        root = step("x", steps=[root])
    lines = drawn(root)
    assert len(lines) == tree.DEEPEST + 2
    assert lines[-1].endswith("… deeper than can be shown")


@pytest.mark.parametrize(
    "body",
    [
        b"no JSON",
        b"[1]",
        b"[" * 100_000,
        b'{"root": 5, "uut": [], "subUnits": {}, "sn": null}',
        b'{"root": {"steps": {"a": 1}, "numericMeas": [1, null], "name": 7, "status": []}}',
    ],
)
def test_whatever_a_converter_says_can_be_shown(body: bytes) -> None:
    report = tree.read(body)
    tree.head(report)
    assert len(list(tree.drawn(list(tree.steps(report))))) <= 1


def test_the_head_says_who_and_what() -> None:
    report = {
        "type": "R",
        "sn": "S\x1b[31m",
        "pn": "P",
        "rev": "A",
        "result": "T",
        "processCode": 500,
        "processName": "Repair",
        "machineName": "M",
        "purpose": "X",
        "uur": {"user": "me"},
        "subUnits": [{"failures": [{}, {}]}, {}],
    }
    assert dict(tree.head(report)) == {
        "kind": "repair",
        "serial number": r"S\x1b[31m",
        "part number": "P, revision A",
        "result": "terminated",
        "process": "500 Repair",
        "station": "M, X",
        "operator": "me",
        "sub-units": "2",
        "failures": "2",
    }


@pytest.mark.parametrize(
    ("operator", "words"),
    [
        ("LOG", ""),
        ("GE", "x >= 1"),
        ("NE", "x != 1"),
        ("GTLT", "1 < x < 2"),
        ("gele", "1 <= x <= 2"),
        ("LEGT", "x <= 1 or x > 2"),
        ("EQT", "EQT 1 2"),
    ],
)
def test_limits_are_told_in_the_words_of_mathematics(operator: str, words: str) -> None:
    given = {} if operator == "LOG" else {"lowLimit": 1, "highLimit": 2}
    assert limits.of_number({"compOp": operator, **given}) == words


@pytest.mark.parametrize(
    ("operator", "words"),
    [("EQ", "x == 'a'"), ("NE", "x != 'a'"), ("IGNORECASE", "x == 'a' in any case")],
)
def test_an_expected_text_is_told(operator: str, words: str) -> None:
    assert limits.of_text({"compOp": operator, "limit": "a"}) == words
    assert limits.of_text({"compOp": "LOG"}) == ""


# The page


def made(*findings: Finding, body: bytes = b"{}") -> ReportMade:
    return ReportMade(body, "", "", "", "P", "", findings)


def test_findings_stand_below_their_report_with_path_and_severity() -> None:
    found = (
        Finding("root.status", "odd", "warning"),
        Finding("", "too long", "error"),
    )
    lines = list(page(Trial("x", (made(*found),), 0.25, 3 << 20)))
    assert lines == [
        "",
        "\x1b[33mwarning: root.status: odd\x1b[0m",
        "\x1b[31merror: too long\x1b[0m",
        "",
        "1 report by x in 0.250 s, 3 MiB at most, 2 findings",
    ]


def test_several_reports_come_one_after_the_other_and_too_many_are_counted() -> None:
    two = list(page(Trial("x", (made(), made()), 0, 0)))
    assert [line for line in two if "report " in line] == [
        "\x1b[1mreport 1 of 2\x1b[0m",
        "\x1b[1mreport 2 of 2\x1b[0m",
    ]
    many = list(page(Trial("x", (made(),) * (MOST + 2), 0, 0)))
    assert "… 2 more reports; --json shows all of them" in many
    assert sum("report " in line and " of " in line for line in many) == MOST
    assert many[-1].startswith(f"{MOST + 2} reports by x in ")


@pytest.mark.parametrize("more", [0, 1])
def test_too_many_findings_are_counted(more: int) -> None:
    findings = (Finding("a", "b", "warning"),) * (MOST + more)
    lines = list(page(Trial("x", (made(*findings),), 0, 0)))
    assert ("… 1 more findings; --json shows all of them" in lines) is bool(more)


# Tracebacks

OURS = Path(pywats_trio.__file__).parent / "worker" / "conversion.py"
HEAD = "Traceback (most recent call last):\n"


def frame(file: object) -> str:
    return f'  File "{file}", line 7, in f\n    f()\n    ^^^\n'


def test_only_the_frames_of_the_author_are_shown() -> None:
    inner = f"{HEAD}{frame(OURS)}{frame('/a.py')}KeyError: 'x'\n"
    outer = f"{HEAD}{frame('<frozen importlib._bootstrap>')}{frame('/b.py')}ValueError: y\n"
    between = "\nDuring handling of the above exception, another exception occurred:\n\n"
    shown = authors_frames(inner + between + outer)
    assert shown == (
        f"{HEAD}{frame('/a.py')}KeyError: 'x'\n{between}{HEAD}{frame('/b.py')}ValueError: y"
    )


def test_a_traceback_of_ours_alone_and_any_other_text_is_left_as_it_is() -> None:
    ours = f"{HEAD}{frame(OURS)}KeyError: 'x'"
    assert authors_frames(ours) == ours
    assert authors_frames("last words\n") == "last words"
    assert authors_frames("") == ""

"""`assert_report` and `assert_sample`: what is right passes, and what is wrong is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pywats_trio.converters import Converter, Reject, Report
from pywats_trio.reports.steps import Numeric
from pywats_trio.testing import assert_report, assert_sample, convert

FACTS: dict[str, Any] = {
    **{"type": "T", "sn": "S-1", "pn": "P", "rev": "", "result": "F", "processCode": 10},
    **{"operator": "op", "execTime": 1.5, "start": "2026-03-02T08:15:30Z", "id": "derived"},
    "root": ["MainSequence Callback", "F"],
    "miscInfos": [["Firmware", "1.4"]],
    "subUnits": [["PCBA", "P-9", "S-9", "A"]],
    "steps": [
        [["Power"], "SequenceCall", "F"],
        [["Power", "3V3"], "ET_NLT", "P", {"value": 3.31, "lowLimit": 3.2, "compOp": "gele"}],
        [["Power", "Rails"], "ET_MNLT", "F", {"name": "5V", "status": "P"}, "+1"],
    ],
    **{"step_count": 3, "measurement_count": 3},
}
WRONG: dict[str, Any] = {
    **{"type": "R", "sn": "S-2", "pn": "Q", "rev": "A", "result": "P", "processCode": 20},
    **{"operator": "", "execTime": 2, "start": "2026-03-02T08:15:30+01:00", "id": "x"},
    **{"root": ["MainSequence Callback", "P"], "miscInfos": [], "subUnits": []},
    "steps": [[["3V3"], "ET_NLT", "P"]],
    **{"step_count": 4, "measurement_count": 2},
}


class Rails(Converter):
    """A report whatever the file says; none of one that says no."""

    id = "rails"

    def convert(self, source: Any, context: Any) -> Any:
        del context
        if source.read_bytes() == b"no":
            raise Reject("it says no")
        builder = Report.builder(
            serial_number="S-1",
            part_number="P",
            process_code=10,
            operator="op",
            start="2026-03-02T08:15:30Z",
            seconds=1.5,
        )
        builder.misc("Firmware", "1.4")
        builder.sub_unit("PCBA", part_number="P-9", serial_number="S-9", revision="A")
        power = builder.root.sequence("Power")
        power.numeric("3V3", 3.31, unit="V", low=3.2, high=3.4)
        power.multiple(
            "Rails", [Numeric(value=5.02, name="5V"), Numeric(value=9, high=8, name="x")]
        )
        yield builder.build()


def test_facts_that_a_report_shows_pass_alone_and_in_a_list() -> None:
    reports = convert("yes", Rails)
    assert_report(reports[0], FACTS)
    assert_report(reports, {"reports": [FACTS]})
    assert_report(reports[0], {})


@pytest.mark.parametrize("key", WRONG)
def test_a_fact_that_it_does_not_show_is_named(key: str) -> None:
    (report,) = convert("yes", Rails)
    with pytest.raises(AssertionError) as raised:
        assert_report(report, {**FACTS, key: WRONG[key]})
    words = {"steps": "path is", "step_count": "3 steps", "measurement_count": "3 measurements"}
    assert str(raised.value).startswith("report 1: ")
    assert words.get(key, key) in str(raised.value)


def test_the_number_of_reports_counts() -> None:
    with pytest.raises(AssertionError, match="1 reports instead of 2"):
        assert_report(convert("yes", Rails), {"reports": [FACTS, FACTS]})


@pytest.mark.parametrize(
    ("content", "expected", "wrong"),
    [
        ("yes", {"reports": [FACTS]}, None),
        ("no", {"refused": True}, None),
        ("no", {"either": True, "reports": [FACTS]}, None),
        ("yes", {"either": True, "reports": [FACTS]}, None),
        ("no", {"reports": [FACTS]}, "it is refused: it says no"),
        ("yes", {"refused": True, "why": "because"}, "must be refused: because"),
        ("yes", {"reports": []}, "1 reports instead of 0"),
    ],
)
def test_a_sample_ends_as_its_expectations_say(
    content: str, expected: dict[str, Any], wrong: str | None, tmp_path: Path
) -> None:
    file = tmp_path / "unit.log"
    file.write_text(content)
    Path(f"{file}.expected.json").write_text(json.dumps(expected))
    if wrong is None:
        assert_sample(file, Rails)
        return
    with pytest.raises(AssertionError, match=wrong):
        assert_sample(file, Rails)
    if "reports" in expected and content == "yes":
        with pytest.raises(AssertionError):
            assert_report(convert(file, Rails), Path(f"{file}.expected.json"))


@pytest.mark.parametrize(
    ("expected", "wrong"),
    [
        ({"snn": "S-1"}, "there is no fact 'snn'; did you mean 'sn'?"),
        ({"reports": [{"findings": []}]}, "there is no fact 'findings'"),
        ({"report": []}, "there is no fact 'report'"),
        ({"refused": True}, "must be refused"),
        ({"refused": True, "reports": [FACTS]}, "must be refused"),
    ],
)
def test_what_is_misspelt_or_must_be_refused_is_no_fact(
    expected: dict[str, Any], wrong: str
) -> None:
    with pytest.raises(AssertionError, match=wrong.replace("?", r"\?")):
        assert_report(convert("yes", Rails), expected)

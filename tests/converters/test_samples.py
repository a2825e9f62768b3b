"""Every sample in the formats of WATS ends as its expectations say."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from pywats_trio.converters.api import Converter, Reject, Source
from pywats_trio.converters.registry import STANDARD
from pywats_trio.converters.standard.auto import Auto, standard
from pywats_trio.converters.standard.csv.converter import Csv
from pywats_trio.converters.standard.wats_json import WatsJson
from pywats_trio.converters.standard.wats_text.converter import WatsText
from pywats_trio.converters.standard.wats_xml.converter import WatsXml
from tests import samples
from tests.samples import Sample, convert_bytes, disagreements, outcome

JSON = [*samples.samples("wats-json"), *samples.samples("hostile", ".json")]
XML = [*samples.samples("wats-xml"), *samples.samples("hostile", ".xml")]
TEXT = [*samples.samples("wats-text"), *samples.samples("hostile", ".txt")]
CSV = [*samples.samples("csv")]
ANY = [*samples.samples("auto"), *samples.samples("hostile", ".txt")]
SETS: dict[type[Converter], list[Sample]] = {
    WatsJson: JSON,
    WatsXml: XML,
    WatsText: TEXT,
    Csv: CSV,
    Auto: ANY,
}
CASES = [(kind, sample) for kind, found in SETS.items() for sample in found]

PLACE = re.compile(r"line \d+|lines \d+ and \d+|root\.|report \d|reports \d and|the file |\"<\"")

WORDS = {
    "array-second-bad.json": ("report 2", "no serial number"),
    "bad-id.json": ('"id" is not a UUID: not-a-guid', "line 3"),
    "bad-start.json": ('"start" is no date: yesterday', "line 13"),
    "bad-status.json": ("root.steps[0].status", '"Q" is none of P F D S E T', "line 34"),
    "duplicate-keys.json": ('"sn"', "twice", "lines 5 and 6"),
    "empty.json": ("the file is empty",),
    "login-page.json": ('starts with "<"', "HTML"),
    "no-process-code.json": ("no process code",),
    "overflow-number.json": ("finite number", "line 40"),
    "same-id-twice.json": ("reports 1 and 2 have the same id",),
    "sn-blank.json": ("no serial number", "blank", "line 5"),
    "sn-missing.json": ("no serial number", "missing"),
    "sn-null.json": ("no serial number", "null"),
    "status-words.json": ("type", '"Test"', "line 3"),
    "steps-object.json": ('"root.steps" is an object, a list is expected', "line 22"),
    "trailing-garbage.json": ("text after the end", "line 49, column 1"),
    "truncated.json": ("ends in the middle", "line 13, column 39"),
    "wrong-encoding.json": ("UTF-8", "0xfc", "line 33"),
    "wrong-types.json": ('"root" is a list, an object is expected', "line 18"),
    "zeros.json": ("only zero bytes", "power loss"),
    "sn-missing.xml": ("Report 1", "no serial number", "attribute SN", "line 3"),
    "truncated.xml": ("ends in the middle", "line 5"),
    "wrong-encoding.xml": ("declared utf-8", "0xfc", "line 8"),
    "xml-bomb.xml": ("DOCTYPE with entities is not allowed", "line 2"),
    "xml-external-dtd.xml": ("DOCTYPE is not allowed", "line 2"),
    "xml-external-entity.xml": ("DOCTYPE with entities is not allowed", "line 2"),
    "xml-quadratic.xml": ("DOCTYPE with entities is not allowed", "line 2"),
    "blank.txt": (),
    "decimal-comma.txt": ("line 15", 'Value "12,75"', "decimal point is expected"),
    "no-end-mark.txt": ("line 17", "--UUT-End--", "missing", "cut off"),
    "sn-missing.txt": ("line 2", "no serial number"),
    "truncated.txt": ("line 16", "row", "incomplete", "--UUT-End--", "missing"),
    "unknown-step-type.txt": ("line 16", 'unknown step type "NumericLimitsTest"'),
    "bad-header-only.csv": ("a header", "line 1", "no data rows"),
    "bad-mixed-decimals.csv": ("decimal comma (line 2: 3,31)", "decimal point (line 3: 1.005)"),
    "bad-no-serial-column.csv": ('no column "serial"', "part_number, process_code, step, value"),
    "bad-number.csv": ("line 2", 'value "3.31V" is not a number'),
    "bad-open-quote.csv": ("the quote opened in line 2 is never closed",),
    "bad-ragged-row.csv": ("line 3 has 5 cells, the header has 7", "cut off?"),
    "bad-status.csv": ("line 2", 'unknown status "MAYBE"'),
    "bad-two-parts.csv": ("line 3", '"PCBA-200" differs from "PCBA-100"', "CS-0012"),
    "notes.txt": ("none of the converters", "knows this format"),
    "page.xml": ("XML", "none of the converters"),
    "settings.json": ("JSON", "none of the converters"),
}
"""What the reason of a refusal says: the sense of `why`, and the place."""


@pytest.mark.parametrize(("kind", "sample"), CASES, ids=lambda value: getattr(value, "name", ""))
def test_a_sample_ends_as_expected(kind: type[Converter], sample: Sample) -> None:
    result = outcome(kind(), sample)
    if isinstance(result, Reject):
        assert sample.refused or sample.either, result.why
        assert PLACE.search(result.why), result.why
        for word in WORDS[sample.path.name]:
            assert word in result.why
    else:
        assert not sample.refused, "converted, though it must be refused"
        assert disagreements(result, sample.expected) == []


def test_the_suite_sees_our_samples_even_where_it_stands_alone() -> None:
    assert len(JSON) >= 35
    assert len(XML) >= 13
    assert len(TEXT) >= 13
    assert len(CSV) == 14
    assert len(ANY) >= 12
    assert {s.path.name for _kind, s in CASES if s.refused} <= {*WORDS}


@pytest.mark.skipif(not samples.REAL, reason=samples.REAL_MISSING)
def test_only_the_converter_of_a_format_claims_its_files() -> None:
    which = json.loads((Path(samples.REAL) / "auto" / "which.json").read_text())
    for name, winner in which.items():
        data = (Path(samples.REAL) / name).read_bytes()
        for converter in (WatsJson(), WatsXml()):
            sure = converter.detect(Source.from_bytes(data, path=name))
            assert (sure >= 0.5) is (winner == converter.id), (name, converter.id, sure)


@pytest.mark.skipif(not samples.REAL, reason=samples.REAL_MISSING)
@pytest.mark.parametrize("name", ["uut-export.json", "uut-production.json", "uur-repair.json"])
def test_a_real_report_leaves_as_the_bytes_it_came_in(name: str) -> None:
    data = (Path(samples.REAL) / "wats-json" / name).read_bytes()
    assert convert_bytes(WatsJson(), data)[0].body == data


@pytest.mark.skipif(not samples.REAL, reason=samples.REAL_MISSING)
@pytest.mark.parametrize("name", ["uur-vendor.json", "uut-bare-minimum.json"])
def test_of_a_real_report_only_the_malformed_date_is_changed(name: str) -> None:
    data = (Path(samples.REAL) / "wats-json" / name).read_bytes()
    malformed = re.search(rb'"startUTC":\s*"([^"]+\.Z)"', data)
    assert malformed
    body = convert_bytes(WatsJson(), data)[0].body
    assert body == data.replace(malformed[1], malformed[1].replace(b".Z", b"Z"))


@pytest.mark.skipif(not samples.REAL, reason=samples.REAL_MISSING)
def test_one_report_in_two_formats_becomes_the_same_steps() -> None:
    folder = Path(samples.REAL)
    (left,) = convert_bytes(WatsJson(), (folder / "wats-json/uut-export.json").read_bytes())
    (right,) = convert_bytes(WatsXml(), (folder / "wats-xml/uut-export.xml").read_bytes())
    one, other = (_trimmed(json.loads(e.body)) for e in (left, right))
    assert one["root"] == other["root"]
    assert one["uut"] == other["uut"]
    assert one["subUnits"] == other["subUnits"]


def _trimmed(value: Any) -> Any:
    """Without members that say nothing: null, empty; the loop's nulls, too."""
    if isinstance(value, dict):
        return {k: _trimmed(v) for k, v in value.items() if v not in (None, "", [])}
    return [_trimmed(item) for item in value] if isinstance(value, list) else value


FACTS = {
    "sn": "other",
    "result": "F",
    "operator": "other",
    "start": "2026-03-02T08:15:30.250+02:00",
    "id": "c5f25ac2-4741-58ee-9ac3-9d832f5e6271",
    "root": ["other", "P"],
    "subUnits": [["a", "b", "c", "d"]],
    "miscInfos": [["a", "b"]],
    "failures": [["a"] * 6],
    "execTime": 1,
    "uur": {"processCode": 1},
    "step_count": 2,
    "measurement_count": 0,
}


@pytest.mark.parametrize("key", FACTS)
def test_the_check_sees_a_wrong_fact(key: str) -> None:
    sample = next(s for s in JSON if s.path.name == "minimal.json")
    reports = outcome(WatsJson(), sample)
    assert isinstance(reports, list)
    wrong = deepcopy(dict(sample.expected))
    wrong["reports"][0][key] = FACTS[key]
    assert len(disagreements(reports, wrong)) == 1


@pytest.mark.parametrize(
    "row",
    [
        [["other"], "ET_NLT", "P"],
        [["3V3 rail"], "ET_SVT", "P"],
        [["3V3 rail"], "ET_NLT", "F"],
        [["3V3 rail"], "ET_NLT", "P", {"value": 3.32}],
        [["3V3 rail"], "ET_NLT", "P", {"compOp": "GE"}],
        [["3V3 rail"], "ET_NLT", "P", {"value": 3.31}, "+1"],
        [["3V3 rail"], "ET_NLT", "P", {"value": 3.31}, {"value": 3.31}],
    ],
)
def test_the_check_sees_a_wrong_step(row: list[Any]) -> None:
    sample = next(s for s in JSON if s.path.name == "minimal.json")
    reports = outcome(WatsJson(), sample)
    assert isinstance(reports, list)
    wrong = deepcopy(dict(sample.expected))
    wrong["reports"][0]["steps"] = [row]
    assert len(disagreements(reports, wrong)) == 1
    assert len(disagreements(reports, {"reports": []})) == 1


STRANGERS = {
    **dict.fromkeys(
        ("teststand-plain.xml", "teststand-reports.xml", "teststand-wats.xml"), "teststand-xml"
    ),
    **{"sigmaquest.xml": "sigmaquest", "saki-aoi.xml": "saki-aoi"},
    **{"soundcheck.txt": "soundcheck", "takaya.ATD": "takaya", "xml-example.xml": None},
}
"""Files that no converter of pyWATS is for, and which of ours is."""
THIRTEEN = [name for name in STANDARD if name not in {*STRANGERS.values(), "auto"}]


@pytest.mark.skipif(not samples.REAL, reason=samples.REAL_MISSING)
@pytest.mark.parametrize("name", THIRTEEN)
def test_a_file_of_another_format_is_refused_by_whoever_is_named(name: str) -> None:
    assert len(THIRTEEN) == 12  # and auto
    strangers = [sample for sample in samples.samples("other") if sample.path.name in STRANGERS]
    assert len(strangers) == len(STRANGERS)
    for sample in strangers:
        result = outcome(standard(name), sample)
        assert isinstance(result, Reject), (name, sample.name)
        assert result.why


@pytest.mark.skipif(not samples.REAL, reason=samples.REAL_MISSING)
@pytest.mark.parametrize("name", STRANGERS)
def test_a_file_of_another_format_is_converted_by_its_own_and_by_auto(name: str) -> None:
    (sample,) = (one for one in samples.samples("other") if one.path.name == name)
    found = outcome(Auto(), sample)
    if (own := STRANGERS[name]) is None:
        assert isinstance(found, Reject)
        return
    assert not isinstance(found, Reject)
    assert found == outcome(standard(own), sample)
    facts = sample.expected["facts"]
    if str(facts.get("sn", "")).startswith("first "):
        facts = {**facts, "sn": facts["sn"].removeprefix("first ")}
    assert disagreements(found[:1], {"reports": [facts]}) == []

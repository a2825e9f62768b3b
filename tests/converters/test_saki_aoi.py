"""Saki's XML: samples, a second reading of them, and what they do not show."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywats_trio.converters.api import Reject, Source
from pywats_trio.converters.standard.saki_aoi.converter import SakiAoi
from pywats_trio.reports.model import InvalidReport
from tests import samples
from tests.converters.readings import saki_aoi as reading
from tests.samples import OURS, REAL, Sample, convert_bytes, disagreements, outcome

SAMPLES = [*samples.samples("saki-aoi")]
FILES = [
    (OURS / "saki-aoi" / "panel.xml", False),
    (OURS / "saki-aoi" / "boards.xml", True),
    *([(Path(REAL) / "other" / "saki-aoi.xml", False)] if REAL else []),
]


def panel(images: str = "", *, attributes: str = "", program: str = "") -> bytes:
    given = {
        **{"barcode": "P-1", "result": "passed", "startDate": "03/14/2026"},
        "startTime": "14:05:09",
    }
    for word in attributes.split():
        name, _, value = word.partition("=")
        given[name] = value.replace("_", " ")
    text = " ".join(f"{name}={quoteattr(value)}" for name, value in given.items())
    return (
        f'<Panel {text}><Program name="Prog" ver="2">{program}</Program>{images}</Panel>'.encode()
    )


def image(number: int, results: str = "", *, barcode: str = "N/A", result: str = "passed") -> str:
    return (
        f'<Image barcode="{barcode}" id="{number}" result="{result}">'
        f"<Results>{results}</Results></Image>"
    )


def converted(data: bytes, **arguments: Any) -> list[dict[str, Any]]:
    reports = convert_bytes(SakiAoi(), data, arguments=arguments)
    return [json.loads(report.body) for report in reports]


def findings(data: bytes, **arguments: Any) -> list[str]:
    (encoded,) = convert_bytes(SakiAoi(), data, arguments=arguments)
    return [finding.message for finding in encoded.findings]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_a_sample_ends_as_expected(sample: Sample) -> None:
    result = outcome(SakiAoi(), sample)
    if isinstance(result, Reject):
        assert sample.refused, result.why
        assert "line" in result.why
    else:
        assert disagreements(result, sample.expected) == []
    assert SakiAoi().detect(sample.source(SakiAoi())) >= 0.9


@pytest.mark.parametrize(("path", "day_first"), FILES, ids=lambda value: getattr(value, "name", ""))
def test_a_second_reading_sees_the_same(path: Path, day_first: bool) -> None:
    facts = reading.facts(path.read_text(), day_first=day_first)
    assert sum(len(report["steps"]) for report in facts["reports"]) >= 7
    arguments = {"date_format": "%d/%m/%Y"} if day_first else {}
    assert disagreements(converted(path.read_bytes(), **arguments), facts) == []


@pytest.mark.skipif(not REAL, reason=samples.REAL_MISSING)
def test_the_real_panel_shows_its_pinned_facts() -> None:
    path = Path(REAL) / "other" / "saki-aoi.xml"
    pinned = json.loads(path.with_name(path.name + ".expected.json").read_text())["facts"]
    (body,) = converted(path.read_bytes())
    assert {key: body[key] for key in pinned} == pinned
    assert SakiAoi().detect(Source.from_bytes(path.read_bytes())) >= 0.9


def test_what_a_component_says_is_in_the_text_of_its_step() -> None:
    defect = '<Defect code="12">no solder</Defect>'
    component = f'<Reference designator="R1" package="R0402">{defect}</Reference>'
    (body,) = converted(panel(image(1, f"<Failed>{component}</Failed>", result="failed")))
    (step,) = body["root"]["steps"][0]["steps"][0]["steps"]
    assert step["reportText"] == "package: R0402\nDefect: code: 12, no solder"
    assert (step["name"], step["status"], step["stepType"]) == ("R1", "F", "ET_PFT")


def test_what_a_panel_says_is_in_the_report() -> None:
    data = panel(image(1), attributes="side=BOTTOM endDate=03/14/2026 endTime=14:06:09 line=4")
    (body,) = converted(data, part_number="PN-9", timezone="Europe/Oslo", process_code=30)
    assert (body["pn"], body["processCode"], body["uut"]["execTime"]) == ("PN-9", 30, 60.0)
    assert body["start"] == "2026-03-14T14:05:09+01:00"
    assert body["root"]["seqCall"] == {"path": "", "name": "Prog", "version": "2"}
    assert body["miscInfos"] == [
        {"description": "Side", "text": "BOTTOM"},
        {"description": "line", "text": "4"},
    ]


@pytest.mark.parametrize(
    ("side", "arguments", "part"),
    [
        ("PN1", {}, "PN1"),
        ("PN1", {"part_number": "PN-9"}, "PN-9"),
        ("Top", {"part_number": "PN-9"}, "PN-9"),
        ("Top", {}, "UNKNOWN"),
        ("", {}, "UNKNOWN"),
    ],
)
def test_a_side_is_a_part_number_only_where_it_can_be_one(
    side: str, arguments: dict[str, str], part: str
) -> None:
    data = panel(image(1), attributes=f"side={side}")
    (body,) = converted(data, **arguments)
    assert body["pn"] == part
    assumed = 'the side "PN1" is taken as the part number; set the argument part_number'
    assert (assumed in findings(data, **arguments)) is (part == "PN1")


def test_boards_without_a_barcode_of_their_own_are_the_panels() -> None:
    images = [image(n, barcode=b) for n, b in enumerate(["A", "", "B", "n/a", "A", "P-1"], 1)]
    bodies = converted(panel("".join(images)))
    assert [(b["sn"], [s["name"] for s in b["root"]["steps"]]) for b in bodies] == [
        ("A", ["Image 1", "Image 5"]),
        ("P-1", ["Image 2", "Image 4", "Image 6"]),
        ("B", ["Image 3"]),
    ]
    assert [b["miscInfos"] for b in bodies] == [
        [{"description": "Panel barcode", "text": "P-1"}],
        [],
        [{"description": "Panel barcode", "text": "P-1"}],
    ]


def test_an_image_without_an_id_is_called_by_its_number() -> None:
    bare = '<Image result="passed"/>'
    (body,) = converted(panel(image(7) + bare))
    assert [step["name"] for step in body["root"]["steps"]] == ["Image 7", "Image 2"]


@pytest.mark.parametrize(
    ("panel_result", "own", "images", "result"),
    [
        ("passed", "", ["failed"], "P"),
        ("failed", "", ["passed"], "F"),
        ("NG", "", ["OK"], "F"),
        ("", "", ["passed", "failed"], "F"),
        ("", "", [], "P"),
        ("done", "", ["failed"], "F"),
        ("skipped", "", ["passed"], "T"),
        ("", "", ["skipped", "badmark"], "T"),
        ("passed", "", ["passed", "skipped"], "P"),
        ("failed", "B", ["failed"], "F"),
        ("failed", "B", ["passed", "failed"], "PF"),
        ("passed", "B", ["skipped", "passed"], "TP"),
    ],
)
def test_a_result_is_the_panels_where_the_report_is_about_all_of_it(
    panel_result: str, own: str, images: list[str], result: str
) -> None:
    parts = [
        image(number, barcode=own and f"{own}-{number}", result=word)
        for number, word in enumerate(images, 1)
    ]
    bodies = converted(panel("".join(parts), attributes=f"result={panel_result}"))
    assert "".join(body["result"] for body in bodies) == result


def test_a_panel_without_images_has_a_report() -> None:
    (body,) = converted(panel())
    assert (body["sn"], body["result"], body["root"]["steps"]) == ("P-1", "P", [])


@pytest.mark.parametrize(
    ("date", "time", "date_format", "start"),
    [
        ("01/10/2024", "08:59:14", "", "2024-01-10T08:59:14"),
        ("01/10/2024", "08:59:14", "%d/%m/%Y", "2024-10-01T08:59:14"),
        ("2024/10/01", "08:59:14", "", "2024-10-01T08:59:14"),
        ("2024-10-1", "08:59:14.250", "", "2024-10-01T08:59:14.250000"),
        ("10/31/2024", "01:02:03_PM", "", "2024-10-31T13:02:03"),
    ],
)
def test_dates_are_read_month_first_unless_they_say_otherwise(
    date: str, time: str, date_format: str, start: str
) -> None:
    data = panel(attributes=f"startDate={date} startTime={time}")
    (body,) = converted(data, date_format=date_format, timezone="UTC")
    assert body["start"] == f"{start}+00:00"


@pytest.mark.parametrize(
    ("date", "date_format", "said"),
    [
        ("01/10/2024", "", True),
        ("1/10/2024", "", True),
        ("10/10/2024", "", False),
        ("10/31/2024", "", False),
        ("2024/10/01", "", False),
        ("01/10/2024", "%m/%d/%Y", False),
    ],
)
def test_an_ambiguous_date_is_a_finding(date: str, date_format: str, said: bool) -> None:
    messages = findings(panel(attributes=f"startDate={date}"), date_format=date_format)
    message = f'startDate "{date}" is read month first; set the argument date_format'
    assert (message in messages) is said


def test_what_has_no_place_is_found() -> None:
    results = "<Odd><Reference package='x'/></Odd><Failed/>"
    data = panel(
        f"{image(1, results)}<Extra/>".replace("</Image>", "<Map/></Image>"), program="<X/>"
    )
    messages = findings(data)
    for message in (
        "Odd (line 1) is no known verdict: what is in it is done",
        "Reference (line 1) has no designator",
        "Map (line 1) is unknown and is not sent",
        "Extra (line 1) is unknown and is not sent",
        "X (line 1) is unknown and is not sent",
    ):
        assert message in messages
    (body,) = converted(data)
    (odd,) = body["root"]["steps"][0]["steps"]
    assert [(s["name"], s["status"], s["stepType"]) for s in odd["steps"]] == [
        ("Reference", "D", "Action")
    ]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"<Panels/>", 'the root element "Panels" is not "Panel" (line 1)'),
        (panel(attributes="barcode=NoRead"), "Panel (line 1) has no serial number"),
        (panel(image(1), attributes="barcode="), "Image (line 1) has no serial number"),
        (panel(attributes="startDate= startTime="), "the Panel has no startDate (line 1)"),
        (
            panel(image(1), attributes="startTime="),
            'Panel (line 1): startDate "03/14/2026" is no time, MM/DD/YYYY hh:mm:ss',
        ),
        (panel(attributes="startDate=14/03/2026"), '"14/03/2026 14:05:09" is no time'),
        (panel(attributes="result=great"), 'the result "great" of Panel is unknown (line 1)'),
        (panel(image(1, result="x")), 'the result "x" of Image is unknown (line 1)'),
    ],
)
def test_a_refusal_says_where(data: bytes, why: str) -> None:
    with pytest.raises(Reject) as raised:
        convert_bytes(SakiAoi(), data)
    assert why in raised.value.why


def test_a_date_that_cannot_be_read_month_first_names_the_argument() -> None:
    with pytest.raises(Reject) as raised:
        convert_bytes(SakiAoi(), panel(attributes="startDate=14/03/2026"))
    assert raised.value.hint == "Set the argument date_format, such as %d/%m/%Y."


@pytest.mark.parametrize(
    ("data", "sure"),
    [
        (panel(image(1)), 0.95),
        (panel(), 0.7),
        (b"<Panel barcode='1'><Image/>", 0.7),
        (b"<Panel barcode='1'/>", 0.45),
        (b"<Panel><Image/></Panel>", 0.0),
        (b"<Board barcode='1'/>", 0.0),
        (b"no XML", 0.0),
        (b"", 0.0),
    ],
)
def test_it_is_as_sure_as_the_file_is_clear(data: bytes, sure: float) -> None:
    assert SakiAoi().detect(Source.from_bytes(data)) == pytest.approx(sure)


@pytest.mark.skipif(not REAL, reason=samples.REAL_MISSING)
def test_no_file_of_another_format_is_claimed() -> None:
    for path in Path(REAL).rglob("*"):
        if path.is_file() and path.name != "saki-aoi.xml":
            assert SakiAoi().detect(Source.from_bytes(path.read_bytes())) == 0.0, path


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn", "Co", "Z"]), min_size=1)


@given(st.lists(st.tuples(NAMES, NAMES), min_size=1, max_size=5))
def test_no_component_is_lost(components: list[tuple[str, str]]) -> None:
    failed = "".join(
        f"<Reference designator={quoteattr(name)} note={quoteattr(note)}/>"
        for name, note in components
    )
    (body,) = converted(panel(image(1, f"<Failed>{failed}</Failed>")))
    steps = body["root"]["steps"][0]["steps"][0]["steps"]
    assert [(step["name"], step["reportText"]) for step in steps] == [
        (name, f"note: {note}") for name, note in components
    ]


SOUND = (OURS / "saki-aoi" / "boards.xml").read_bytes()


@given(st.integers(0, len(SOUND)), st.integers(0, 30), st.binary(max_size=6))
def test_a_damaged_file_is_converted_or_rejected(at: int, cut: int, added: bytes) -> None:
    data = SOUND[:at] + added + SOUND[at + cut :]
    assert 0.0 <= SakiAoi().detect(Source.from_bytes(data)) <= 1.0
    with suppress(Reject, InvalidReport):
        convert_bytes(SakiAoi(), data)

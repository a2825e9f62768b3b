"""Nobody claims a file of another format, and the page of the converters is what they are."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from pywats_trio.converters.api import Reject, Source
from pywats_trio.converters.registry import AUTO, STANDARD
from pywats_trio.converters.standard.csv.converter import Csv
from tests import pages, samples
from tests.converters import confusion, examples, handwritten, reference
from tests.converters.confusion import Row
from tests.samples import Sample

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = pages.ROOT / "docs" / "reference" / "converters.md"
FORMATS = sorted(handwritten.FOLDER.glob("*.md"))
EVERYTHING = [*confusion.everything()]
SAMPLE = next(s for s in EVERYTHING if s.name == "wats-json/minimal.json")


# Who claims what


@pytest.mark.parametrize("sample", EVERYTHING, ids=lambda sample: sample.name)
def test_only_its_own_converter_claims_a_sample(sample: Sample) -> None:
    (row,) = confusion.matrix([sample])
    assert row.wrong == ""


def test_every_converter_has_a_sample_that_it_claims() -> None:
    rows = confusion.matrix(confusion.ours())
    good = {row.owner for row in rows if not row.sample.refused}
    assert good == {*confusion.CONVERTERS}
    assert len(rows) >= 130
    assert sum(row.owner is None for row in rows) >= 6


@pytest.mark.skipif(not samples.REAL, reason=samples.REAL_MISSING)
def test_the_real_samples_are_asked_about_too() -> None:
    found = {sample.name: confusion.owner(sample) for sample in EVERYTHING}
    assert len(found) >= 170
    others = {name: owner for name, owner in found.items() if name.startswith("other/")}
    assert others == {
        "other/saki-aoi.xml": "saki-aoi",
        "other/sigmaquest.xml": "sigmaquest",
        "other/soundcheck.txt": "soundcheck",
        "other/takaya.ATD": "takaya",
        "other/teststand-plain.xml": "teststand-xml",
        "other/teststand-reports.xml": "teststand-xml",
        "other/teststand-wats.xml": "teststand-xml",
        "other/xml-example.xml": None,
    }


@pytest.mark.parametrize(
    ("owner", "refused", "sure", "right"),
    [
        ("csv", False, {"csv": 0.5}, True),
        ("csv", False, {"csv": 0.9, "spea": 0.49}, True),
        ("csv", False, {"csv": 0.49}, False),
        ("csv", False, {"csv": 0.9, "spea": 0.5}, False),
        ("csv", False, {"spea": 0.9}, False),
        ("csv", True, {}, True),
        ("csv", True, {"csv": 0.9}, True),
        ("csv", True, {"csv": 0.9, "spea": 0.5}, False),
        ("csv", True, {"spea": 0.5}, False),
        (None, True, {"spea": 0.49}, True),
        (None, True, {"spea": 0.5}, False),
        (None, False, {"spea": 0.5}, False),
    ],
)
def test_the_check_sees_who_is_wrong(
    owner: str | None, refused: bool, sure: dict[str, float], right: bool
) -> None:
    certainties = dict.fromkeys(confusion.CONVERTERS, 0.0) | sure
    sample = Sample(SAMPLE.path, {"refused": refused})
    wrong = Row(sample, owner, certainties).wrong
    assert (wrong == "") is right
    assert all(name in wrong for name, one in sure.items() if one >= 0.5 and not right)


def test_one_that_cannot_look_into_a_file_is_not_sure(monkeypatch: pytest.MonkeyPatch) -> None:
    class Blind(Csv):
        def detect(self, source: Source) -> float:
            raise Reject("not text")

    monkeypatch.setattr(confusion, "standard", lambda _name: Blind())
    assert confusion.certainties(SAMPLE) == dict.fromkeys(confusion.CONVERTERS, 0.0)


# The page


def test_the_page_is_what_the_generator_makes() -> None:
    assert PAGE.read_text("utf-8") == reference.reference()


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A machine in another time zone."""
    monkeypatch.setenv("TZ", "XYZ+7:30")
    time.tzset()
    yield "XYZ+7:30"
    monkeypatch.undo()
    time.tzset()


def test_the_page_is_the_same_on_a_machine_elsewhere(elsewhere: str) -> None:
    assert PAGE.read_text("utf-8") == reference.reference()
    assert os.environ["TZ"] == elsewhere
    assert time.timezone == 7.5 * 3600


def test_every_converter_has_a_page_and_every_page_a_converter() -> None:
    assert {file.stem for file in FORMATS} == {*STANDARD}


@pytest.mark.parametrize("file", FORMATS, ids=lambda file: file.stem)
def test_a_page_says_what_the_reference_shows(file: Path) -> None:
    page = handwritten.page_of(file)
    assert page.title
    assert page.intro
    headings = [line for line in page.sections.splitlines() if line.startswith("#")]
    assert "## Known limits" in headings
    assert pages.fences(file) == 0
    if file.stem != AUTO:
        assert any(line.endswith("# Mapping") for line in headings)
        sample = next(s for s in confusion.ours() if s.name == f"{file.stem}/{page.example}")
        assert not sample.refused


def test_the_sections_of_the_page_are_those_that_its_links_lead_to() -> None:
    text = PAGE.read_text("utf-8")
    headings = [line[3:] for line in text.splitlines() if line.startswith("## ")]
    plain = ["".join(c for c in h.lower() if c.isalnum() or c in " -") for h in headings]
    anchors = {heading.replace(" ", "-") for heading in plain}
    assert set(handwritten.ANCHOR.findall(text)) <= anchors
    assert len(headings) == len(STANDARD) + 2


@pytest.mark.parametrize(
    ("written", "here"),
    [
        ("[a](../csv.md)", "[a](csv.md)"),
        ("[a](../csv.md#columns)", "[a](csv.md#columns)"),
        ("[a](spea.md)", "[a](formats/spea.md)"),
        ("[a](../../how-to/embed.md)", "[a](../how-to/embed.md)"),
        ("[a](https://example.com/b)", "[a](https://example.com/b)"),
        ("[a](#mapping)", "[a](#mapping)"),
        ("## A\n\n### B", "### A\n\n#### B"),
        ("a ## b", "a ## b"),
    ],
)
def test_text_of_a_page_is_moved_with_its_links(written: str, here: str) -> None:
    assert handwritten.moved(written) == here


@pytest.mark.parametrize("text", ["", "seica-xml: x\n", "# Seica\n", "# spea: x\n\ny\n"])
def test_a_page_that_does_not_name_its_converter_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "seica-xml.md"
    file.write_text(text)
    with pytest.raises(ValueError, match=r"seica-xml\.md does not begin with '# seica-xml: "):
        handwritten.page_of(file)


def test_short_files_leave_their_lines_to_long_ones() -> None:
    files = {"long": b"a\n" * 90, "b": b"b\n", "c": b"c\nc\n"}
    found = examples.beginnings({name: Source.from_bytes(files[name]) for name in files})
    assert list(found) == ["long", "b", "c"]
    assert (found["b"], found["c"]) == (["b"], ["c", "c"])
    assert len(found["long"]) == examples.MOST_IN - 3
    assert found["long"][-2:] == ["a", f"… {90 - examples.MOST_IN + 4} more lines"]

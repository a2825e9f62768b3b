"""The converter that asks the others: who wins, what it is given, and who is not even loaded."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywats_trio.converters import registry
from pywats_trio.converters.api import Context, Converter, Reject, Source, Station
from pywats_trio.converters.arguments import ArgumentError, bind, mistakes
from pywats_trio.converters.registry import FORMATS, SURE_ENOUGH
from pywats_trio.converters.standard import auto
from pywats_trio.converters.standard.auto import Auto, certainties
from tests import samples
from tests.reports.examples import as_bytes, uut

FOLDER = Path(samples.REAL) if samples.REAL else samples.OURS
WHICH = {
    **json.loads((FOLDER / "auto" / "which.json").read_text("utf-8")),
    # Strangers to the converters of pyWATS, but not to ours.
    **{f"other/teststand-{name}.xml": "teststand-xml" for name in ("plain", "reports", "wats")},
    "other/saki-aoi.xml": "saki-aoi",
    "other/sigmaquest.xml": "sigmaquest",
    "other/soundcheck.txt": "soundcheck",
    "other/takaya.ATD": "takaya",
}
TEXT = (samples.OURS / "wats-text" / "two-units.txt").read_bytes()


def converted(data: bytes, **arguments: Any) -> list[dict[str, Any]]:
    context = Context(
        bind(Auto.arguments, arguments), Station("ST"), logging.getLogger("test.auto"), Path()
    )
    reports = Auto().convert(Source.from_bytes(data), context)
    return [report.as_dict() for report in reports]


def of_certainty(name: str, certainty: float) -> type[Converter]:
    class Sure(Converter):
        id = name

        def detect(self, source: Source) -> float:
            del source
            return certainty

        def convert(self, source: Source, context: Context) -> list[Any]:
            del source, context
            raise Reject(f"it was {name}")

    return Sure


@pytest.fixture
def sure(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """How sure each converter is, for a test to say; those that it leaves out are not."""
    found: dict[str, float] = {}
    monkeypatch.setattr(auto, "standard", lambda name: of_certainty(name, found.get(name, 0.0))())
    return found


# Who wins


def test_of_every_sample_the_right_converter_is_surest_and_else_none_is_sure() -> None:
    known = {name: winner for name, winner in WHICH.items() if (FOLDER / name).is_file()}
    assert len(known) >= 30
    for name, winner in known.items():
        source = Source.from_bytes((FOLDER / name).read_bytes(), path=name)
        found = certainties(source)
        claimed = [one for one in FORMATS if found[one] >= SURE_ENOUGH]
        best = max(found, key=lambda one: found[one]) if claimed else None
        assert best == (winner if winner in FORMATS else None), (name, found)
        assert Auto().detect(source) == max(found.values())


@pytest.mark.skipif(not samples.REAL, reason=samples.REAL_MISSING)
def test_every_sample_is_there() -> None:
    assert all((FOLDER / name).is_file() for name in WHICH)


@pytest.mark.parametrize(
    ("order", "winner"),
    [(FORMATS, FORMATS[0]), (FORMATS[::-1], FORMATS[-1]), (FORMATS[1:2], FORMATS[1])],
)
def test_of_equally_sure_ones_the_first_in_the_list_wins(
    sure: dict[str, float], order: tuple[str, ...], winner: str
) -> None:
    sure.update(dict.fromkeys(FORMATS, 0.7))
    with pytest.raises(Reject, match=f"it was {winner}"):
        converted(b"x", converters=list(order))


def test_a_surer_one_wins_wherever_it_stands(sure: dict[str, float]) -> None:
    sure |= {FORMATS[0]: 0.7, FORMATS[-1]: 0.71}
    with pytest.raises(Reject, match=f"it was {FORMATS[-1]}"):
        converted(b"x")


@pytest.mark.parametrize(
    ("certainty", "why"),
    [
        (0.5, "it was csv"),
        (0.49, "knows this format; the surest is csv with 0.49, 0.50 are needed"),
        (0.0, "knows this format$"),
    ],
)
def test_one_must_be_sure_enough(sure: dict[str, float], certainty: float, why: str) -> None:
    sure["csv"] = certainty
    with pytest.raises(Reject, match=why):
        converted(b"x")


def test_one_that_cannot_look_into_a_file_is_not_sure(monkeypatch: pytest.MonkeyPatch) -> None:
    class Blind(of_certainty("csv", 1.0)):  # type: ignore[misc]  # a class made by a function
        def detect(self, source: Source) -> float:
            raise Reject("not text")

    monkeypatch.setattr(auto, "standard", lambda _name: Blind())
    assert Auto().detect(Source.from_bytes(b"x")) == 0.0


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\xef\xbb\xbf <a/>", "the file is XML"),
        (b'\n{"a": 1}', "the file is JSON"),
        (b"[1]", "the file is JSON"),
        (b"PK\x03\x04...", "the file is a zip archive"),
        (b"hello", "the file is of unknown content"),
    ],
)
def test_a_refusal_says_what_it_is_instead(data: bytes, kind: str) -> None:
    with pytest.raises(Reject, match=f"^{kind}: none of the converters") as caught:
        converted(data)
    assert "argument converters" in caught.value.hint


# What the chosen one is given


def test_the_log_names_the_one_that_converts(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "test.auto"):
        assert [report["sn"] for report in converted(TEXT)] == ["TX-0001", "TX-0002"]
    assert caplog.messages == ["wats-text converts it: the surest, with 0.98"]


def test_only_those_in_the_list_are_asked() -> None:
    assert converted(TEXT, converters=["wats-json", "wats-text"])
    with pytest.raises(Reject, match="none of the converters wats-json, wats-xml knows"):
        converted(TEXT, converters=["wats-json", "wats-xml"])


def test_each_format_has_a_table_of_its_arguments() -> None:
    text = TEXT.replace(b"3.31", b"3,31").replace(b"\t3.", b"\t3,").replace(b".5", b",5")
    with pytest.raises(Reject, match="decimal point is expected"):
        converted(text)
    text = text.replace(b"6.5", b"6,5")
    assert len(converted(text, **{"wats-text": {"decimal": ","}, "csv": {"decimal": "."}})) == 2


def test_a_process_code_is_for_every_format_and_a_table_comes_first() -> None:
    data = as_bytes(uut(processCode=...))
    text = TEXT.replace(b"OperationTypeCode\t10", b"OperationTypeCode\t")
    assert converted(data, process_code=20)[0]["processCode"] == 20
    assert converted(text, process_code=20)[0]["processCode"] == 20
    own = {"process_code": 20, "wats-json": {"process_code": 30}}
    assert converted(data, **own)[0]["processCode"] == 30
    assert converted(text, **own)[0]["processCode"] == 20
    repair = {"repair_process_code": 500}
    assert converted(text, **repair)[0]["processCode"] == 10  # it knows no such argument


@pytest.mark.parametrize(
    ("given", "key", "why"),
    [
        ({"converters": ["csvv"]}, "converters", "'converters' holds 'csvv'; it must be one of"),
        ({"converters": ["auto"]}, "converters", "holds 'auto'; it must be one of wats-json"),
        ({"converters": []}, "converters", "'converters' has 0 entries; at least 1"),
        ({"converters": "csv"}, "converters", "must be of type list, not str"),
        ({"csv": 1}, "csv", "must be of type dict, not int"),
        ({"cvs": {}}, "cvs", "unknown argument 'cvs'; did you mean 'csv'?"),
        ({"wats-text": {"decimal": ";"}}, "wats-text.decimal", "'decimal' is ';'; it must be one"),
        ({"wats-text": {"decmal": ","}}, "wats-text.decmal", "did you mean 'decimal'?"),
        ({"process_code": 40_000}, "process_code", "at most 32767"),
    ],
)
def test_wrong_arguments_are_named_before_a_file_comes(
    given: dict[str, Any], key: str, why: str
) -> None:
    found = mistakes(Auto.arguments, given)
    assert list(found) == [key]
    assert why in found[key]
    with pytest.raises(ArgumentError) as raised:
        bind(Auto.arguments, given)
    assert why in str(raised.value)


# What is loaded


def test_the_converters_of_a_list_are_loaded_and_no_other() -> None:
    code = (
        "import logging, sys; from pathlib import Path\n"
        "from pywats_trio.converters.api import *\n"
        "from pywats_trio.converters.arguments import bind\n"
        "from pywats_trio.converters.standard.auto import Auto\n"
        "given = bind(Auto.arguments, {'converters': ['wats-text'], 'wats-text': {}})\n"
        "context = Context(given, Station(), logging.getLogger(), Path())\n"
        "list(Auto().convert(Source.from_bytes(sys.stdin.buffer.read()), context))\n"
        "print([m for m in sys.modules if m.partition('.')[0] in ('lxml', 'csv', 'trio')])\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], input=TEXT, check=True, capture_output=True
    )
    assert found.stdout == b"[]\n"


def test_the_table_of_the_registry_is_the_only_one() -> None:
    assert {*FORMATS, registry.AUTO} == registry.FILE_TYPES
    assert set(FORMATS) < set(Auto.arguments)
    assert all(auto.standard(name).id == name for name in FORMATS)


@given(st.binary(max_size=80))
def test_any_bytes_are_converted_or_rejected(data: bytes) -> None:
    assert 0.0 <= Auto().detect(Source.from_bytes(data)) <= 1.0
    with suppress(Reject):
        converted(data)


@pytest.mark.parametrize(
    ("data", "hint"),
    [
        (b"hello", "Give its folder a converter of its own"),
        (
            b"Cfg_SerialNumber=S\nCfg_DutStartTime=2026-1-5\nCtrl_OverallVerdict=1\n",
            "It looks like the header of klippel, which takes a file with its folder: name it.",
        ),
    ],
)
def test_a_refusal_says_what_to_do(data: bytes, hint: str) -> None:
    with pytest.raises(Reject) as raised:
        converted(data)
    assert raised.value.hint.startswith(hint)

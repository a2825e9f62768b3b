"""The inputs of `benchmarks.converters` are what they claim to be, and it measures what it says."""

from __future__ import annotations

import importlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.converters import ours, parsing
from benchmarks.converters.catalogue import INPUTS
from benchmarks.converters.contest import Best, Contest
from benchmarks.converters.inputs import Real, Work
from benchmarks.converters.shapes import Shape
from pywats_trio.converters.registry import AUTO, STANDARD, parse
from pywats_trio.testing.convert import convert
from tests import samples

if TYPE_CHECKING:
    from benchmarks.converters.inputs import Input

SIZE = 150_000
NOW = [one for one in INPUTS if one.type in STANDARD]
each = pytest.mark.parametrize("one", NOW, ids=lambda one: one.name)


def made(one: Input, folder: Path, size: int = SIZE) -> Work:
    folder.mkdir()
    return one.make(folder, size)


def files(folder: Path) -> dict[str, bytes]:
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def test_each_converter_has_an_input() -> None:
    assert {one.type for one in NOW} == set(STANDARD) - {AUTO}


def test_names_are_unique() -> None:
    assert len({one.name for one in INPUTS}) == len(INPUTS)


@each
def test_an_input_converts_to_the_reports_that_it_should(one: Input, tmp_path: Path) -> None:
    work = made(one, tmp_path / "in")
    [job] = work.jobs
    assert SIZE * 0.7 < work.size < SIZE * 1.4
    assert ours.converter(one.type)(Path(job.path), job.arguments) == work.reports


@each
def test_the_units_of_an_input_have_serial_numbers_of_their_own(one: Input, tmp_path: Path) -> None:
    work = made(one, tmp_path / "in")
    spec = parse(one.type)
    kind = getattr(importlib.import_module(spec.module), spec.attribute)
    [job] = work.jobs
    reports = convert(Path(job.path), kind, **job.arguments)
    assert work.reports == len({report["sn"] for report in reports})
    assert all(len(json.dumps(report)) > 2000 for report in reports)


@each
def test_an_input_has_the_same_bytes_each_time(one: Input, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    made(one, first)
    made(one, second)
    assert files(first) == files(second)


@each
def test_a_larger_input_has_more_reports_or_a_larger_one(one: Input, tmp_path: Path) -> None:
    small = made(one, tmp_path / "small")
    large = made(one, tmp_path / "large", 3 * SIZE)
    assert 2 * small.size < large.size < 4 * small.size
    if one.shape.alone:
        assert small.reports == large.reports == 1
    else:
        assert large.reports > small.reports


@each
def test_its_parsers_read_it(one: Input, tmp_path: Path) -> None:
    work = made(one, tmp_path / "in")
    for kind in parsing.PARSERS[one.parser]:
        if kind != "lxml" or importlib.util.find_spec("lxml"):
            do = parsing.parser(kind, f"{one.parser}/{one.encoding}")
            assert do(Path(work.jobs[0].path), {}) == 0


def test_a_shape_repeats_rows_in_a_unit_and_units_in_a_file() -> None:
    shape = Shape(("<", ">"), ("r", ";"), serials=("SN",), names=("r",), joint=",", before="(")
    assert "".join(shape.pieces("h<SN r ;>t", 8)) == "(h<SN000000 r000000 r000001 ;>t"
    assert "".join(shape.pieces("h<SN r ;>t", 1)) == "(h<SN000000 r000000 ;>t"


def test_a_unit_that_is_large_enough_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.converters.shapes.UNIT", 10)
    shape = Shape(("<", ">"), ("r", ";"), serials=("SN",), joint=",", tail="", after="!")
    assert "".join(shape.pieces("<SN rrrrrr;>", 22)) == "<SN000000 rrrrrr;,<SN000001 rrrrrr;!"


def test_a_count_goes_on_from_unit_to_unit() -> None:
    shape = Shape(("#", ""), ("#", ""), counted=r"(?<=#)\d{6}")
    assert "".join(shape.pieces("#000009", 14)) == "#000001#000002"


def test_the_last_part_of_a_uuid_is_replaced() -> None:
    identity = "0fa2bf2b-d1a8-5465-bc01-7afd783a8e72"
    shape = Shape(("<", ""), ("<", ""), serials=(identity,))
    expected = "<0fa2bf2b-d1a8-5465-bc01-000000000000"
    assert "".join(shape.pieces(f"<{identity}", 1)) == expected


@pytest.mark.skipif(not samples.REAL, reason=samples.REAL_MISSING)
def test_real_samples_are_counted() -> None:
    spea = next(one for one in NOW if one.type == "spea")
    real = Real("real", "spea", "", spea.shape, spea.parser)
    work = real.make(Path(), 1)
    do = ours.converter("spea")
    found = sum(do(Path(job.path), job.arguments) for job in work.jobs)
    assert found * work.times == work.reports > 0


def a_contest(reports: int) -> Contest:
    spea = next(one for one in NOW if one.name == "spea")
    contest = Contest(spea, Work((), 4_000_000, reports), sys.executable)
    contest.results["ours"] = [Best(2.0, 3, 10.0, 14.0), Best(1.0, 3, 10.0, 15.0)]
    contest.results["split"] = [Best(0.1, 0, 10.0, 12.0)]
    contest.failed["pywats"] = "RuntimeError: no"
    return contest


def test_the_best_run_counts_and_ratios_are_to_the_parser() -> None:
    assert a_contest(3).line() == (
        "| spea | 4.0 MB, 3 reports | 4 · 5 | split 40 · 2 | 0.10 | fails: RuntimeError: no |"
    )


def test_a_wrong_number_of_reports_is_told() -> None:
    assert "WRONG: 3 of 4 reports" in a_contest(4).line()
    assert "WRONG: 3 of 4 reports" in a_contest(4).rows()[0].remark


def run(*arguments: str) -> dict[str, Any]:
    path = Path(arguments[-1])
    command = [sys.executable, "-m", "benchmarks.converters", *arguments]
    subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return dict(json.loads(path.read_text("utf-8")))


def test_it_runs(tmp_path: Path) -> None:
    told = run("--only", "takaya", "--size", "0.1", "--rounds", "1", "--json", f"{tmp_path}/j")
    shown = next(one for one in told["formats"] if one["name"] == "takaya")
    assert shown["failed"] == {}
    assert shown["runs"]["ours"][0]["reports"] == shown["reports"]
    assert all(one["peak_mb"] >= one["start_mb"] > 0 for one in shown["runs"]["split"])


def test_a_big_file_goes_through_a_worker_into_the_store(tmp_path: Path) -> None:
    told = run("--big", "0.2", "--only", "csv", "--json", f"{tmp_path}/j")
    [rows] = told["questions"].values()
    shown = {row["name"].strip(): row for row in rows}
    assert shown["reports"]["value"] == 3
    assert "WRONG" not in shown["reports"]["remark"]
    assert 0 < shown["memory of the worker, most"]["value"] < 512

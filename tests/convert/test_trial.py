"""One file tried out, as `converters test` does it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pywats_trio.config.options import WorkerOptions
from pywats_trio.convert import trial
from pywats_trio.converters.api import Station
from pywats_trio.errors import ConfigError, NotFoundError
from tests.convert.kit import type_of
from tests.convert.test_job import SAMPLE

if TYPE_CHECKING:
    from pathlib import Path

OPTIONS = WorkerOptions(timeout_seconds=1.0)


async def test_a_file_that_converts_shows_its_reports(good: Path) -> None:
    found = await trial.test_file(
        good,
        type_of("good:Good"),
        OPTIONS,
        arguments={"prefix": "X-"},
        station=Station("S1"),
    )
    (report,) = found.reports
    assert report.serial_number == "X-good"
    assert json.loads(report.body)["machineName"] == "S1"
    assert report.findings
    assert found.seconds > 0
    assert found.peak_memory_bytes > 1 << 20


async def test_without_a_type_the_surest_converter_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "report.dat"
    path.write_text(SAMPLE)
    found = await trial.test_file(path, None, OPTIONS)
    assert found.converter == "wats-json"


async def test_a_file_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("hello")
    with pytest.raises(trial.Refused, match="none of the converters wats-json"):
        await trial.test_file(path, None, OPTIONS)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Rejects", "line 3: no serial number"),
        ("AsksForRetry", "the other half is not there yet"),
        ("Stumbles", "the converter failed: ValueError"),
        ("Exits", "exit code 7"),
    ],
)
async def test_a_refusal_says_why(name: str, why: str, bad: Path) -> None:
    with pytest.raises(trial.Refused) as raised:
        await trial.test_file(bad, type_of(name), OPTIONS)
    assert why in raised.value.why
    assert raised.value.converter == type_of(name)
    assert raised.value.exit_code == 22


async def test_evidence_comes_with_a_refusal(bad: Path) -> None:
    with pytest.raises(trial.Refused) as raised:
        await trial.test_file(bad, type_of("Exits"), OPTIONS)
    assert raised.value.evidence == "last words\n"
    with pytest.raises(trial.Refused) as raised:
        await trial.test_file(bad, type_of("Stumbles"), OPTIONS)
    assert "hostile.py" in raised.value.evidence


async def test_a_missing_file_is_not_found_and_an_empty_one_refused(tmp_path: Path) -> None:
    path = tmp_path / "unit.txt"
    with pytest.raises(NotFoundError, match=r"unit\.txt"):
        await trial.test_file(path, type_of("good:Good"), OPTIONS)
    path.touch()
    with pytest.raises(trial.Refused, match="the file is empty"):
        await trial.test_file(path, type_of("good:Good"), OPTIONS)


async def test_a_wrong_argument_is_a_configuration_error(good: Path) -> None:
    with pytest.raises(ConfigError, match="unknown argument"):
        await trial.test_file(good, type_of("good:Good"), OPTIONS, arguments={"x": 1})


async def test_a_converter_describes_itself() -> None:
    assert (await trial.describe("wats-json", OPTIONS)).id == "wats-json"
    with pytest.raises(ConfigError, match="a_module_that_does_not_exist"):
        await trial.describe(type_of("fails_at_import:Any"), OPTIONS)

"""One file tried out, as `converters test` does it."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from pywats_trio.config.options import WorkerOptions
from pywats_trio.convert import trial
from pywats_trio.convert.said import Description, Log
from pywats_trio.convert.trial import Attempt, CannotUse
from pywats_trio.converters.api import Station
from pywats_trio.converters.registry import STANDARD, parse
from pywats_trio.errors import ConfigError, NotFoundError
from pywats_trio.model import content
from tests.convert.kit import HOSTILE, type_of
from tests.convert.test_job import SAMPLE

if TYPE_CHECKING:
    from pathlib import Path

    from pywats_trio.convert.said import Progress
    from pywats_trio.convert.trial import Bench, Trial

OPTIONS = WorkerOptions(timeout_seconds=1.0)


async def tried(path: Path, type_: str | None, **more: Any) -> Trial:
    return await trial.try_file(Attempt(path, type_, **more), OPTIONS)


async def test_a_file_that_converts_shows_its_reports(good: Path) -> None:
    found = await tried(
        good, type_of("good:Good"), arguments={"prefix": "X-"}, station=Station("S1")
    )
    (report,) = found.reports
    assert report.serial_number == "X-good"
    assert json.loads(content(report.body))["machineName"] == "S1"
    assert report.findings
    assert found.seconds > 0
    assert found.peak_memory_bytes > 1 << 20


async def test_without_a_type_the_surest_converter_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "report.dat"
    path.write_text(SAMPLE)
    found = await tried(path, None)
    assert found.converter == "wats-json"


async def test_a_file_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("hello")
    with pytest.raises(trial.Refused, match="none of the converters wats-json"):
        await tried(path, None)


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
        await tried(bad, type_of(name))
    assert why in raised.value.why
    assert raised.value.converter == type_of(name)
    assert raised.value.exit_code == 22


async def test_evidence_comes_with_a_refusal(bad: Path) -> None:
    with pytest.raises(trial.Refused) as raised:
        await tried(bad, type_of("Exits"))
    assert raised.value.evidence == "last words\n"
    with pytest.raises(trial.Refused) as raised:
        await tried(bad, type_of("Stumbles"))
    assert "hostile.py" in raised.value.evidence


async def test_a_missing_file_is_not_found_and_an_empty_one_refused(tmp_path: Path) -> None:
    path = tmp_path / "unit.txt"
    with pytest.raises(NotFoundError, match=r"unit\.txt"):
        await tried(path, type_of("good:Good"))
    path.touch()
    with pytest.raises(trial.Refused, match="the file is empty"):
        await tried(path, type_of("good:Good"))


async def test_a_wrong_argument_is_a_configuration_error(good: Path) -> None:
    with pytest.raises(ConfigError, match="unknown argument"):
        await tried(good, type_of("good:Good"), arguments={"x": 1})


async def test_what_the_converter_logs_is_heard_from_the_level_that_is_asked_for(
    good: Path,
) -> None:
    write(good, "bad 2")
    for level, count in (("error", 0), ("info", 2)):
        heard: list[Log | Progress] = []
        await tried(good, type_of("Talks"), log_level=level, hear=heard.append)
        assert len([said for said in heard if isinstance(said, Log)]) == count


async def test_a_bench_tries_one_after_the_other_with_the_code_as_it_is_then(
    good: Path, tmp_path: Path
) -> None:
    code = tmp_path / "mine.py"
    source = read(HOSTILE / "good.py")
    standard = Attempt(tmp_path / "unit.json", "wats-json")
    write(standard.path, SAMPLE)

    async def work(bench: Bench) -> list[Trial]:
        found = []
        for prefix in ("one-", "two-"):
            write(code, source.replace('default="SN-"', f'default="{prefix}"'))
            found.append(await bench.convert(Attempt(good, f"{code}:Good")))
            found.append(await bench.convert(standard))
        return found

    one, sound, two, again = await trial.at_bench(OPTIONS, work)
    assert [made.reports[0].serial_number for made in (one, two)] == ["one-good", "two-good"]
    assert again.reports == sound.reports


def read(file: Path) -> str:
    return file.read_text()


def write(file: Path, text: str) -> None:
    file.write_text(text)


async def test_one_that_cannot_be_imported_brings_its_traceback(good: Path) -> None:
    with pytest.raises(CannotUse) as raised:
        await tried(good, type_of("fails_at_import:Any"))
    assert "fails_at_import.py" in raised.value.evidence
    assert raised.value.exit_code == 20


async def test_a_description_comes_with_what_is_wrong_with_arguments() -> None:
    told = await trial.describe(type_of("good:Good"), OPTIONS, {}, {"prefix": 1})
    assert [list(mistakes) for mistakes in told.mistakes] == [[], ["prefix"]]


async def test_a_converter_describes_itself() -> None:
    assert (await trial.describe("wats-json", OPTIONS)).id == "wats-json"
    with pytest.raises(ConfigError, match="a_module_that_does_not_exist"):
        await trial.describe(type_of("fails_at_import:Any"), OPTIONS)


async def asked(name: str, *arguments: dict[str, Any], seconds: float = 10) -> Description | str:
    question = trial.Question(parse(type_of(name)), arguments)
    [answer] = await trial.inquire([question], OPTIONS, seconds)
    return answer


async def test_a_converter_is_asked_about_each_set_of_arguments() -> None:
    answer = await asked("good:Good", {}, {"prefix": "X"}, {"prefix": 1, "prefx": "X"})
    assert isinstance(answer, Description)
    assert answer.mistakes == (
        {},
        {},
        {
            "prefix": "argument 'prefix' must be of type str, not int",
            "prefx": "unknown argument 'prefx'; did you mean 'prefix'?",
        },
    )


async def test_dates_of_the_configuration_are_asked_about_as_the_text_that_converters_get() -> None:
    answer = await asked("good:Good", {"prefix": date(2026, 3, 2)})
    assert isinstance(answer, Description)
    assert answer.mistakes == ({},)


async def test_one_that_cannot_be_asked_says_why_and_holds_up_nobody_else() -> None:
    names = ("fails_at_import:Any", "good:Good", "exits_at_import:Any")
    questions = [trial.Question(parse(type_of(name))) for name in names]
    failing, good, exiting = await trial.inquire(questions, OPTIONS, 10)
    assert isinstance(failing, str)
    assert "a_module_that_does_not_exist" in failing
    assert isinstance(good, Description)
    assert isinstance(exiting, str)
    assert "its process ended" in exiting


async def test_one_that_does_not_answer_is_ended_when_the_time_is_up() -> None:
    assert await asked("hangs_at_import:Any", seconds=0.5) == "it did not answer within 0.5 s"


async def test_arguments_that_fit_in_no_request_are_told() -> None:
    answer = await asked("good:Good", {"prefix": "x" * (1 << 20)})
    assert isinstance(answer, str)


async def test_nobody_is_asked_without_a_question() -> None:
    assert await trial.inquire([], OPTIONS, 0) == []


@pytest.mark.parametrize("type_", STANDARD)
async def test_no_standard_converter_needs_an_argument(type_: str) -> None:
    description = await trial.describe(type_, OPTIONS)
    assert not any(argument["required"] for argument in description.arguments.values())

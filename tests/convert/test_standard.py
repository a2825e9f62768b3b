"""Every sample through the real workers, as the service does it and as `converters test` does."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import uuid
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trio

from pywats_trio.config.options import Config, ConverterOptions, StationOptions, WorkerOptions
from pywats_trio.convert import trial
from pywats_trio.convert.job import ConversionJob
from pywats_trio.convert.pool import Pool
from pywats_trio.convert.said import Log
from pywats_trio.convert.trial import Attempt, Bench, Refused
from pywats_trio.converters.api import Station
from pywats_trio.converters.registry import AUTO as ASKS_OTHERS
from pywats_trio.converters.registry import FORMATS, STANDARD
from pywats_trio.errors import ConfigError
from pywats_trio.model import Converted, Failed, content
from tests import samples
from tests.convert.test_job import claim_of
from tests.samples import Sample, disagreements

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from pywats_trio.convert.said import Progress
    from pywats_trio.model import Outcome

OPTIONS = WorkerOptions()
STATION = Station("S1", "L1", "P1")
AUTO = samples.OURS / "auto"
FORMATS_OF_FILES = [name for name in FORMATS if (samples.OURS / name).is_dir()]
FOLDERS = (*FORMATS_OF_FILES, "auto", "hostile")
NO_SAMPLES = {"names.json", "which.json"}
"""What lies beside them and is no file to convert: a list of names, and who knows which sample."""
EVERY = [sample for folder in FOLDERS for sample in samples.samples(folder)]
TEXTS = [
    *samples.samples("wats-text"),
    *samples.samples("auto"),
    *samples.samples("hostile", ".txt"),
]

Ended = str | list[tuple[str, bytes]]
"""Why a file was refused, or id and bytes of its reports."""


def files(base: Path) -> Iterator[str]:
    for folder in FOLDERS:
        for path in (base / folder).glob("*"):
            if path.name not in NO_SAMPLES and not path.name.endswith((".expected.json", ".md")):
                yield f"{folder}/{path.name}"


def test_every_file_has_its_expectations() -> None:
    found = {*files(samples.OURS), *files(Path(samples.REAL or samples.OURS))}
    assert {sample.name for sample in EVERY} == found
    assert len(EVERY) == len(found) >= (98 if samples.REAL else 82)


def type_for(sample: Sample) -> str:
    """The converter that it is for, or where that is not built yet the one that knows nobody."""
    type_ = str(sample.expected["converter"])
    return type_ if type_ in STANDARD else ASKS_OTHERS


def line_for(sample: Sample, watch: Path) -> ConverterOptions:
    arguments = sample.arguments
    name = f"{type_for(sample)} with arguments" if arguments else type_for(sample)
    return ConverterOptions(name=name, type=type_for(sample), watch=watch, arguments=arguments)


def wrong_with(sample: Sample, ended: Ended) -> list[str]:
    """How a sample ends otherwise than expected."""
    if isinstance(ended, str):
        return [] if sample.refused or sample.either else [ended]
    if sample.refused:
        return ["converted, though it must be refused"]
    reports = [json.loads(body) for _id, body in ended]
    facts = {key: value for key, value in sample.expected.items() if key != "id"}
    return disagreements(reports, facts)


def derived_ids(sample: Sample, line: str, number: int) -> list[str]:
    """By the rule of contract promise 2."""
    namespace = uuid.uuid5(uuid.NAMESPACE_URL, "urn:pywats-trio:default")
    sha256 = hashlib.sha256(sample.path.read_bytes()).hexdigest()
    return [str(uuid.uuid5(namespace, f"{line}:{sha256}:{index}")) for index in range(number)]


async def tried(bench: Bench, sample: Sample, type_: str | None, name: str = "test") -> Ended:
    """As `converters test` does it."""
    attempt = Attempt(sample.path, type_, name, arguments=sample.arguments, station=STATION)
    try:
        found = await bench.convert(attempt)
    except Refused as refused:
        return refused.why
    return [(report.report_id, content(report.body)) for report in found.reports]


async def converted(job: ConversionJob, sample: Sample, line: ConverterOptions) -> Ended:
    """As the service does it."""
    path = line.watch / sample.name
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(sample.path, path)
    outcome: Outcome = await job.convert(claim_of(path, converter=line.name))
    if isinstance(outcome, Failed):
        return outcome.problem.message
    assert isinstance(outcome, Converted), (sample.name, outcome)
    return [(report.report_id, content(report.payload or b"")) for report in outcome.reports]


@asynccontextmanager
async def job_of(lines: dict[str, ConverterOptions], folder: Path) -> AsyncIterator[ConversionJob]:
    station = StationOptions(STATION.name, STATION.location, STATION.purpose)
    config = Config(converters=tuple(lines.values()), workers=OPTIONS, station=station)
    pool = Pool(config.workers, folder / "scratch")
    threads = {name: trio.CapacityLimiter(1) for name in lines}
    job = ConversionJob(config, pool, folders=threads, random=random.Random(1))
    async with trio.open_nursery() as nursery:
        await nursery.start(pool.run)
        await nursery.start(job.run)
        yield job
        nursery.cancel_scope.cancel()


async def test_every_sample_ends_as_expected_in_the_service_and_the_trial_says_the_same(
    tmp_path: Path,
) -> None:
    of = {sample.name: line_for(sample, tmp_path / "watch") for sample in EVERY}
    async with job_of({line.name: line for line in of.values()}, tmp_path) as job:
        ended = {sample.name: await converted(job, sample, of[sample.name]) for sample in EVERY}

    async def try_all(bench: Bench) -> dict[str, Ended]:
        return {
            sample.name: await tried(bench, sample, type_for(sample), of[sample.name].name)
            for sample in EVERY
        }

    assert await trial.at_bench(OPTIONS, try_all) == ended
    assert {s.name: wrong for s in EVERY if (wrong := wrong_with(s, ended[s.name]))} == {}
    derived = [sample for sample in EVERY if sample.expected.get("id") == "derived"]
    assert derived
    for sample in derived:
        reports = ended[sample.name]
        assert isinstance(reports, list)
        ids = derived_ids(sample, of[sample.name].name, len(reports))
        assert [report_id for report_id, _body in reports] == ids


async def test_every_sample_ends_as_expected_in_a_worker_whoever_chooses_its_converter() -> None:
    async def work(bench: Bench) -> dict[tuple[str, str | None], Ended]:
        return {
            (sample.name, type_): await tried(bench, sample, type_)
            for sample in TEXTS
            for type_ in {sample.expected["converter"], "auto", None}
        }

    ended = await trial.at_bench(OPTIONS, work)
    by_name = {sample.name: sample for sample in TEXTS}
    assert {name for name, _type in ended} == set(by_name)
    wrong = {key: wrong_with(by_name[key[0]], one) for key, one in ended.items()}
    assert {key: found for key, found in wrong.items() if found} == {}


async def why(path: Path, type_: str | None, **arguments: Any) -> str:
    with pytest.raises(Refused) as raised:
        await trial.try_file(Attempt(path, type_, arguments=arguments), OPTIONS)
    assert raised.value.converter == "auto"
    return raised.value.why


@pytest.mark.parametrize("type_", ["auto", None])
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("auto/notes.txt", "of unknown content: none of the converters wats-json, wats-xml"),
        ("auto/page.xml", "the file is XML: none of the converters"),
        ("auto/settings.json", "the file is JSON: none of the converters"),
        ("hostile/blank.txt", "the file holds only white space"),
    ],
)
async def test_a_file_that_nobody_knows_is_refused_with_what_it_looks_like(
    name: str, words: str, type_: str | None
) -> None:
    assert words in await why(samples.OURS / name, type_)


async def test_arguments_for_a_file_that_nobody_knows_are_not_what_is_wrong() -> None:
    assert "none of the converters" in await why(AUTO / "notes.txt", None, delimiter=";")


async def test_the_log_tells_which_converter_auto_chose() -> None:
    heard: list[Log | Progress] = []
    attempt = Attempt(AUTO / "report.dat", "auto", hear=heard.append)
    assert (await trial.try_file(attempt, OPTIONS)).converter == "auto"
    assert Log("INFO", "wats-json converts it: the surest, with 0.98") in heard


async def test_arguments_of_auto_are_checked_before_a_file_comes() -> None:
    given = {"converters": ["csvv"], "csv": {"delimeter": ";"}, "process_code": 10}
    found = await trial.describe("auto", OPTIONS, given)
    (mistakes,) = found.mistakes
    assert "'converters' holds 'csvv'; it must be one of wats-json" in mistakes["converters"]
    assert "did you mean 'delimiter'" in mistakes["csv.delimeter"]
    assert len(mistakes) == 2
    with pytest.raises(ConfigError, match="'converters' holds 'csvv'"):
        await trial.try_file(
            Attempt(AUTO / "report.dat", "auto", arguments={"converters": ["csvv"]}), OPTIONS
        )

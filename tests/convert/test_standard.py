"""Every sample through the real workers, as `converters test` does it, and `auto` among them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pywats_trio.config.options import WorkerOptions
from pywats_trio.convert import trial
from pywats_trio.convert.answer import Log
from pywats_trio.convert.trial import Attempt, Bench, Refused
from pywats_trio.errors import ConfigError
from tests import samples
from tests.samples import Sample, disagreements

if TYPE_CHECKING:
    from pathlib import Path

    from pywats_trio.convert.answer import Progress

OPTIONS = WorkerOptions()
AUTO = samples.OURS / "auto"
TEXTS = [
    *samples.samples("wats-text"),
    *samples.samples("auto"),
    *samples.samples("hostile", ".txt"),
]


async def _wrong(bench: Bench, sample: Sample, type_: str | None) -> list[str]:
    """How a sample ends otherwise than expected."""
    try:
        found = await bench.convert(Attempt(sample.path, type_, arguments=sample.arguments))
    except Refused as refused:
        return [] if sample.refused or sample.either else [refused.why]
    if sample.refused:
        return ["converted, though it must be refused"]
    return disagreements([json.loads(report.body) for report in found.reports], sample.expected)


async def test_every_sample_ends_as_expected_in_a_worker_whoever_chooses_its_converter() -> None:
    async def work(bench: Bench) -> dict[tuple[str, str | None], list[str]]:
        found = {}
        for sample in TEXTS:
            for type_ in (sample.expected["converter"], "auto", None):
                found[sample.name, type_] = await _wrong(bench, sample, type_)
        return found

    ended = await trial.at_bench(OPTIONS, work)
    assert len(ended) >= 3 * 18
    assert {key: wrong for key, wrong in ended.items() if wrong} == {}


async def why(path: Path, type_: str | None, **arguments: Any) -> str:
    with pytest.raises(Refused) as raised:
        await trial.test_file(Attempt(path, type_, arguments=arguments), OPTIONS)
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
    assert (await trial.test_file(attempt, OPTIONS)).converter == "auto"
    assert Log("INFO", "wats-json converts it: the surest, with 0.98") in heard


async def test_arguments_of_auto_are_checked_before_a_file_comes() -> None:
    given = {"converters": ["csvv"], "csv": {"delimeter": ";"}, "process_code": 10}
    found = await trial.describe("auto", OPTIONS, given)
    (mistakes,) = found.mistakes
    assert "'converters' holds 'csvv'; it must be one of wats-json" in mistakes["converters"]
    assert "did you mean 'delimiter'" in mistakes["csv.delimeter"]
    assert len(mistakes) == 2
    with pytest.raises(ConfigError, match="'converters' holds 'csvv'"):
        await trial.test_file(
            Attempt(AUTO / "report.dat", "auto", arguments={"converters": ["csvv"]}), OPTIONS
        )

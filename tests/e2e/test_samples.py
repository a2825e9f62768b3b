"""Every sample, dropped into a running service, ends as its expectations say."""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
from typing import TYPE_CHECKING, Any, Final

import pytest
import trio
from attrs import define, evolve, field
from click.testing import CliRunner

from pywats_trio.cli.main import cli
from pywats_trio.config.load import load
from pywats_trio.converters.registry import AUTO, STANDARD
from pywats_trio.devserver import open_devserver
from tests.converters.test_samples import PLACE, WORDS
from tests.e2e.harness import write_config
from tests.e2e.site import Site, recorded
from tests.samples import disagreements, samples

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pywats_trio.config.options import Config
    from tests.samples import Sample

LINE: Final = "line-1"
CONVERTERS: Final = [name for name in STANDARD if name != AUTO]
HOSTILE: Final = {"wats-json": ".json", "wats-xml": ".xml", "xjtag": ".xjlog"}
"""Which hostile files each of some gets, too."""
FOREIGN: Final = {"wats-json": ".json", "wats-xml": ".xml"}
"""The same of those that lie there for `auto`."""
WAITS: Final = "header-without-folder.txt"
"""Klippel's folder may still come."""
OTHER_WORDS: Final = {"settings.json": ('no "type"',), "page.xml": ("html", '"Reports" of WATS')}
CHANGED: Final = {
    "no-id.json": "the id is spliced in",
    "utf8-bom.json": "the byte order mark is cut off",
    "utf16-bom.json": "it goes out as UTF-8",
    "array.json": "it is three reports",
    "ndjson.json": "it is two reports",
    "nan-infinity.json": "bare NaN and Infinity are no JSON",
    "lone-surrogate.json": "half a surrogate pair is no text",
    "sn-number.json": "the serial number is a number",
    "uur-vendor.json": "startUTC is malformed",
    "uut-bare-minimum.json": "startUTC is malformed",
}
"""Samples that are converted and do not go out as the bytes they came in."""


@define
class Ending:
    """What became of a dropped sample."""

    bodies: list[bytes] = field(factory=list)
    """As the server received them, in the order of the file."""
    ids: list[str] = field(factory=list)
    told: dict[str, Any] = field(factory=dict)
    """The `.error.json` of a refused one."""


def samples_of(converter: str) -> dict[str, Sample]:
    """Every sample for this converter as it is where nothing is configured, by file name."""
    every = [*samples(converter)]
    if converter in HOSTILE:
        every += samples("hostile", HOSTILE[converter])
    if converter in FOREIGN:
        every += samples("auto", FOREIGN[converter])
    named = {sample.path.name: sample for sample in every if not sample.arguments}
    named.pop(WAITS, None)
    assert named
    return named


async def drop_into_service(config: Config, dropped: dict[str, Sample]) -> dict[str, Ending]:
    """Run a service until all of it has come to an end, and look at every place where it may be."""
    async with open_devserver(token=config.server.token) as server:
        address = evolve(config.server, url=server.url)
        site = Site(config.data_dir.parent, evolve(config, server=address))
        with recorded(site):
            async with site.running() as service:
                for name, sample in dropped.items():
                    if (folder := sample.path.with_suffix("")).is_dir():
                        shutil.copytree(folder, site.watch / folder.name)
                    site.drop(name, sample.path.read_bytes())
                await site.until(lambda: accepted(site) >= len(dropped))
                await service.wait_until(lambda counts: counts.unfinished == 0)
        ended = {name: Ending() for name in dropped}
        for source, report_id, state in site.rows(
            "SELECT f.source, r.report_id, r.state FROM items AS r"
            " JOIN items AS f ON f.id = r.parent_id ORDER BY r.id"
        ):
            assert state == "COMPLETED", (source, site.rows("SELECT last_error FROM items"))
            ending = ended[source.rpartition("/")[2]]
            ending.ids.append(report_id)
            ending.bodies.append(await server.body(report_id) or b"")
        assert {r.receive_count for r in await server.received()} == {1}
    for path in (site.watch / "Error").glob("*.error.json"):
        ended[path.name.removesuffix(".error.json")].told = json.loads(path.read_bytes())
    assert {path.name for path in site.watch.iterdir()} <= {"Done", "Error"}
    return ended


def accepted(site: Site) -> int:
    return sum(record["count"] for record in site.events("files accepted"))


def derived_id(content: bytes, index: int) -> str:
    """By the rule of contract promise 2."""
    namespace = uuid.uuid5(uuid.NAMESPACE_URL, "urn:pywats-trio:default")
    return str(uuid.uuid5(namespace, f"{LINE}:{hashlib.sha256(content).hexdigest()}:{index}"))


def wrong_with(sample: Sample, ending: Ending) -> Iterator[str]:
    """How the ending differs from what is expected."""
    name = sample.path.name
    if ending.told:
        yield from wrong_refusal(sample, ending)
        return
    if sample.refused:
        yield "converted, though it must be refused"
        return
    reports = [json.loads(body) for body in ending.bodies]
    facts = {key: value for key, value in sample.expected.items() if key != "id"}
    yield from disagreements(reports, facts)
    if sample.expected.get("id") == "derived":
        wanted = [derived_id(sample.path.read_bytes(), n) for n in range(len(reports))]
        if ending.ids != wanted:
            yield f"ids are {ending.ids}, derived are {wanted}"
    if [report["id"].lower() for report in reports] != ending.ids:
        yield f"the queue knows {ending.ids}"
    whole = name.endswith(".json") and name not in CHANGED
    if whole and ending.bodies != [sample.path.read_bytes()]:
        yield "the bytes are not those of the file"
    if name == "no-id.json" and not spliced(sample.path.read_bytes(), ending.bodies[0]):
        yield "more than the id was touched"


def spliced(source: bytes, body: bytes) -> bool:
    """Whether `body` is `source` with one piece put in, and everything else as it was."""
    places = range(len(source) + 1)
    return len(body) > len(source) and any(
        body.startswith(source[:place]) and body.endswith(source[place:]) for place in places
    )


def wrong_refusal(sample: Sample, ending: Ending) -> Iterator[str]:
    why = ending.told["why"]
    if not (sample.refused or sample.either):
        yield f"refused, though it must be converted: {why}"
    if ending.bodies:
        yield "refused and sent"
    words = {**WORDS, **OTHER_WORDS}.get(sample.path.name)
    if words is None:  # the tests of its converter know
        return
    if not all(word in why for word in words):
        yield f"the reason is not {words}: {why}"
    if not PLACE.search(why):
        yield f"no place is named: {why}"


@pytest.mark.parametrize("converter", CONVERTERS)
def test_every_sample_ends_as_expected_and_the_trial_says_the_same(
    converter: str, tmp_path: Path
) -> None:
    dropped = samples_of(converter)
    config = write_config(tmp_path, "http://127.0.0.1:9", converter={"type": converter})
    ended = trio.run(drop_into_service, load(config, environ={}), dropped)
    wrong = {
        name: found
        for name, sample in dropped.items()
        if (found := list(wrong_with(sample, ended[name])))
    }
    assert wrong == {}
    differing = {
        name: said
        for name, sample in dropped.items()
        if (said := trial_of(config, sample)) != as_trial(converter, ended[name])
    }
    assert differing == {}


def trial_of(config: Path, sample: Sample) -> tuple[int, Any]:
    """What `converters test` says of a sample: its exit code and what matters of its answer."""
    command = ["converters", "test", "--converter", LINE, "--json", str(sample.path)]
    done = CliRunner().invoke(cli, ["--config", str(config), *command])
    told = json.loads(done.stdout)
    return done.exit_code, told if done.exit_code else (told["converter"], told["reports"])


def as_trial(converter: str, ending: Ending) -> tuple[int, Any]:
    """The same of what the service made of it."""
    if ending.told:
        return 22, {"converter": converter, "refused": True, "why": ending.told["why"]}
    return 0, (converter, [json.loads(body) for body in ending.bodies])

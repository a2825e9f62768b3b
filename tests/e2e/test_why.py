"""`pywats-trio why`, as an operator asks it: whatever became of a unit, however it is named."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from pywats_trio.devserver import open_devserver
from pywats_trio.devserver.faults import Fault
from tests.e2e.calling import GOOD, NOWHERE, ask, call, refused
from tests.e2e.harness import daemon, write_config

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.harness import Daemon

AWAY = Fault(status=503, where="all")
RETRY = {"base_seconds": 60.0, "max_seconds": 60.0}
"""What is put off stays so for as long as a test looks: at least a tenth of it."""


def report_id(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, name))


def drop(folder: Path, name: str, *, sound: bool = True) -> None:
    """A file with one report, whose serial number is NAME in upper case."""
    report = json.loads(GOOD.read_bytes())
    report |= {"id": report_id(name), "sn": name.upper()}
    if not sound:
        del report["root"]["seqCall"]  # nothing that a converter would refuse; the server does
    beside = folder / f"{name}.json"
    beside.write_text(json.dumps(report))
    beside.rename(folder / "drop" / f"{name}.json")


async def four(running: Daemon, config: Path, away: Any) -> None:
    """One unit is delivered, one failed, one suspended, one held; `away` makes the server fail."""
    folder = config.parent
    drop(folder, "delivered")
    await running.until_event("report delivered")
    drop(folder, "failed", sound=False)
    await running.until_event("report refused")
    away()
    drop(folder, "suspended")
    await running.until_event("deliveries suspended")
    drop(folder, "held")
    await running.until_event("file converted", 4)
    held = await ask(config, "queue", "hold", "--serial", "HELD")
    assert held["changed"] == 1


STATES = {
    "delivered": "COMPLETED",
    "failed": "FAILED",
    "suspended": "SUSPENDED",
    "held": "HELD",
}
STORIES = {
    "delivered": ("delivered: {",),
    "failed": ("delivery failed at attempt 1 of 3; rejected: the server refused the report (400)",),
    "suspended": ("delivery put off, waits for the server; ",),
    "held": ("held by uid ",),
}


async def check(config: Path, name: str, *, stopped: bool) -> None:
    """It is told whole and right, by each of its names."""
    folder = config.parent
    [first] = (await ask(config, "why", name.upper()))["units"]
    file, [report] = first["file"], first["reports"]
    path = folder / "drop" / f"{name}.json"
    ways = {
        name.upper(): "serial_number",
        f"{name}.json": "file",
        str(path): "file",
        file["source"]: "file",
        report_id(name).upper(): "report_id",
        str(file["id"]): "item",
        str(report["id"]): "item",
    }
    for what, way in ways.items():
        told = await ask(config, "why", what)
        [unit] = told["units"]
        assert (told["what"], told["found_by"], told["more"]) == (what, [way], 0)
        for one in (unit, first):
            one.pop("found_by", None)
            for waiting in (one["waits_for"], one["reports"][0]["waits_for"]):
                if waiting:  # the server is asked again and again
                    waiting.pop("next_try", None)
                    waiting.pop("since", None)
        assert unit == first
    assert (file["original"], file["state"]) == (str(path), "COMPLETED")
    assert file["source"] == str(folder / "drop" / "Done" / f"{name}.json")
    assert file["worker"].startswith("worker ")
    assert (report["state"], report["report_id"]) == (STATES[name], report_id(name))
    check_story(first, name)
    check_waits(first["waits_for"], name, report["id"], stopped=stopped)


def check_story(unit: dict[str, Any], name: str) -> None:
    lines = [line.partition(" ")[2] for line in unit["story"]]
    events = [row["event"] for row in unit["file"]["history"]]
    assert events == ["accepted", "claimed", "converted", "put away"]
    worker = unit["file"]["worker"]
    begins = (
        "accepted from ",
        f"converted into 1 report by convert 2, {worker}",
        f"report {report_id(name)} stored, serial number {name.upper()}",
        "moved to ",
        *STORIES[name],
    )
    for begin in begins:
        assert any(line.startswith(begin) for line in lines), (begin, lines)
    assert unit["story"] == sorted(unit["story"], key=lambda line: line[:24])


def check_waits(waits: dict[str, Any] | None, name: str, number: int, *, stopped: bool) -> None:
    if name == "delivered":
        assert waits is None
        return
    assert waits is not None
    expected = {"failed": "operator", "held": "release"}
    assert waits["what"] == expected.get(name, "service" if stopped else "server")
    verb = {"failed": "retry", "held": "release"}
    if name in verb:
        assert f"`pywats-trio queue {verb[name]} {number}`" in waits["hint"]


@pytest.mark.parametrize("killed", [False, True])
async def test_four_fates_by_all_their_names_after_a_restart(tmp_path: Path, killed: bool) -> None:
    async with open_devserver() as server:
        config = write_config(tmp_path, server.url, retry=RETRY)
        async with daemon(config) as running:
            await four(running, config, lambda: server.faults.set(AWAY))
            if killed:
                running.kill()
            else:
                assert await running.stop() == 0
        async with daemon(config) as running:
            await running.until_event("deliveries suspended")
            for name in STATES:
                await check(config, name, stopped=False)
            told = await ask(config, "why", "SUSPENDED")
            waits = told["units"][0]["waits_for"]
            assert waits["next_try"] > waits["since"]
            page = (await call(config, "why", "HELD")).stdout.decode()
            assert "waits for: release since 20" in page
            assert await running.stop() == 0
        for name in STATES if killed else ():  # the queue is the same after either end
            await check(config, name, stopped=True)
        refused(await call(config, "why", "S-404"), 21, "'S-404'")


async def test_a_file_that_is_not_accepted_yet_says_what_it_waits_for(tmp_path: Path) -> None:
    config = write_config(tmp_path, NOWHERE, converter={"settle": "marker"})
    async with daemon(config) as running:
        drop(tmp_path, "marked")
        await call(config, "queue", "ls")  # a round trip: the folder was heard of meanwhile
        told: dict[str, Any] = {}
        while not told:
            done = await call(config, "why", "marked.json", "--json")
            told = json.loads(done.stdout) if done.returncode == 0 else {}
        [unit] = told["units"]
        assert unit["outcome"].endswith(
            "drop/marked.json was seen and is not accepted yet: marker missing"
        )
        assert unit["waits_for"]["hint"].startswith("write its marker, NAME.done")
        (tmp_path / "drop" / "marked.json.done").touch()
        await running.until_event("file converted")
        [unit] = (await ask(config, "why", "marked.json"))["units"]
        assert unit["file"]["id"] == 1


async def test_a_refused_file_is_found_by_its_explanation_too(tmp_path: Path) -> None:
    config = write_config(tmp_path, NOWHERE)
    async with daemon(config) as running:
        (tmp_path / "drop" / "bad.json").write_text("{")
        await running.until_event("file refused")
        for name in ("bad.json", "bad.json.error.json"):
            [unit] = (await ask(config, "why", str(tmp_path / "drop" / "Error" / name)))["units"]
            assert unit["outcome"].startswith("not converted, its file is FAILED: ")
            assert unit["file"]["worker"].startswith("worker ")
        removed = await call(config, "queue", "rm", "1", "--yes")
        assert removed.returncode == 0, removed
        [unit] = (await ask(config, "why", "bad.json"))["units"]
        assert unit["outcome"].startswith("item 1 (file, FAILED) was removed from the queue by uid")

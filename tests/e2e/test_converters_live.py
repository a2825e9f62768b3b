"""`converters ls`, `converters show` and `status` beside a service: what it does with each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks import data
from pywats_trio.devserver import open_devserver
from tests.e2e.calling import ask, call
from tests.e2e.harness import daemon, write_config
from tests.e2e.plant import STAMPING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.harness import Daemon

FAILS = STAMPING.replace("VERSION", "1").replace(
    "        yield", "        raise ValueError('no such column')\n        yield"
)
WHY = "the converter 'line-1' failed on 5 different files in a row, the last one with ValueError"
SECOND = '[[converters]]\nname = "line-2"\ntype = "wats-json"\nwatch = "drop2"\n'


def configured(folder: Path, url: str) -> Path:
    (folder / "stamping.py").write_text(FAILS)
    (folder / "drop2").mkdir()
    converter = {"type": "stamping.py:Stamp", "patterns": ["*.json"]}
    return write_config(folder, url, converter=converter, text=SECOND)


async def paused(running: Daemon) -> None:
    """`line-1` failed on too many files."""
    for number in range(6):
        file = running.folder / "drop" / f"{number}.json"
        file.write_bytes(data.report("first", number, 1000))
    await running.until_event("converter paused")


async def test_one_that_is_paused_is_shown_with_the_reason_wherever_one_looks(
    tmp_path: Path,
) -> None:
    async with open_devserver() as server:
        config = configured(tmp_path, server.url)
        async with daemon(config) as running:
            await paused(running)
            facts = await ask(config, "converters", "show", "line-1")
            assert facts["service"] == ""
            live: dict[str, Any] = facts["running"]
            assert (live["state"], live["enabled"], live["version"]) == ("paused", True, "1")
            assert live["why"].startswith(WHY)
            assert live["outage"].keys() >= {"why", "hint", "paused", "since", "next_try"}
            assert live["revision"] != ""
            assert live["last_used"] is not None
            assert sum(live["counts"].values()) == 6
            listing = await ask(config, "converters", "ls")
            rows = {row["name"]: row for row in listing["items"] if row["name"]}
            assert rows["line-1"]["running"]["state"] == "paused"
            assert rows["line-2"]["running"]["state"] == "in use"
            assert all(row["running"] is None for row in listing["items"] if not row["name"])

            shown = await call(config, "converters", "show", "line-1")
            assert shown.stderr == b""
            lines = dict(
                line.split("  ", 1) for line in shown.stdout.decode().splitlines() if "  " in line
            )
            assert lines["state"].strip().startswith("paused, next try in ")
            assert lines["code in use"].strip() == f"1 ({live['revision']})"
            assert lines["queue"].strip() != ""
            assert WHY in shown.stdout.decode()
            listed = await call(config, "converters", "ls")
            assert listed.stderr == b""
            heads = ["name", "type", "version", "patterns", "watch", "state", "waiting", "failed"]
            assert listed.stdout.decode().splitlines()[0].split() == [*heads, "reads"]
            assert "line-1: paused, next try in" in listed.stdout.decode()
            assert WHY in listed.stdout.decode()
            status = (await call(config, "status")).stdout.decode()
            assert "  paused, next try in" in status
            assert WHY in status
            assert ", sandbox standard" in status or "sandbox basic" in status
            await running.stop()


async def test_the_sandbox_is_that_of_the_service_and_another_configuration_is_told(
    tmp_path: Path,
) -> None:
    async with open_devserver() as server:
        config = configured(tmp_path, server.url)
        async with daemon(config) as running:
            there = config.read_text()
            config.with_name("other.toml").write_text(
                there.replace('"line-1"', '"line-9"').replace("max = 2", 'max = 2\nsandbox = "off"')
            )
            other = config.with_name("other.toml")
            facts = await ask(other, "converters", "show", "line-9")
            assert facts["running"] is None
            assert facts["service"] == (
                "the service that runs has no converter 'line-9' yet; `pywats-trio reload` has it "
                "read its configuration"
            )
            assert facts["sandbox"]["wanted"] == "standard"
            listed = (await call(other, "converters", "ls")).stdout.decode().splitlines()
            assert "not loaded" in next(line for line in listed if line.startswith("line-9"))
            await running.stop()

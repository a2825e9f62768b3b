"""`queue compact` over the queue of a stopped service: what it does, and what it says of it."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
import trio
from click.testing import CliRunner

from pywats_trio.cli.main import cli
from pywats_trio.model import Delivered, Failed, Kind, Problem
from pywats_trio.queue.sqlite_store import open_store
from tests.contract.kit import Clock, a_report

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

DAY = 86_400.0


class Shop:
    """A queue with one report that waits and some that were finished long ago."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self._config = folder / "config.toml"
        self._config.write_text(
            f"data_dir = {json.dumps(str(self.data))}\n"
            f'[server]\nurl = "http://127.0.0.1:9"\n'
            f"[ipc]\nsocket = {json.dumps(str(folder / 's'))}\n"
        )

    def fill(self, days: float, *, delivered: int = 0, failed: int = 0) -> None:
        trio.run(self._fill, days, delivered, failed)

    async def _fill(self, days: float, delivered: int, failed: int) -> None:
        self.data.mkdir(exist_ok=True)
        clock = Clock(time.time() - days * DAY)
        async with open_store(self.data / "queue.db", clock=clock) as store:
            count = delivered + failed
            await store.put([a_report(b"x" * 50_000, report_id=f"r{n}") for n in range(count)])
            for number, claim in enumerate(await store.claim(Kind.REPORT, count, "job")):
                problem = Problem("rejected", "no such part")
                outcome = Delivered("thanks") if number < delivered else Failed(problem)
                await store.finish(claim, outcome)
            await store.put([a_report()])
            await store.note("turned", {})

    def compact(self, *options: str) -> Result:
        return CliRunner().invoke(
            cli,
            ["--config", str(self._config), "queue", "compact", *options],
            prog_name="pywats-trio",
        )

    def answer(self) -> dict[str, Any]:
        done = self.compact("--json")
        assert (done.exit_code, done.stderr) == (0, "")
        found: dict[str, Any] = json.loads(done.stdout)
        return found


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def test_what_is_old_is_removed_and_the_file_is_small_again(shop: Shop) -> None:
    shop.fill(days=91, delivered=40, failed=2)
    answer = shop.answer()
    assert answer["bytes_before"] > 10 * answer["bytes_after"] > 1_000_000
    assert answer == {
        "bytes_before": answer["bytes_before"],
        "bytes_after": answer["bytes_after"],
        "removed": 42,
        "written": 2,
        "written_to": str(shop.data / "failed"),
        "events": 1,
        "not_written": "",
    }
    files = sorted(file.name for file in (shop.data / "failed").iterdir())
    assert files == ["r40.error.json", "r40.wsjf", "r41.error.json", "r41.wsjf"]
    assert (shop.data / "failed" / "r40.wsjf").read_bytes() == b"x" * 50_000
    assert shop.answer()["removed"] == 0


@pytest.mark.parametrize(("days", "removed"), [(6.99, 0), (7.01, 3), (89.99, 3), (90.01, 4)])
def test_what_is_younger_than_its_retention_stays(shop: Shop, days: float, removed: int) -> None:
    shop.fill(days, delivered=3, failed=1)
    assert shop.answer()["removed"] == removed


def test_it_says_so_in_words(shop: Shop) -> None:
    shop.fill(days=91, delivered=40, failed=2)
    done = shop.compact()
    assert (done.exit_code, done.stderr) == (0, "")
    first, second = done.stdout.splitlines()
    assert first.startswith("42 removed; ")
    assert first.endswith(" KiB now")
    assert second == f"2 of them had failed; they are in {shop.data / 'failed'}"


def test_without_failed_items_it_names_no_folder(shop: Shop) -> None:
    shop.fill(days=8, delivered=1)
    done = shop.compact()
    assert done.stdout.startswith("1 removed; ")
    assert done.stdout.count("\n") == 1


def test_failed_items_that_cannot_be_written_stay_and_it_fails(shop: Shop) -> None:
    shop.fill(days=91, delivered=1, failed=1)
    (shop.data / "failed").write_text("in the way")
    done = shop.compact()
    assert done.exit_code == 1
    assert done.stdout.startswith("1 removed; ")
    assert done.stderr.startswith("failed items stayed, for they cannot be written to files: ")
    assert str(shop.data / "failed") in done.stderr
    told = shop.compact("--json")
    assert told.exit_code == 1
    assert json.loads(told.stdout)["not_written"]
    (shop.data / "failed").unlink()
    assert shop.answer()["written"] == 1


def test_an_empty_queue_is_compacted_too(shop: Shop) -> None:
    answer = shop.answer()
    assert (answer["removed"], answer["events"]) == (0, 0)
    assert answer["bytes_after"] > 0

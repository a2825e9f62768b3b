"""From a claim of a file to its outcome, with real workers and real files."""

# Blocking a test's own loop for a small file of its own does no harm.
# ruff: noqa: ASYNC240

from __future__ import annotations

import hashlib
import math
import os
import random
import re
import signal
import subprocess
import sys
import uuid
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest
import trio
from attrs import evolve
from trio.testing import wait_all_tasks_blocked

from pywats_trio import faultpoint
from pywats_trio.config.options import (
    Config,
    ConverterOptions,
    RetryOptions,
    StationOptions,
    WorkerOptions,
)
from pywats_trio.convert.job import ConversionJob, Gate
from pywats_trio.convert.lineup import Edition, Renewals
from pywats_trio.convert.outages import PROBE_FIRST
from pywats_trio.convert.pool import Pool
from pywats_trio.intake.moves import is_file
from pywats_trio.model import (
    Claim,
    Converted,
    Failed,
    Identity,
    Item,
    Kind,
    Putaway,
    Quarantined,
    Reason,
    Released,
    State,
    Superseded,
    Wait,
    content,
)
from pywats_trio.queue.ahead import MOST
from pywats_trio.queue.shares import Shares
from tests.convert.kit import children, identity_of, type_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pywats_trio.model import Outcome

SAMPLE = """{"type": "T", "id": "0B0D7EC5-7d6c-4a5b-9df4-0c5d6a1f2b3c", "pn": "PCBA", "sn": "S-1",
"rev": "A", "processCode": 10, "result": "P", "start": "2026-03-02T08:15:30.250+01:00",
"startUTC": "2026-03-02T07:15:30.250Z", "machineName": "M", "location": "L", "purpose": "P",
"root": {"status": "P", "stepType": "SequenceCall", "name": "Main"}, "uut": {"user": "op"}}"""

TOOK = r"\d+\.\d{3} s, \d+\.\d{3} s of processor, \d+ MiB"
"""What a job says it took."""


def claim_of(
    path: Path | str,
    *,
    converter: str = "line",
    identity: Identity | None = None,
    attempts: int = 0,
    max_attempts: int = 3,
    deaths: int = 0,
) -> Claim:
    item = Item(
        id=7,
        kind=Kind.FILE,
        state=State.PROCESSING,
        reason=None,
        priority=2,
        attempts=attempts,
        max_attempts=max_attempts,
        interruptions=0,
        deaths=deaths,
        serial_number="",
        part_number="",
        result="",
        start="",
        due_at=None,
        created_at=0.0,
        started_at=0.0,
        finished_at=None,
        duration=None,
        progress=0,
        converter=converter,
        source=os.fspath(path),
        identity=identity or (identity_of(Path(path)) if Path(path).exists() else None),
        report_id="",
        parent_id=None,
        correlation_id="c-7",
        sha256="",
        error_kind="",
        last_error="",
        putaway=Putaway.NONE,
    )
    return Claim(item, "test", 1)


def evolve_item(claim: Claim, **changes: Any) -> Claim:
    return attrs.evolve(claim, item=attrs.evolve(claim.item, **changes))


@pytest.fixture
def watch(tmp_path: Path) -> Path:
    folder = tmp_path / "watch"
    folder.mkdir()
    return folder


@asynccontextmanager
async def job_for(watch: Path, type_: str, **workers: Any) -> AsyncIterator[ConversionJob]:
    options = ConverterOptions(name="line", type=type_, watch=watch)
    config = Config(
        instance="plant",
        converters=(options, ConverterOptions(name="off", type=type_, watch=watch, enabled=False)),
        # Not shut in, for some of these converters write to what they read.
        workers=WorkerOptions(**{"max": 1, "sandbox": "basic", **workers}),
        retry=RetryOptions(max_attempts=5, base_seconds=2.0),
        station=StationOptions(name="S1", location="L1", purpose="P1"),
    )
    pool = Pool(config.workers, watch.parent / "scratch")
    job = ConversionJob(
        config, pool, folders={"line": trio.CapacityLimiter(1)}, random=random.Random(1)
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(pool.run)
        await nursery.start(job.run)
        yield job
        nursery.cancel_scope.cancel()


def dropped(watch: Path, content: str | bytes = "good", name: str = "unit.txt") -> Path:
    path = watch / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


async def test_a_good_file_becomes_its_reports(watch: Path) -> None:
    path = dropped(watch)
    async with job_for(watch, type_of("good:Good")) as job:
        outcome = await job.convert(claim_of(path))
    assert isinstance(outcome, Converted)
    assert outcome.sha256 == hashlib.sha256(b"good").hexdigest()
    (report,) = outcome.reports
    assert report.kind is Kind.REPORT
    assert report.source == str(path)
    assert (report.converter, report.priority, report.max_attempts) == ("line", 2, 5)
    assert report.correlation_id == "c-7"
    assert (report.serial_number, report.part_number, report.result) == ("SN-good", "PN-1", "P")
    assert report.start == "2026-03-02T08:15:30.250+01:00"
    assert b'"S1"' in content(report.payload or b"")


async def test_an_id_is_derived_as_the_contract_says(watch: Path) -> None:
    path = dropped(watch)
    async with job_for(watch, type_of("good:Good")) as job:
        outcome = await job.convert(claim_of(path))
    assert isinstance(outcome, Converted)
    space = uuid.uuid5(uuid.NAMESPACE_URL, "urn:pywats-trio:plant")
    name = f"line:{hashlib.sha256(b'good').hexdigest()}:0"
    assert outcome.reports[0].report_id == str(uuid.uuid5(space, name))


async def test_a_sound_report_with_an_id_passes_unchanged(watch: Path) -> None:
    path = dropped(watch, SAMPLE, "report.json")
    async with job_for(watch, "wats-json") as job:
        outcome = await job.convert(claim_of(path))
    assert isinstance(outcome, Converted)
    assert outcome.reports[0].payload == SAMPLE.encode()
    assert outcome.reports[0].report_id == "0b0d7ec5-7d6c-4a5b-9df4-0c5d6a1f2b3c"


@pytest.mark.parametrize(
    ("content", "after"),
    [("-", ""), ("delete", "delete"), ("delete\narchive\nkeep", "keep")],
)
async def test_the_last_word_of_a_converter_about_its_file_comes_with_the_outcome(
    content: str, after: str, watch: Path
) -> None:
    async with job_for(watch, type_of("wishing:Wishes")) as job:
        outcome = await job.convert(claim_of(dropped(watch, content)))
    assert isinstance(outcome, Converted)
    assert outcome.after == after


@pytest.mark.parametrize(
    ("content", "kind"),
    [("delete\nreject", "rejected-file"), ("delete\nburn", "converter-error")],
)
async def test_what_it_said_of_a_file_that_it_does_not_convert_means_nothing(
    content: str, kind: str, watch: Path
) -> None:
    async with job_for(watch, type_of("wishing:Wishes")) as job:
        claim = claim_of(dropped(watch, content), attempts=2)
        outcome = await job.convert(claim)
    assert isinstance(outcome, Failed)
    assert outcome.problem.kind == kind


async def test_a_forged_word_about_a_file_ends_the_worker_and_costs_the_file_only(
    watch: Path,
) -> None:
    path = dropped(watch)
    async with job_for(watch, type_of("wishing:Forges")) as job:
        outcome = await job.convert(claim_of(path, attempts=2))
    assert isinstance(outcome, Failed)
    assert outcome.problem.kind == "protocol"
    assert path.exists()


async def test_findings_are_noted(watch: Path) -> None:
    path = dropped(watch, SAMPLE.replace("S-1", "S" * 200), "report.json")
    async with job_for(watch, "wats-json") as job:
        outcome = await job.convert(claim_of(path))
    assert isinstance(outcome, Converted)
    assert "sn: 200 characters" in outcome.note


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("Rejects", "rejected-file", "line 3: no serial number"),
        ("SaysNothing", "rejected-file", ""),
    ],
)
async def test_a_refused_file_fails_at_once(name: str, kind: str, words: str, watch: Path) -> None:
    async with job_for(watch, type_of(name)) as job:
        outcome = await job.convert(claim_of(dropped(watch, "bad")))
    assert isinstance(outcome, Failed)
    assert outcome.problem.kind == kind
    assert words in outcome.problem.message
    assert outcome.problem.hint


@pytest.mark.parametrize(("attempts", "last"), [(1, False), (2, True)])
async def test_an_exception_uses_up_an_attempt(attempts: int, last: bool, watch: Path) -> None:
    async with job_for(watch, type_of("Stumbles")) as job:
        outcome = await job.convert(claim_of(dropped(watch, "bad"), attempts=attempts))
    assert isinstance(outcome, Failed if last else Wait)
    assert outcome.problem.kind == "converter-error"
    assert "ValueError" in outcome.problem.message
    assert "hostile.py" in outcome.problem.evidence
    if isinstance(outcome, Wait):
        assert outcome.reason is Reason.RETRY
        assert outcome.counts
        assert 0.4 <= outcome.delay <= 4.0


@pytest.mark.parametrize(("attempts", "last"), [(1, False), (2, True)])
async def test_a_retry_that_the_converter_asks_for_counts(
    attempts: int, last: bool, watch: Path
) -> None:
    async with job_for(watch, type_of("AsksForRetry")) as job:
        outcome = await job.convert(claim_of(dropped(watch, "bad"), attempts=attempts))
    if last:
        assert isinstance(outcome, Failed)
    else:
        assert isinstance(outcome, Wait)
        assert (outcome.delay, outcome.reason, outcome.counts) == (12.5, Reason.RETRY, True)


async def test_running_out_of_memory_is_named(watch: Path) -> None:
    async with job_for(watch, type_of("Allocates"), memory_mb=128) as job:
        outcome = await job.convert(claim_of(dropped(watch, "bad")))
    assert isinstance(outcome, Wait)
    assert outcome.problem.kind == "memory"
    assert "memory_mb" in outcome.problem.hint


async def test_a_file_that_kills_its_worker_twice_is_quarantined(watch: Path) -> None:
    path = dropped(watch, "bad")
    async with job_for(watch, type_of("PrintsAndExits")) as job:
        first = await job.convert(claim_of(path))
        second = await job.convert(claim_of(path, attempts=1, deaths=1))
    assert isinstance(first, Wait)
    assert first.died
    assert first.counts
    assert isinstance(second, Quarantined)
    assert second.died
    assert second.problem.kind == "worker-died"
    assert "exit code 3" in second.problem.message
    assert second.problem.evidence.endswith("the end of it\n")


async def test_one_death_with_no_attempt_left_fails(watch: Path) -> None:
    async with job_for(watch, type_of("Exits")) as job:
        outcome = await job.convert(claim_of(dropped(watch, "bad"), max_attempts=1))
    assert isinstance(outcome, Failed)
    assert outcome.died


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Rejects", Failed),
        ("RaisesSystemExit", Wait),
        ("Exits", Wait),
    ],
)
async def test_an_outcome_names_the_process_that_did_the_work(
    watch: Path, name: str, kind: type[Failed | Wait]
) -> None:
    async with job_for(watch, type_of(name)) as job:
        good = await job.convert(claim_of(dropped(watch)))
        [pid] = job._pool.pids()  # noqa: SLF001 - it stays for the next one
        bad = await job.convert(claim_of(dropped(watch, "bad")))
    assert isinstance(good, Converted)
    assert isinstance(bad, kind)
    assert re.fullmatch(rf"worker {pid}, version 0 \([0-9a-f]{{12}}\), {TOOK}", good.worker)
    assert bad.worker.startswith(f"worker {pid}, version 0 (")
    assert bool(re.search(TOOK, bad.worker)) is (name != "Exits")  # that one could not tell


async def test_a_file_that_is_gone_fails_for_good(watch: Path) -> None:
    path = dropped(watch)
    claim = claim_of(path)
    path.unlink()
    async with job_for(watch, type_of("good:Good")) as job:
        outcome = await job.convert(claim)
    assert isinstance(outcome, Failed)
    assert outcome.problem.kind == "gone"
    assert "disappeared" in outcome.problem.message


async def test_files_wait_while_their_folder_is_away(watch: Path) -> None:
    path = dropped(watch)
    claim = claim_of(path)
    path.unlink()
    watch.rmdir()
    async with job_for(watch, type_of("good:Good")) as job:
        outcome = await job.convert(claim)
    assert isinstance(outcome, Wait)
    assert not outcome.counts
    assert outcome.problem.kind == "folder-away"


async def test_files_wait_while_the_mount_is_away(watch: Path) -> None:
    identity = Identity(device=1, inode=2, size=3, mtime_ns=4)  # of the file system not mounted
    async with job_for(watch, type_of("good:Good")) as job:
        outcome = await job.convert(claim_of(watch / "unit.txt", identity=identity))
    assert isinstance(outcome, Wait)
    assert outcome.problem.kind == "folder-away"


async def test_a_file_that_was_replaced_is_superseded(watch: Path) -> None:
    path = dropped(watch)
    claim = claim_of(path)
    path.write_text("another")
    async with job_for(watch, type_of("good:Good")) as job:
        outcome = await job.convert(claim)
    assert outcome == Superseded("it was replaced while it waited")


@pytest.mark.parametrize("name", ["Appends", "AppendsAndRejects"])
async def test_a_file_that_grows_while_it_is_read_is_superseded(name: str, watch: Path) -> None:
    async with job_for(watch, type_of(name)) as job:
        outcome = await job.convert(claim_of(dropped(watch, "bad")))
    assert outcome == Superseded("it was changed while it was converted")


@pytest.mark.parametrize(("content", "kind"), [("good", Converted), ("bad", Failed)])
async def test_a_worker_that_calls_its_file_changed_is_not_believed(
    content: str, kind: type[Outcome], watch: Path
) -> None:
    """Superseded, it would be forgotten where it lies: neither converted nor refused."""
    async with job_for(watch, type_of("CallsItsFileChanged")) as job:
        assert isinstance(await job.convert(claim_of(dropped(watch, content))), kind)


async def test_a_worker_that_hides_a_change_converts_what_put_away_then_leaves_alone(
    watch: Path,
) -> None:
    path = dropped(watch, "bad")
    claim = claim_of(path)
    async with job_for(watch, type_of("CallsItsFileTheSame")) as job:
        assert isinstance(await job.convert(claim), Converted)
    assert claim.item.identity is not None
    assert not is_file(str(path), claim.item.identity)


@pytest.mark.parametrize("when", ["before", "meanwhile"])
async def test_a_refused_file_that_changes_once_more_fails_where_it_lies(
    when: str, watch: Path, tmp_path: Path
) -> None:
    """Nobody watches that folder: a superseded one would be forgotten there."""
    folder = tmp_path / "Error"
    folder.mkdir()
    path = dropped(folder, "bad")
    claim = evolve_item(claim_of(path), original=str(watch / path.name))
    if when == "before":
        path.write_text("another")
    async with job_for(watch, type_of("Appends")) as job:
        outcome = await job.convert(claim)
    assert isinstance(outcome, Failed)
    assert (outcome.problem.kind, outcome.counts) == ("changed", False)


async def test_a_refused_file_is_converted_where_it_lies(watch: Path, tmp_path: Path) -> None:
    folder = tmp_path / "Error"
    folder.mkdir()
    link = tmp_path / "link"
    link.symlink_to(folder)
    path = link / dropped(folder).name
    claim = evolve_item(claim_of(path), original=str(watch / path.name))
    async with job_for(watch, type_of("good:Good")) as job:
        assert isinstance(await job.convert(claim), Converted)


@pytest.mark.parametrize("inside", [True, False])
async def test_a_link_is_not_followed(watch: Path, tmp_path: Path, inside: bool) -> None:
    target = (watch if inside else tmp_path) / "target"
    target.write_text("good")
    link = watch / "unit.txt"
    link.symlink_to(target)
    async with job_for(watch, type_of("good:Good")) as job:
        outcome = await job.convert(claim_of(link))
    assert isinstance(outcome, Failed)
    assert outcome.problem.kind == "unreadable"
    assert "unit.txt is a link" in outcome.problem.message


async def test_a_folder_that_leads_out_of_the_watch_folder_is_not_followed(
    watch: Path, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "unit.txt").write_text("good")
    (watch / "below").symlink_to(tmp_path / "elsewhere")
    async with job_for(watch, type_of("good:Good")) as job:
        outcome = await job.convert(claim_of(watch / "below" / "unit.txt"))
    assert isinstance(outcome, Failed)
    assert "leads out of its watch folder" in outcome.problem.message


async def test_a_watch_folder_that_is_a_link_itself_is_fine(watch: Path, tmp_path: Path) -> None:
    file = dropped(watch)
    (tmp_path / "alias").symlink_to(watch)
    async with job_for(tmp_path / "alias", type_of("good:Good")) as job:
        assert isinstance(await job.convert(claim_of(tmp_path / "alias" / file.name)), Converted)


async def test_what_is_no_regular_file_is_unreadable(watch: Path) -> None:
    os.mkfifo(watch / "pipe")
    (watch / "folder").mkdir()
    async with job_for(watch, type_of("good:Good")) as job:
        for name in ("pipe", "folder"):
            outcome = await job.convert(claim_of(watch / name))
            assert isinstance(outcome, Failed)
            assert outcome.problem.kind == "unreadable"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
async def test_a_forbidden_file_is_unreadable(watch: Path) -> None:
    path = dropped(watch)
    path.chmod(0)
    async with job_for(watch, type_of("good:Good")) as job:
        outcome = await job.convert(claim_of(path))
    assert isinstance(outcome, Failed)
    assert outcome.problem.kind == "unreadable"


async def test_an_empty_file_fails(watch: Path) -> None:
    async with job_for(watch, type_of("good:Good")) as job:
        outcome = await job.convert(claim_of(dropped(watch, "")))
    assert isinstance(outcome, Failed)
    assert (outcome.problem.kind, outcome.problem.message) == ("empty", "the file is empty")


@pytest.mark.parametrize(("more", "refused"), [(-1, False), (0, False), (1, True)])
async def test_input_has_a_limit(more: int, refused: bool, watch: Path) -> None:
    path = dropped(watch, "unit" + " " * ((1 << 20) - 4 + more))
    async with job_for(watch, type_of("good:Good"), max_input_mb=1) as job:
        outcome = await job.convert(claim_of(path))
    assert isinstance(outcome, Failed if refused else Converted)
    if isinstance(outcome, Failed):
        assert outcome.problem.kind == "too-large"
        assert "1.0 MiB, at most 1 MiB" in outcome.problem.message


async def test_a_large_file_is_hashed_and_read_in_pieces(watch: Path) -> None:
    content = b"unit" + b" " * (17 << 20)
    async with job_for(watch, type_of("good:Good")) as job:
        outcome = await job.convert(claim_of(dropped(watch, content)))
    assert isinstance(outcome, Converted)
    assert outcome.sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("name", ["unknown", "off"])
async def test_files_of_a_converter_that_is_not_there_wait(name: str, watch: Path) -> None:
    async with job_for(watch, type_of("good:Good")) as job:
        outcome = await job.convert(claim_of(dropped(watch), converter=name))
    assert isinstance(outcome, Wait)
    assert (outcome.delay, outcome.reason, outcome.counts) == (30.0, Reason.CONVERTER, False)


async def test_files_of_a_converter_with_an_unknown_type_wait(watch: Path) -> None:
    async with job_for(watch, "wats-jsn") as job:
        outcome = await job.convert(claim_of(dropped(watch)))
    assert isinstance(outcome, Wait)
    assert "did you mean 'wats-json'" in outcome.problem.message


async def test_a_converter_that_cannot_be_imported_is_not_tried_for_every_file(
    watch: Path,
) -> None:
    async with job_for(watch, type_of("exits_at_import:Any")) as job:
        claim = claim_of(dropped(watch))
        first = await job.convert(claim)
        assert isinstance(first, Wait)
        assert (first.reason, first.counts, first.died) == (Reason.CONVERTER, False, False)
        assert "exit code 9" in first.problem.message
        assert await job.convert(claim) == evolve(first, worker="")  # nobody was asked
        assert job._pool.statistics().started == 1  # noqa: SLF001 - the proof
        assert job._pool.pids() == []  # noqa: SLF001


async def fails(job: ConversionJob, watch: Path, *numbers: int, **more: Any) -> list[Outcome]:
    """The outcomes of as many bad files, one after the other."""
    outcomes = []
    for number in numbers:
        path = dropped(watch, "bad", f"{number}.txt")
        outcomes.append(await job.convert(evolve_item(claim_of(path, **more), id=number)))
    return outcomes


def is_a_wait_for_the_converter(outcome: Outcome) -> bool:
    return (
        isinstance(outcome, Wait)
        and (outcome.delay, outcome.reason) == (PROBE_FIRST, Reason.CONVERTER)
        and (outcome.counts, outcome.died) == (False, False)
    )


@pytest.mark.parametrize(("name", "died"), [("Stumbles", False), ("Exits", True)])
async def test_a_converter_that_fails_on_five_files_in_a_row_is_paused(
    name: str, died: bool, watch: Path
) -> None:
    async with job_for(watch, type_of(name)) as job:
        *first, fifth, sixth = await fails(job, watch, *range(1, 7))
        started = job._pool.statistics().started  # noqa: SLF001 - the proof
    for outcome in first:
        assert isinstance(outcome, Wait)
        assert (outcome.reason, outcome.counts, outcome.died) == (Reason.RETRY, True, died)
    assert is_a_wait_for_the_converter(fifth)
    assert is_a_wait_for_the_converter(sixth)
    assert isinstance(fifth, Wait)
    assert isinstance(sixth, Wait)
    assert fifth.problem.kind == ("worker-died" if died else "converter-error")  # its own
    assert "failed on 5 different files in a row" in sixth.problem.message
    assert started == (5 if died else 1)  # the sixth was not tried


@pytest.mark.parametrize("between", ["good", "rejected", "asks for another try"])
async def test_what_it_makes_of_a_file_in_between_begins_the_count_anew(
    between: str, watch: Path
) -> None:
    async with job_for(watch, type_of("moody:Moody")) as job:
        await fails(job, watch, 1, 2, 3, 4)
        await job.convert(claim_of(dropped(watch, between)))
        await fails(job, watch, 5)
        # To ask for another try is neither a failure nor a success.
        assert job.outages.is_paused("line") is (between == "asks for another try")


async def test_of_files_that_have_one_attempt_the_first_four_fail(watch: Path) -> None:
    async with job_for(watch, type_of("Stumbles")) as job:
        *first, fifth = await fails(job, watch, *range(1, 6), max_attempts=1)
    assert [type(outcome) for outcome in first] == [Failed] * 4
    assert is_a_wait_for_the_converter(fifth)


@pytest.mark.parametrize("name", ["Stumbles", "Exits"])
async def test_a_try_that_fails_costs_the_file_nothing_however_little_it_has_left(
    name: str, watch: Path
) -> None:
    async with job_for(watch, type_of(name)) as job:
        await fails(job, watch, *range(1, 6))
        job.outages.end("line")
        [probed] = await fails(job, watch, 6, attempts=2, max_attempts=3, deaths=1)
        assert is_a_wait_for_the_converter(probed)
        assert job.outages.is_paused("line")


async def test_a_try_that_succeeds_ends_the_pause(watch: Path) -> None:
    async with job_for(watch, type_of("moody:Moody")) as job:
        await fails(job, watch, *range(1, 6))
        assert is_a_wait_for_the_converter(await job.convert(claim_of(dropped(watch))))
        job.outages.end("line")
        assert isinstance(await job.convert(claim_of(dropped(watch))), Converted)
        assert not job.outages.is_paused("line")


async def test_a_try_with_a_file_that_is_gone_leaves_the_next_one_for_later(watch: Path) -> None:
    """Else ten thousand that are gone were looked at one after the other."""
    async with job_for(watch, type_of("moody:Moody")) as job:
        await fails(job, watch, *range(1, 6))
        job.outages.end("line")
        gone = dropped(watch)
        claim = claim_of(gone)
        gone.unlink()
        assert isinstance(await job.convert(claim), Failed)
        shares = job.outages.shares()
        assert shares == Shares(shut=frozenset({"line"}), change_in=shares.change_in)
        assert 0 < shares.change_in <= PROBE_FIRST


async def test_a_quarantine_keeps_which_version_of_the_code_it_was(watch: Path) -> None:
    path = dropped(watch, "bad")
    async with job_for(watch, type_of("Exits")) as job:
        outcome = await job.convert(claim_of(path, attempts=1, deaths=1))
        line = job.lineup.get("line")
    assert isinstance(outcome, Quarantined)
    assert line is not None
    assert outcome.code == line.spec.revision != ""


async def test_a_process_that_cannot_start_costs_no_attempt(
    watch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with job_for(watch, type_of("good:Good")) as job:
        monkeypatch.setattr("sys.executable", "/nowhere")
        outcome = await job.convert(claim_of(dropped(watch)))
    assert isinstance(outcome, Wait)
    assert (outcome.problem.kind, outcome.counts) == ("worker-start", False)


async def test_a_pool_that_stops_gives_the_file_back(watch: Path) -> None:
    path = dropped(watch, "bad")
    outcomes = []
    begun = trio.Event()
    async with trio.open_nursery() as nursery, job_for(watch, type_of("Waits")) as job:

        async def convert() -> None:
            outcomes.append(await job.convert(claim_of(path)))

        def opened(name: str) -> None:
            if name == "convert.opened":
                begun.set()

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(faultpoint, "hit", opened)
            nursery.start_soon(convert)
            await begun.wait()
        while not children():  # the process is being started, in a thread
            await trio.lowlevel.checkpoint()
    assert outcomes in (
        [Released("the workers were stopped in the middle of a conversion")],
        [Released("the workers are being stopped")],
    )


@pytest.mark.parametrize("point", ["convert.claimed", "convert.opened", "convert.result"])
async def test_each_fault_point_is_on_the_way_and_leaves_nothing_open(
    point: str, watch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faultpoint, "_faults", faultpoint._parse(f"{point}=raise"))  # noqa: SLF001
    async with job_for(watch, type_of("good:Good")) as job:
        with pytest.raises(faultpoint.InjectedFault, match=point):
            await job.convert(claim_of(dropped(watch)))


async def test_code_that_is_replaced_meanwhile_says_nothing_of_the_file(watch: Path) -> None:
    claim = evolve_item(claim_of(dropped(watch, "bad")), deaths=1, attempts=4)
    outcomes: list[Outcome] = []

    async def convert(job: ConversionJob) -> None:
        outcomes.append(await job.convert(claim))

    async with (
        job_for(watch, type_of("Loops"), timeout_seconds=1.0) as job,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(convert, job)
        while not job._pool.statistics().busy:  # noqa: SLF001 - it tells nobody
            await trio.lowlevel.checkpoint()
        line = job.lineup.get("line")
        assert line is not None
        job.lineup.adopt(Renewals({"line": Edition(line.spec)}))
        with trio.fail_after(30):
            while not outcomes:
                await trio.lowlevel.checkpoint()
    (outcome,) = outcomes
    assert isinstance(outcome, Wait)
    assert (outcome.problem.kind, outcome.counts, outcome.died) == ("replaced", False, False)
    assert "meanwhile its converter was replaced" in outcome.problem.message
    assert not job.outages.is_deadly("line")


# Time slices


async def test_a_file_that_takes_long_while_another_waits_is_cut_short_and_has_its_time_later(
    watch: Path,
) -> None:
    slow, quick = claim_of(dropped(watch, "bad")), claim_of(dropped(watch, "good", "quick.txt"))
    quick = evolve_item(quick, id=8)
    outcomes: list[tuple[int, Outcome]] = []

    async def convert(job: ConversionJob, claim: Claim) -> None:
        outcomes.append((claim.item.id, await job.convert(claim)))

    async with job_for(watch, type_of("Loops"), timeout_seconds=1.0) as job:
        job.slices.suspect("line")  # as if one had hung already
        for _ in range(2):  # in a new process, and in a warm one
            assert isinstance(await job.convert(quick), Converted)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(convert, job, slow)
            await wait_all_tasks_blocked()
            nursery.start_soon(convert, job, quick)
        (first, cut), (second, converted) = outcomes
        assert (first, second) == (7, 8)
        assert isinstance(cut, Wait)
        assert (cut.problem.kind, cut.counts, cut.died) == ("cut-short", False, False)
        assert isinstance(converted, Converted)
        # Nobody waits now, so nothing is cut short but by the deadline.
        outcome = await job.convert(slow)
        assert isinstance(outcome, Wait)
        assert (outcome.problem.kind, outcome.counts, outcome.died) == ("timeout", True, True)


async def test_progress_is_known_while_a_file_is_converted(watch: Path) -> None:
    async with job_for(watch, type_of("Talks")) as job:
        assert job.progress(7) == 0
        hear = job._hear(claim_of(dropped(watch)).item)  # noqa: SLF001 - what the pool calls
        from pywats_trio.convert.said import Progress

        hear(Progress(0.25))
        assert job.progress(7) == 25
        await job.convert(claim_of(dropped(watch, "bad 1")))
        assert job.progress(7) == 0


async def test_the_gate_is_always_open_and_wider_while_conversions_are_quick() -> None:
    gate = Gate(3)
    assert gate.width() == 3
    with gate.ahead.work():
        pass
    assert gate.width() == 3 + MOST
    assert gate.reopens_in() == math.inf


PARENT = """
import os, sys, trio
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.convert.kit import ask, running

async def main():
    def hear(said):
        print(said.message, flush=True)
    async with running(Path({folder!r})) as pool:
        await ask(pool, "Waits", Path({bad!r}), hear=hear)

trio.run(main)
"""


def test_a_worker_dies_with_its_service_even_by_sigkill(tmp_path: Path, bad: Path) -> None:
    from tests.convert.kit import Told

    root = str(Path(__file__).parents[2])
    code = PARENT.format(root=root, folder=str(tmp_path), bad=str(bad))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        worker = Told(int(parent.stdout.readline()))
        parent.send_signal(signal.SIGKILL)
    assert worker.wait_gone()

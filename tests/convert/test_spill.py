"""Reports that are too many for memory wait on the disk."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from random import Random

import pytest
import trio

from pywats_trio.config.options import Config, ConverterOptions, RetryOptions, WorkerOptions
from pywats_trio.convert import spill
from pywats_trio.convert.answer import Answer
from pywats_trio.convert.job import ConversionJob
from pywats_trio.convert.outcomes import Outcomes
from pywats_trio.convert.pool import Pool
from pywats_trio.convert.said import Done
from pywats_trio.convert.spill import Spill
from pywats_trio.convert.spool import Unwritten
from pywats_trio.errors import StoreError
from pywats_trio.model import Converted, Envelope, Kind, Wait, content
from pywats_trio.queue.sqlite_store import open_store
from pywats_trio.worker.frames import Frame
from tests.convert.kit import ask, identity_of, running
from tests.convert.test_answer import done, report
from tests.convert.test_job import claim_of


def descriptors() -> int:
    gc.collect()
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_what_is_kept_is_read_back_and_no_file_can_be_seen(tmp_path: Path) -> None:
    before = descriptors()
    kept = Spill(str(tmp_path)).keep([b"one", b"", b"three"])
    assert [(len(one), one.read()) for one in kept] == [(3, b"one"), (0, b""), (5, b"three")]
    assert [*tmp_path.iterdir()] == []
    assert descriptors() == before + 1
    del kept
    assert descriptors() == before


def test_all_of_one_file_go_to_one_file(tmp_path: Path) -> None:
    before = descriptors()
    spilled = Spill(str(tmp_path))
    first, second = spilled.keep([b"a"]), spilled.keep([b"b", b"c"])
    assert [one.read() for one in (*first, *second)] == [b"a", b"b", b"c"]
    assert descriptors() == before + 1


def test_a_disk_that_is_nearly_full_takes_none(tmp_path: Path) -> None:
    free = os.statvfs(tmp_path)
    spare = free.f_bavail * free.f_frsize * 2
    with pytest.raises(Unwritten, match="bytes are free"):
        Spill(str(tmp_path), spare).keep([b"a"])
    with pytest.raises(Unwritten, match="No such file"):
        Spill(str(tmp_path / "missing")).keep([b"a"])


def test_a_file_that_is_cut_off_is_no_report(tmp_path: Path) -> None:
    (kept,) = Spill(str(tmp_path)).keep([b"abc"])
    os.truncate(kept._file.descriptor, 2)  # noqa: SLF001 - nobody else can
    with pytest.raises(StoreError, match="cut off"):
        kept.read()


def a_report(number: int, body: bytes) -> Frame:
    return Frame(report(report_id=f"00000000-0000-4000-8000-{number:012d}"), body)


@pytest.mark.parametrize(("size", "heavy"), [(9, False), (10, False), (11, True)])
def test_reports_wait_in_memory_up_to_a_size(
    size: int, heavy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pywats_trio.convert.answer.IN_MEMORY", 10)
    answer = Answer(100, lambda _said: None)
    answer.take(a_report(0, b"x" * (size - 1)))
    answer.take(a_report(1, b"y"))
    assert answer.heavy is heavy


def test_what_was_unloaded_is_in_its_order_in_the_answer(tmp_path: Path) -> None:
    answer = Answer(100, lambda _said: None, Spill(str(tmp_path)))
    for number in range(5):
        answer.take(a_report(number, b"%d" % number))
        if number in {1, 2}:
            answer.unload()
            assert not answer.heavy
    ending = answer.take(Frame(done(reports=5), b""))
    assert isinstance(ending, Done)
    assert [content(one.body) for one in ending.reports] == [b"0", b"1", b"2", b"3", b"4"]
    assert [isinstance(one.body, bytes) for one in ending.reports] == [False] * 3 + [True] * 2


@pytest.mark.parametrize(("most", "kept", "unheard"), [(3, 3, 0), (2, 2, 1), (1, 1, 2)])
def test_findings_of_a_file_beyond_a_number_are_counted(
    most: int, kept: int, unheard: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pywats_trio.convert.answer.MAX_FOUND", most)
    answer = Answer(100, lambda _said: None)
    for number in range(3):
        answer.take(a_report(number, b"{}"))
    ending = answer.take(Frame(done(reports=3), b""))
    assert isinstance(ending, Done)
    assert (sum(len(one.findings) for one in ending.reports), ending.unheard) == (kept, unheard)


def units(count: int) -> bytes:
    head = "serial,part_number,process_code,start,step,value\n"
    rows = (f"S-{n},P,10,2026-03-02T08:15:30Z,{'long name ' * 50},{n}\n" for n in range(count))
    return (head + "".join(rows)).encode()


async def test_what_spilled_is_stored_as_it_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "many.csv"
    path.write_bytes(units(200))
    async with running(tmp_path) as pool:
        whole = await ask(pool, "csv", path)
        monkeypatch.setattr("pywats_trio.convert.answer.IN_MEMORY", 10_000)
        parted = await ask(pool, "csv", path)
    assert isinstance(whole, Done)
    assert isinstance(parted, Done)
    bodies = [content(one.body) for one in whole.reports]
    assert sum(isinstance(one.body, bytes) for one in parted.reports) < 15
    assert [content(one.body) for one in parted.reports] == bodies

    file = Envelope(Kind.FILE, "line", str(path), identity=identity_of(path))
    async with open_store(tmp_path / "queue.db") as store:
        await store.put([file])
        (claim,) = await store.claim(Kind.FILE, 1, "test")
        outcome = Outcomes(RetryOptions(), Random(1)).converted(claim.item, parted)
        await store.finish(claim, outcome)
        claims = await store.claim(Kind.REPORT, 300, "test")
    assert [one.payload for one in claims] == bodies
    assert [one.item.bytes for one in claims] == [len(body) for body in bodies]


async def test_reports_that_cannot_be_read_back_fail_the_commit_and_nothing_is_half_stored(
    tmp_path: Path,
) -> None:
    await commit_what_is_cut_off(tmp_path)
    gc.collect()  # the error's traceback still holds the file


async def commit_what_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "many.csv"
    path.write_bytes(b"x")
    first, second = Spill(str(tmp_path)).keep([b"{}", b"[]"])
    os.truncate(second._file.descriptor, 3)  # noqa: SLF001 - nobody else can
    reports = tuple(Envelope(Kind.REPORT, "line", str(path), payload=p) for p in (first, second))
    async with open_store(tmp_path / "queue.db") as store:
        await store.put([Envelope(Kind.FILE, "line", str(path), identity=identity_of(path))])
        (claim,) = await store.claim(Kind.FILE, 1, "test")
        with pytest.raises(StoreError, match="cut off"):
            await store.finish(claim, Converted(reports, "0" * 64))
        assert store.counts().of(Kind.REPORT) == 0


async def test_a_file_whose_reports_do_not_fit_the_disk_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pywats_trio.convert.answer.IN_MEMORY", 10_000)
    path = tmp_path / "many.csv"
    path.write_bytes(units(200))
    line = ConverterOptions(name="line", type="csv", watch=tmp_path)
    config = Config(data_dir=tmp_path, converters=(line,), workers=WorkerOptions(max=1))
    pool = Pool(config.workers, tmp_path / "scratch", spare=1 << 60)
    job = ConversionJob(config, pool, folders={"line": trio.CapacityLimiter(1)}, random=Random(1))
    async with trio.open_nursery() as nursery:
        await nursery.start(pool.run)
        await nursery.start(job.run)
        outcome = await job.convert(claim_of(path))
        nursery.cancel_scope.cancel()
    assert isinstance(outcome, Wait)
    assert outcome.problem.message.startswith("no reports of such a large file can be written")
    assert outcome.problem.hint == "Make room on the disk of data_dir; it is tried again by itself."
    assert not outcome.counts


def test_the_limit_is_a_megabyte() -> None:
    assert spill.IN_MEMORY == 1024 * 1024

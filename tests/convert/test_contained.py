"""Whatever a converter does costs only its own file; real processes, all of them hostile."""

# Blocking a test's own loop for a small file of its own does no harm.
# ruff: noqa: ASYNC240

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from pywats_trio.convert.said import (
    Died,
    Done,
    Log,
    Progress,
    Raised,
    Rejected,
    RetryLater,
    Unusable,
)
from tests.convert.kit import Told, ask, is_at_full_strength, running, told_in

SHORT = 1.0
"""Seconds of a deadline that is meant to pass."""


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("Exits", "worker-died", "exit code 7"),
        ("ClosesDescriptors", "worker-died", "closed its connection"),
        ("Segfaults", "worker-died", "SIGSEGV"),
        ("ExitsAndLeavesDaemon", "worker-died", "exit code 0"),
        ("PrintsAndExits", "worker-died", "exit code 3"),
        ("Babbles", "protocol", "header has 4294967295 bytes"),
        ("ClaimsHugeFrame", "protocol", "body has 4294967295 bytes"),
        ("ForgesReport", "protocol", "'result' is no text"),
        ("GoesOn", "protocol", "went on after the end"),
        ("AnswersAnotherJob", "protocol", "answered to another job"),
    ],
)
async def test_a_converter_that_ends_its_worker_costs_only_its_own_file(
    name: str, kind: str, words: str, good: Path, bad: Path
) -> None:
    tmp_path = good.parent
    async with running(tmp_path) as pool:
        tell = {"tell": str(tmp_path / "told")}
        answer = await ask(pool, name, bad, arguments=tell)
        assert isinstance(answer, Died)
        assert answer.kind == kind
        assert words in answer.how
        await is_at_full_strength(pool, name, good)
        assert pool.statistics().started == 2


async def test_a_late_answer_is_never_taken_for_that_of_the_next_file(
    tmp_path: Path, good: Path, bad: Path
) -> None:
    async with running(tmp_path) as pool:
        answer = await ask(pool, "AnswersInOurPlace", bad)
        assert isinstance(answer, Rejected)
        answer = await ask(pool, "AnswersInOurPlace", good)
        assert isinstance(answer, Died)
        assert answer.kind == "protocol"
        await is_at_full_strength(pool, "AnswersInOurPlace", good)


@pytest.mark.parametrize(
    ("name", "type_"),
    [
        ("RaisesSystemExit", "SystemExit"),
        ("RaisesKeyboardInterrupt", "KeyboardInterrupt"),
        ("RaisesUnprintable", "Unprintable"),
        ("Recurses", "RecursionError"),
        ("Stumbles", "ValueError"),
        ("GivesMappings", "TypeError"),
    ],
)
async def test_an_exception_costs_the_file_and_not_the_process(
    name: str, type_: str, tmp_path: Path, bad: Path
) -> None:
    async with running(tmp_path) as pool:
        for _ in range(2):
            answer = await ask(pool, name, bad)
            assert isinstance(answer, Raised)
            assert answer.type == type_
        assert pool.statistics().started == 1


async def test_what_an_exception_says_is_made_printable(tmp_path: Path, bad: Path) -> None:
    async with running(tmp_path) as pool:
        answer = await ask(pool, "Stumbles", bad)
    assert isinstance(answer, Raised)
    assert answer.message == r"the \udcff\x00 of it\x0aand more"
    assert "hostile.py" in answer.traceback
    assert "\n" in answer.traceback


@pytest.mark.parametrize("name", ["Loops", "LoopsAndSwallows"])
async def test_an_endless_loop_ends_at_the_deadline(
    name: str, tmp_path: Path, good: Path, bad: Path
) -> None:
    async with running(tmp_path, timeout_seconds=SHORT) as pool:
        answer = await ask(pool, name, bad)
        assert isinstance(answer, Died)
        assert answer.kind == "timeout"
        assert "1 s" in answer.how
        await is_at_full_strength(pool, name, good)
        assert pool.statistics().killed == 1


async def test_the_deadline_kills_children_and_daemons_too(
    tmp_path: Path, good: Path, bad: Path
) -> None:
    told = tmp_path / "told"
    async with running(tmp_path, timeout_seconds=SHORT) as pool:
        answer = await ask(pool, "LoopsWithDaemon", bad, arguments={"tell": str(told)})
        assert isinstance(answer, Died)
        processes = [Told(pid) for pid in told_in(told)]
        assert len(processes) == 3
        assert all(process.wait_gone() for process in processes)
        await is_at_full_strength(pool, "LoopsWithDaemon", good)


async def test_what_a_worker_leaves_when_it_ends_itself_is_killed(
    tmp_path: Path, bad: Path
) -> None:
    told = tmp_path / "told"
    async with running(tmp_path) as pool:
        await ask(pool, "ExitsAndLeavesDaemon", bad, arguments={"tell": str(told)})
        assert all(Told(pid).wait_gone() for pid in told_in(told))


@pytest.mark.parametrize("name", ["LeavesChild", "LeavesDaemon"])
async def test_a_child_left_behind_ends_with_the_worker_and_the_file_is_converted(
    name: str, tmp_path: Path, good: Path, bad: Path
) -> None:
    told = tmp_path / "told"
    async with running(tmp_path) as pool:
        answer = await ask(pool, name, bad, arguments={"tell": str(told)})
        assert isinstance(answer, Done)
        assert all(Told(pid).wait_gone() for pid in told_in(told))
        await is_at_full_strength(pool, name, good)
        assert pool.statistics().started == 2


@pytest.mark.parametrize("name", ["LeavesThread", "LeavesRawThread", "ClosesOutput"])
async def test_a_worker_with_something_left_behind_does_no_second_job(
    name: str, tmp_path: Path, good: Path, bad: Path
) -> None:
    async with running(tmp_path) as pool:
        assert isinstance(await ask(pool, name, bad), Done)
        await is_at_full_strength(pool, name, good)
        assert pool.statistics().started == 2


@pytest.mark.parametrize(("leaked", "started"), [(15, 1), (16, 1), (17, 2)])
async def test_a_few_open_files_are_tolerated_between_jobs(
    leaked: int, started: int, tmp_path: Path, good: Path, bad: Path
) -> None:
    bad.write_text(f"bad {leaked}")
    async with running(tmp_path) as pool:
        assert isinstance(await ask(pool, "LeaksDescriptors", bad), Done)
        await is_at_full_strength(pool, "LeaksDescriptors", good)
        assert pool.statistics().started == started


async def test_a_converter_that_opens_files_without_end_is_refused_more(
    tmp_path: Path, good: Path, bad: Path
) -> None:
    async with running(tmp_path) as pool:
        answer = await ask(pool, "LeaksUntilRefused", bad)
        assert isinstance(answer, Raised)
        assert "Too many open files" in answer.message
        await is_at_full_strength(pool, "LeaksUntilRefused", good)


async def test_the_copy_that_a_fork_makes_never_answers(
    tmp_path: Path, good: Path, bad: Path
) -> None:
    async with running(tmp_path) as pool:
        assert isinstance(await ask(pool, "ReturnsTwice", bad), Done)
        await is_at_full_strength(pool, "ReturnsTwice", good)
        assert isinstance(await ask(pool, "RaisesTwice", bad), Raised)
        await is_at_full_strength(pool, "RaisesTwice", good)


async def test_memory_has_a_limit(tmp_path: Path, good: Path, bad: Path) -> None:
    async with running(tmp_path, memory_mb=128) as pool:
        answer = await ask(pool, "Allocates", bad)
        assert isinstance(answer, Raised)
        assert answer.type == "MemoryError"
        await is_at_full_strength(pool, "Allocates", good)
        assert pool.statistics().started == 2


@pytest.mark.parametrize(("size", "started"), [(10, 1), (120, 2)])
async def test_a_worker_that_keeps_nearly_all_its_memory_is_replaced(
    size: int, started: int, tmp_path: Path, good: Path, bad: Path
) -> None:
    bad.write_text(f"bad {size}")
    async with running(tmp_path, memory_mb=160) as pool:
        assert isinstance(await ask(pool, "KeepsMemory", bad), Done)
        await is_at_full_strength(pool, "KeepsMemory", good)
        assert pool.statistics().started == started


@pytest.mark.parametrize(("more", "refused"), [(-1, False), (0, False), (1, True)])
async def test_written_files_have_a_limit(
    more: int, refused: bool, tmp_path: Path, bad: Path
) -> None:
    bad.write_text(f"bad {(64 << 20) + more}")
    async with running(tmp_path) as pool:
        answer = await ask(pool, "WritesFile", bad)
    assert isinstance(answer, Raised) == refused
    if isinstance(answer, Raised):
        assert "File too large" in answer.message


async def test_processor_time_has_a_limit(tmp_path: Path, good: Path, bad: Path) -> None:
    async with running(tmp_path, cpu_seconds=1) as pool:
        answer = await ask(pool, "Loops", bad)
        assert isinstance(answer, Died)
        assert answer.kind == "cpu"
        assert "SIGXCPU" in answer.how
        await is_at_full_strength(pool, "Loops", good)


async def test_processor_time_is_counted_for_each_job_anew(tmp_path: Path, bad: Path) -> None:
    bad.write_text("bad 0.7")
    async with running(tmp_path, cpu_seconds=1) as pool:
        for _ in range(4):
            assert isinstance(await ask(pool, "Burns", bad), Done)
        assert pool.statistics().started == 1


async def test_reports_have_a_limit_in_bytes(tmp_path: Path, good: Path, bad: Path) -> None:
    async with running(tmp_path, max_input_mb=2) as pool:
        answer = await ask(pool, "Endless", bad)
        assert isinstance(answer, Died)
        assert "more than 33554432 bytes" in answer.how
        answer = await ask(pool, "Endless", good)
        assert isinstance(answer, Done)


async def test_megabytes_on_standard_output_hinder_nobody_and_the_end_is_kept(
    tmp_path: Path, good: Path, bad: Path
) -> None:
    async with running(tmp_path) as pool:
        assert isinstance(await ask(pool, "Prints", bad), Done)
        await is_at_full_strength(pool, "Prints", good)
        assert pool.statistics().started == 1
        answer = await ask(pool, "PrintsAndExits", bad)
        assert isinstance(answer, Died)
        assert answer.output.endswith("the end of it\n")
        assert len(answer.output) <= 4096


async def test_a_crash_in_native_code_names_the_line(tmp_path: Path, bad: Path) -> None:
    async with running(tmp_path) as pool:
        answer = await ask(pool, "Segfaults", bad)
    assert isinstance(answer, Died)
    assert "hostile.py" in answer.output
    assert "misbehave" in answer.output


async def test_the_scratch_folder_is_the_working_folder_and_empty_for_each_job(
    tmp_path: Path, good: Path, bad: Path
) -> None:
    told = tmp_path / "told"
    async with running(tmp_path) as pool:
        for _ in range(2):
            answer = await ask(pool, "FillsScratch", bad, arguments={"tell": str(told)})
            assert isinstance(answer, Done)
            scratch, working, found = told_in(told)
            assert working == scratch
            assert found == []
            assert list(Path(scratch).iterdir()) == []
        assert pool.statistics().started == 1
    assert not (tmp_path / "scratch").exists()


async def test_logs_and_progress_come_while_the_job_runs_and_have_a_limit(
    tmp_path: Path, bad: Path
) -> None:
    heard: list[Log | Progress] = []
    bad.write_text("bad 201")
    async with running(tmp_path) as pool:
        await ask(pool, "Talks", bad, hear=heard.append)
    assert heard[0] == Log("WARNING", r"record 0\x0aof many")
    assert heard[199] == Log("WARNING", r"record 199\x0aof many")
    assert heard[200] == Progress(0.25)
    assert heard[201] == Log("WARNING", "1 more log records were dropped")
    assert len(heard) == 202


async def test_refusals_and_retries_are_told_apart(tmp_path: Path, bad: Path) -> None:
    async with running(tmp_path) as pool:
        answer = await ask(pool, "Rejects", bad)
        assert isinstance(answer, Rejected)
        assert answer.why == "line 3: no serial number"
        assert answer.hint == "Scan the unit first."
        answer = await ask(pool, "AsksForRetry", bad)
        assert answer == RetryLater("the other half is not there yet", 12.5)
        odd = await ask(pool, "AsksForOddRetry", bad)
        assert isinstance(odd, Raised)
        assert "write 0 to 86400 seconds" in odd.message


@pytest.mark.parametrize("name", ["SaysNothing", "ReturnsNone"])
async def test_a_file_without_a_report_is_refused(name: str, tmp_path: Path, good: Path) -> None:
    async with running(tmp_path) as pool:
        answer = await ask(pool, name, good)
    assert isinstance(answer, Rejected)
    assert answer.why == "no report in the file"


@pytest.mark.parametrize(
    ("content", "why"),
    [(bytes(5000), "only zero bytes"), (b" \r\n\t", "only white space"), (b"bad", "line 3")],
)
async def test_a_refused_file_with_nothing_in_it_is_told_apart(
    content: bytes, why: str, tmp_path: Path
) -> None:
    path = tmp_path / "odd"
    path.write_bytes(content)
    async with running(tmp_path) as pool:
        answer = await ask(pool, "Rejects" if content == b"bad" else "SaysNothing", path)
    assert isinstance(answer, Rejected)
    assert why in answer.why


async def test_one_id_twice_in_a_file_is_refused(tmp_path: Path, good: Path) -> None:
    async with running(tmp_path) as pool:
        answer = await ask(pool, "Repeats", good)
    assert isinstance(answer, Rejected)
    assert "reports 2 and 3" in answer.why


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("fails_at_import:Any", "a_module_that_does_not_exist"),
        ("exits_at_import:Any", "exit code 9"),
        ("hangs_at_import:Any", "longer than 1 s"),
        ("hostile:Missing", "has no class 'Missing'"),
        ("hostile:NotAConverter", "no subclass"),
        ("hostile:NoId", "has no id"),
    ],
)
async def test_a_converter_that_cannot_be_imported_is_not_the_files_fault(
    name: str, words: str, tmp_path: Path, good: Path
) -> None:
    async with running(tmp_path, timeout_seconds=SHORT) as pool:
        answer = await ask(pool, name, good)
        assert isinstance(answer, Unusable)
        assert words in answer.why
        assert isinstance(await ask(pool, "good:Good", good, owner="other"), Done)


async def test_wrong_arguments_are_not_the_files_fault(tmp_path: Path, good: Path) -> None:
    async with running(tmp_path) as pool:
        answer = await ask(pool, "good:Good", good, arguments={"prefx": "X"})
    assert answer == Unusable("unknown argument 'prefx'; did you mean 'prefix'?", "")


async def test_a_worker_sees_no_secret_and_nothing_of_ours(
    tmp_path: Path, bad: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYWATS_TRIO__SERVER__TOKEN", "secret")
    monkeypatch.setenv("TZ", "Europe/Oslo")
    told = tmp_path / "told"
    async with running(tmp_path) as pool:
        answer = await ask(pool, "Exposes", bad, arguments={"tell": str(told)})
    assert isinstance(answer, Done)
    seen: dict[str, Any] = told_in(told)
    names = {n for n in seen["environment"] if not n.startswith(("COVERAGE", "LC_"))}
    assert names <= {
        "PATH",
        "LANG",
        "TZ",
        "PYTHONHASHSEED",
        "TMPDIR",
        "PYWATS_TRIO_WORKER",
    }
    assert seen["environment"]["TZ"] == "Europe/Oslo"
    assert seen["environment"]["TMPDIR"].startswith(str(tmp_path / "scratch"))
    targets = sorted(target.split(":")[0] for target in seen["descriptors"].values())
    # Input, output twice, lifeline, job socket, the source.
    assert targets == sorted(["/dev/null", "pipe", "pipe", "socket", "socket", str(bad)])
    assert seen["session"]
    assert seen["oom"] == "800"
    assert seen["stdin"] == ""
    assert seen["source"][1:3] == ["bad.txt", 3]


async def test_a_worker_has_neither_trio_nor_httpx_loaded(tmp_path: Path, bad: Path) -> None:
    told = tmp_path / "told"
    async with running(tmp_path) as pool:
        await ask(pool, "Exposes", bad, arguments={"tell": str(told)})
    modules = {name.split(".")[0] for name in told_in(told)["modules"]}
    assert "pywats_trio" in modules
    assert not modules & {"trio", "httpx", "click", "structlog", "apsw", "asyncio", "site"}


async def test_a_file_name_of_any_bytes_reaches_the_converter(tmp_path: Path) -> None:
    name = os.fsdecode(b"no\xfft 'utf'\n.txt")
    path = tmp_path / name
    path.write_bytes(b"bad")
    told = tmp_path / "told"
    async with running(tmp_path) as pool:
        await ask(pool, "Exposes", path, arguments={"tell": str(told)})
    assert told_in(told)["source"][:2] == [str(path), name]

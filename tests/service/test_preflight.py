"""Everything that can be known before a start: really provoked, told in one sentence each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import evolve
from structlog.testing import capture_logs

from pywats_trio.config.options import Config, ConverterOptions, QueueOptions
from pywats_trio.errors import ConfigError, InvalidInputError, StartError
from pywats_trio.intake.room import Room
from pywats_trio.intake.watch import Watch
from pywats_trio.queue.desk import open_desk
from pywats_trio.queue.sqlite_store import open_store
from pywats_trio.queue.store import Topic
from pywats_trio.service import preflight
from pywats_trio.service.preflight import Finding, Findings, authors, looks, machine
from pywats_trio.service.preflight.writing import try_writing
from tests.convert.kit import children, type_of
from tests.e2e.site import make_site, recorded

HERE = Path(__file__).parent
FOLDERS = ("folder", "data_dir", "disk", "clock", "converter", "clash")


@pytest.fixture
def watch(tmp_path: Path) -> Path:
    folder = tmp_path / "watch"
    folder.mkdir()
    (tmp_path / "data").mkdir()
    return folder


def line(watch: Path, **more: Any) -> ConverterOptions:
    return ConverterOptions(**{"name": "one", "type": "wats-json", "watch": watch, **more})


def config_of(base: Path, *lines: ConverterOptions, **more: Any) -> Config:
    return Config(**{"data_dir": base / "data", "converters": lines, **more})


async def found(
    base: Path, *lines: ConverterOptions, checks: tuple[str, ...] = FOLDERS, **more: Any
) -> list[Finding]:
    """What is found of some kinds; the machine that the tests run on may be as it likes."""
    findings = await preflight.examine(config_of(base, *lines, **more), server_seconds=0)
    return [finding for finding in findings if finding.check in checks]


def tree(base: Path) -> list[str]:
    return sorted(os.fspath(path.relative_to(base)) for path in base.rglob("*"))


# Folders


async def test_where_all_is_well_nothing_is_found_and_nothing_is_left(watch: Path) -> None:
    base = watch.parent
    (base / "elsewhere").mkdir()
    lines = [
        line(watch, name="move"),
        line(base / "elsewhere", name="archive", post_action="archive", archive_dir="a/b/c"),
        line(watch, name="x", patterns=("*.x",), error_dir=str(base / "far" / "away")),
    ]
    before = tree(base)
    assert await found(base, *lines) == []
    assert tree(base) == before


async def test_a_missing_folder_is_a_warning_even_if_there_is_no_other(tmp_path: Path) -> None:
    """After a power cut the shares may come up later than the service."""
    (tmp_path / "data").mkdir()
    [one] = await found(tmp_path, line(tmp_path / "gone"))
    assert (one.check, one.severity) == ("folder", "warning")
    assert one.message == (
        f"converters.one.watch: {tmp_path}/gone cannot be read (No such file or directory)"
    )
    assert one.hint == "make the folder, or correct its path in the configuration"
    assert tree(tmp_path) == ["data"]


@pytest.mark.parametrize("below", ["", "/deep"])
async def test_a_file_in_the_place_of_a_watch_folder_is_an_error(below: str, watch: Path) -> None:
    (watch / "file").write_bytes(b"")
    [one] = await found(watch.parent, line(Path(f"{watch}/file{below}")))
    assert (one.severity, one.exit_code) == ("error", 22)
    assert "is no folder, a file lies in its place" in one.message


@pytest.mark.parametrize(
    ("key", "action"),
    [
        ("done_dir", "move"),
        ("archive_dir", "archive"),
        ("error_dir", "keep"),
        ("done_dir", ""),  # as the converter says, which may be any
        ("archive_dir", ""),
    ],
)
async def test_a_file_in_the_place_of_a_target_folder_is_a_warning(
    key: str, action: str, watch: Path
) -> None:
    """Whoever drops files could make one of that name: it must not keep a service down."""
    (watch / "taken").write_bytes(b"")
    for value in ("taken", "taken/deeper"):
        options = line(watch, post_action=action, **{key: value})
        [one] = await found(watch.parent, options)
        assert one.severity == "warning"
        assert one.message.startswith(f"converters.one.{key}: {watch}/{value} does not let files")
        assert "a folder is needed where a file lies" in one.hint


async def test_a_target_folder_that_links_nowhere_is_told(watch: Path) -> None:
    (watch / "Done").symlink_to(watch / "nowhere")
    [one] = await found(watch.parent, line(watch))
    assert one.message.startswith("converters.one.done_dir")


async def test_a_folder_that_is_not_enabled_is_left_alone(watch: Path) -> None:
    assert await found(watch.parent, line(watch / "gone", enabled=False)) == []


def test_what_a_user_without_rights_cannot_do_is_told() -> None:
    ran = subprocess.run(
        [sys.executable, str(HERE / "preflight_without_rights.py")],
        capture_output=True,
        text=True,
        check=False,
        cwd=HERE.parents[1],
        env={**os.environ, "PYTHONPATH": str(HERE.parents[1])},
    )
    assert ran.returncode == 0, ran.stderr
    told: dict[str, list[list[Any]]] = json.loads(ran.stdout)
    denied = "(Permission denied)"
    unwritable = "does not let files be made, renamed and removed"
    assert told == {
        "sound": [],
        "unreadable": [["warning", f"converters.one.watch: WATCH cannot be read {denied}", 30]],
        "unwritable": [["warning", f"converters.one.watch: WATCH {unwritable} {denied}", 30]],
        "done": [["warning", f"converters.one.done_dir: WATCH/Done {unwritable} {denied}", 30]],
        "error": [["warning", f"converters.one.error_dir: FAR/error {unwritable} {denied}", 30]],
        "data_dir": [["error", f"data_dir: files cannot be written in DATA {denied}", 30]],
        "queue": [["error", f"the queue DATA/queue.db cannot be opened {denied}", 30]],
    }


async def test_a_folder_that_hangs_is_told_of_and_holds_up_no_other(
    watch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looks, "PATIENCE", 1.0)
    hanging, others = watch / "hanging", [watch / str(number) for number in range(10)]
    for folder in (hanging, *others[1:]):
        folder.mkdir()
    leave, scandir = threading.Event(), os.scandir

    def hang(path: str) -> Any:
        if path == str(hanging):
            leave.wait()
        return scandir(path)

    lines = [line(folder, name=folder.name) for folder in (hanging, *others)]
    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", hang)
        try:
            findings = await found(watch.parent, *lines)
        finally:
            leave.set()
    assert sorted(one.message for one in findings) == [
        f"converters.0.watch: {watch}/0 cannot be read (No such file or directory)",
        f"converters.hanging.watch: {hanging} does not answer within 1 s",
    ]
    assert {one.severity for one in findings} == {"warning"}


async def test_a_try_that_was_killed_is_cleaned_up_by_the_next_one(watch: Path) -> None:
    for ending in ("-1.pywats-trio.tmp", "-2.pywats-trio.tmp"):
        (watch / f".check-default-0{ending}").write_bytes(b"left")
    assert await found(watch.parent, line(watch)) == []
    assert tree(watch) == []


def test_many_may_try_by_one_name_at_one_moment(watch: Path) -> None:
    ready, failed = threading.Barrier(4), []

    def try_often() -> None:
        ready.wait()
        for _ in range(200):
            try:
                try_writing(str(watch), "same")
            except OSError as error:
                failed.append(error)

    threads = [threading.Thread(target=try_often) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert tree(watch) == []


@pytest.mark.parametrize("name", ["x" * 300, "ü" * 200, "\U0001f600" * 64])
def test_a_long_name_is_fitted(name: str, watch: Path) -> None:
    try_writing(str(watch), name)
    assert tree(watch) == []


async def test_a_running_intake_takes_none_of_the_tries(
    watch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even if they lie there as long as any other file."""
    options = line(watch, ignore=(), recursive=True, settle_seconds=0.0, scan_seconds=0.01)
    async with (
        open_store(tmp_path / "queue.db") as store,
        open_desk(tmp_path / "queue.db") as desk,
        trio.open_nursery() as nursery,
    ):
        room, limiter = Room(store, 0), trio.CapacityLimiter(1)
        intake = Watch(options, ("*",), store=store, desk=desk, room=room, limiter=limiter)
        await nursery.start(intake.run)
        tried = names_tried(watch, monkeypatch)
        for name in tried:
            (watch / name).write_bytes(b"1")
        ticket = store.bell(Topic.FILE).ticket()
        (watch / "last").write_bytes(b"2")
        with trio.fail_after(10):
            await ticket.wait()
        assert len(tried) == 2
        assert [Path(item.source).name for item in await desk.items()] == ["last"]
        nursery.cancel_scope.cancel()


def names_tried(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of files that a try makes."""
    names: list[str] = []
    rename = os.rename

    def noted(old: str, new: str) -> None:
        names.extend((Path(old).name, Path(new).name))
        rename(old, new)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", noted)
        try_writing(str(folder), "default-0")
    return names


# The data folder


async def test_little_disk_is_a_warning(watch: Path) -> None:
    queue = QueueOptions(min_free_disk=1 << 60)
    [one] = await found(watch.parent, queue=queue)
    assert (one.check, one.severity) == ("disk", "warning")


async def test_a_data_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    [one] = await found(tmp_path)
    assert (one.check, one.severity, one.exit_code) == ("data_dir", "error", 30)


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\0 and so on", b"SQLite format 2\0"])
async def test_whatever_file_the_queue_is_is_left_to_the_store(content: bytes, watch: Path) -> None:
    (watch.parent / "data" / "queue.db").write_bytes(content)
    assert await found(watch.parent) == []


async def test_what_is_no_queue_is_an_error(watch: Path) -> None:
    file = watch.parent / "data" / "queue.db"
    file.mkdir()
    [one] = await found(watch.parent)
    assert f"the queue {file} cannot be opened" in one.message
    file.rmdir()
    os.mkfifo(file)
    [one] = await found(watch.parent)
    assert (one.message, one.exit_code) == (f"the queue {file} is no file", 30)


async def test_a_clock_that_cannot_be_right_is_a_warning(watch: Path) -> None:
    findings = await preflight.examine(config_of(watch.parent), server_seconds=0, wall=lambda: 0.0)
    [one] = [finding for finding in findings if finding.check == "clock"]
    assert "1970-01-01" in one.message
    assert one.severity == "warning"


@pytest.mark.parametrize("name", ["queue.db", "queue.db-wal"])
async def test_the_clock_is_compared_with_the_queue(name: str, watch: Path) -> None:
    (watch.parent / "data" / "queue.db").touch()
    later = 4_102_444_800.0  # the year 2100
    file = watch.parent / "data" / name
    file.touch()
    os.utime(file, (later, later))
    [one] = await found(watch.parent)
    assert "2100-01-01" in one.message


async def test_root_is_told_what_that_means(watch: Path) -> None:
    told = await found(watch.parent, checks=("user",))
    assert [one.subject for one in told] == (["root"] if os.geteuid() == 0 else [])


async def test_limits_that_are_too_low_are_found(
    watch: Path,
) -> None:
    """By as many folders as the kernel here has instances of inotify for a user, and one more."""
    limit = machine.read_limits().instances or sys.maxsize
    if limit > 2000:
        pytest.skip(f"fs.inotify.max_user_instances is {limit} here")
    lines = [line(watch, name=f"c{n}", patterns=(f"{n}.json",)) for n in range(limit + 1)]
    assert await found(watch.parent, *lines[:-1], checks=("inotify",)) == []
    [one] = await found(watch.parent, *lines, checks=("inotify",))
    assert f"is {limit}, and {limit + 1} watch folders" in one.message


# Converters


async def test_an_unknown_type_is_an_error_that_names_the_nearest(watch: Path) -> None:
    [one] = await found(watch.parent, line(watch, type="wats-jsn"))
    assert (one.check, one.subject, one.exit_code) == ("converter", "one", 20)
    assert one.message == (
        "converters.one.type: there is no converter 'wats-jsn'; did you mean 'wats-json'?"
    )


@pytest.mark.parametrize("type_", ["no module:Class", "atmel", "file.py:not a class"])
async def test_what_is_no_type_is_an_error(type_: str, watch: Path) -> None:
    [one] = await found(watch.parent, line(watch, type=type_))
    assert (one.severity, one.exit_code) == ("error", 20)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("missing:Any", "does not exist"),
        ("fails_at_import:Any", "a_module_that_does_not_exist"),
        ("exits_at_import:Any", "exit code 9"),
        ("good:Bad", "has no class 'Bad'"),
    ],
)
async def test_code_that_cannot_be_used_is_a_warning_for_it_can_be_mended(
    name: str, why: str, watch: Path
) -> None:
    [one] = await found(watch.parent, line(watch, type=type_of(name)))
    assert (one.check, one.subject, one.severity) == ("converter", "one", "warning")
    assert one.message.startswith("converters.one.type: ")
    assert why in one.message
    assert "its files wait" in one.hint


async def test_code_that_does_not_answer_is_a_warning(
    watch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authors, "PATIENCE", 0.5)
    [one] = await found(watch.parent, line(watch, type=type_of("hangs_at_import:Any")))
    assert "did not answer within 0.5 s" in one.message
    assert children() == []


async def test_every_argument_that_does_not_fit_is_an_error_that_names_its_key(
    watch: Path,
) -> None:
    (watch / "b").mkdir()
    custom = line(watch, name="custom", type=type_of("good:Good"), arguments={"prefix": 1, "x": 2})
    sound = line(watch / "b", name="sound", type=type_of("good:Good"), arguments={"prefix": "A"})
    standard = line(watch, name="standard", patterns=("*.json",), arguments={"process_code": "ten"})
    findings = await found(watch.parent, custom, sound, standard)
    assert {one.exit_code for one in findings} == {20}
    assert sorted(one.message for one in findings) == [
        "converters.custom.arguments.prefix: argument 'prefix' must be of type str, not int",
        "converters.custom.arguments.x: unknown argument 'x'; the converter knows prefix",
        "converters.standard.arguments.process_code: "
        "argument 'process_code' must be of type int, not str",
    ]
    assert children() == []


async def test_standard_converters_without_arguments_cost_no_process(
    watch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def none(*_args: Any, **_kwargs: Any) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(trio.lowlevel, "open_process", none)
    lines = [line(watch, name=f"c{n}", patterns=(f"{n}.json",)) for n in range(100)]
    assert await found(watch.parent, *lines) == []


async def test_a_type_is_asked_once_for_all_converters_of_it(
    watch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, start = [], trio.lowlevel.open_process

    async def counted(*args: Any, **kwargs: Any) -> trio.Process:
        started.append(args)
        return await start(*args, **kwargs)

    monkeypatch.setattr(trio.lowlevel, "open_process", counted)
    custom = type_of("good:Good")
    lines = [line(watch, name=f"c{n}", type=custom, patterns=(f"{n}.x",)) for n in range(20)]
    assert await found(watch.parent, *lines) == []
    assert len(started) == 1


# At a reload


async def test_at_a_reload_only_what_differs_is_looked_at(watch: Path) -> None:
    base = watch.parent
    gone, wrong = line(watch / "gone"), line(watch, name="two", type="nonsense")
    before = config_of(base, gone, data_dir=base / "no data", queue=QueueOptions())
    assert await preflight.examine(before, before=before) == []
    after = evolve(before, converters=(gone, wrong))
    [one] = await preflight.examine(after, before=before)
    assert one.subject == "two"
    enabled = evolve(gone, enabled=True, priority=1)
    [one] = await preflight.examine(evolve(before, converters=(enabled,)), before=before)
    assert one.check == "folder"


async def test_a_reload_with_an_error_is_refused_and_the_service_goes_on(tmp_path: Path) -> None:
    site = make_site(tmp_path, "http://127.0.0.1:9")
    with recorded(site):
        async with site.running() as service:
            before = service.config
            wrong = evolve(before.converters[0], name="two", type="nonsense", patterns=("*.x",))
            with pytest.raises(ConfigError, match=r"converters\.two\.type"):
                await service.reload(evolve(before, converters=(*before.converters, wrong)))
            assert service.config == before
            assert [one["subject"] for one in site.events("preflight", severity="error")] == ["two"]


# Saying so


def finding(severity: Any = "error", exit_code: int = 30, message: str = "wrong") -> Finding:
    return Finding("folder", "/x", severity, message, "mend it", exit_code)


def test_errors_come_first_and_the_most_basic_before_the_others() -> None:
    mixed = [finding("warning", 20), finding(exit_code=30), finding(exit_code=20), finding()]
    ordered = Findings(mixed, 1.0)
    assert [(one.severity, one.exit_code) for one in ordered] == [
        ("error", 20),
        ("error", 30),
        ("error", 30),
        ("warning", 20),
    ]


@pytest.mark.parametrize(
    ("codes", "expected"),
    [((30,), StartError), ((30, 22), InvalidInputError), ((22, 20, 30), ConfigError)],
)
def test_all_errors_are_raised_as_one_with_a_line_each(
    codes: tuple[int, ...], expected: type[Exception]
) -> None:
    findings = Findings([finding(exit_code=code, message=f"m{code}") for code in codes])
    with capture_logs(), pytest.raises(expected) as raised:
        preflight.refuse(findings)
    assert type(raised.value) is expected
    assert str(raised.value) == "\n".join(f"m{code}; mend it" for code in sorted(codes))


def test_every_finding_is_logged_and_then_a_summary() -> None:
    with capture_logs() as logged:
        preflight.refuse(Findings([finding("warning"), finding("warning")], 0.12345))
    assert [entry["log_level"] for entry in logged] == ["warning", "warning", "info"]
    assert logged[0] == {
        "event": "preflight",
        "log_level": "warning",
        "check": "folder",
        "subject": "/x",
        "severity": "warning",
        "message": "wrong",
        "hint": "mend it",
    }
    assert logged[2]["event"] == "preflight done"
    assert (logged[2]["seconds"], logged[2]["errors"], logged[2]["warnings"]) == (0.123, 0, 2)


def test_an_error_is_logged_as_one() -> None:
    with capture_logs() as logged, pytest.raises(StartError):
        preflight.refuse(Findings([finding()]))
    assert [entry["log_level"] for entry in logged] == ["error", "info"]


async def test_a_start_that_is_cancelled_while_it_looks_leaves_no_process(watch: Path) -> None:
    slow = line(watch, type=type_of("hangs_at_import:Any"))
    with trio.move_on_after(0.3) as scope:
        await preflight.examine(config_of(watch.parent, slow))
    assert scope.cancelled_caught
    assert children() == []

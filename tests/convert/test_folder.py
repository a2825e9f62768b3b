"""Units that are folders: opened, copied for a worker, and converted there."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trio
from attrs import evolve

from pywats_trio import units
from pywats_trio.config.options import WorkerOptions
from pywats_trio.convert import folder, spool, trial
from pywats_trio.convert.opener import Opener
from pywats_trio.convert.request import Requests, describing
from pywats_trio.convert.said import Description, Done, Log, Rejected
from pywats_trio.convert.source import Location, Opened, Opening, open_source
from pywats_trio.convert.trial import Attempt, Refused
from pywats_trio.converters.api import Station
from pywats_trio.converters.registry import parse, pinned
from pywats_trio.model import Failed, Form, Reason, Superseded, Unit, Wait
from pywats_trio.units import Parts
from tests.convert.kit import running, type_of
from tests.sandbox.children import NOBODY, folder_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pywats_trio.convert.said import Died, Ending, Progress
    from pywats_trio.model import Identity


@pytest.fixture
def dut(tmp_path: Path) -> Path:
    path = tmp_path / "watch" / "DUT 1"
    (path / "deep").mkdir(parents=True)
    (path / "b.txt").write_bytes(b"22")
    (path / "a.txt").write_bytes(b"1")
    (path / "deep" / "c.txt").write_bytes(b"333")
    return path


def identity(path: Path, form: Form = Form.FOLDER) -> Identity:
    found = units.survey(Parts.of(str(path), form))
    assert found is not None
    return found.identity


def place(path: Path, form: Form = Form.FOLDER, **changes: Any) -> Location:
    scratch = path.parent.parent / "scratch"
    there = Location(str(path), str(path.parent), None, 1000, form=form, spool=str(scratch))
    return evolve(there, **changes)


def opened(there: Location) -> Opened | Failed | Superseded | Wait:
    opening = Opening(there)
    opening.run()
    result = opening.result()
    assert isinstance(result, Opened | Failed | Superseded | Wait)
    return result


def content(there: Location) -> list[Any]:
    """The index of the copy, and the bytes of each file."""
    found = opened(there)
    assert isinstance(found, Opened)
    try:
        data = os.pread(found.descriptor, 1 << 20, 0)
    finally:
        found.close()
    index = json.loads(data[found.unit["index"] :])
    return [(path, data[start : start + size]) for path, start, size, _mtime in index]


# What is copied


def test_the_copy_holds_every_file_and_leaves_nothing_in_the_scratch_folder(dut: Path) -> None:
    assert content(place(dut)) == [("a.txt", b"1"), ("b.txt", b"22"), ("deep/c.txt", b"333")]
    assert os.listdir(dut.parent.parent / "scratch") == []  # noqa: PTH208


def test_the_copy_of_a_pair_begins_with_the_header(dut: Path) -> None:
    header = dut.with_name("DUT 1.txt")
    header.write_bytes(b"head")
    found = content(place(header, Form.PAIR))
    assert found[0] == ("", b"head")
    assert [name for name, _data in found[1:]] == ["a.txt", "b.txt", "deep/c.txt"]


def test_what_is_no_file_is_left_out(dut: Path) -> None:
    (dut / "link").symlink_to("/etc/passwd")
    (dut / "folder-link").symlink_to("/etc")
    os.mkfifo(dut / "pipe")
    assert [name for name, _data in content(place(dut))] == ["a.txt", "b.txt", "deep/c.txt"]


def test_names_of_any_bytes_come_through(dut: Path) -> None:
    (dut / os.fsdecode(b"\xff\n")).write_bytes(b"x")
    assert os.fsdecode(b"\xff\n") in dict(content(place(dut)))


# Limits


@pytest.mark.parametrize(("most", "fits"), [(7, True), (6, True), (5, False)])
def test_all_files_together_have_at_most_so_many_bytes(dut: Path, most: int, *, fits: bool) -> None:
    if fits:
        content(place(dut, max_bytes=most))
        return
    found = opened(place(dut, max_bytes=most))
    assert isinstance(found, Failed)
    assert found.problem.kind == "too-large"
    assert found.problem.message.startswith("its files have 0.0 MiB, at most")


@pytest.mark.parametrize(("most", "fits"), [(5, True), (4, True), (3, False)])
def test_there_are_at_most_so_many_files(
    dut: Path, monkeypatch: pytest.MonkeyPatch, most: int, *, fits: bool
) -> None:
    monkeypatch.setattr(units, "MAX_FILES", most)
    if fits:
        content(place(dut))
        return
    found = opened(place(dut))
    assert isinstance(found, Failed)
    assert found.problem.message == f"{dut} has more than 3 files and folders in it"


# What cannot be converted


@pytest.mark.parametrize("what", ["link", "file", "gone", "empty", "all empty"])
def test_what_is_no_unit_is_refused_with_a_sentence(dut: Path, what: str) -> None:
    shutil.rmtree(dut)
    if what == "link":
        dut.symlink_to("/etc")
    elif what == "file":
        dut.write_bytes(b"x")
    elif what != "gone":
        dut.mkdir()
        if what == "all empty":
            (dut / "a").touch()
    found = opened(place(dut))
    assert isinstance(found, Failed)
    assert (found.problem.kind, found.problem.message.removeprefix(str(dut))) == {
        "link": ("unreadable", " is a link; only what it leads to can be converted"),
        "file": ("unreadable", " is not a folder"),
        "gone": ("gone", " disappeared before it was converted"),
        "empty": ("empty", "all of its files are empty"),
        "all empty": ("empty", "all of its files are empty"),
    }[what]


def test_a_header_without_its_folder_is_refused(tmp_path: Path) -> None:
    header = tmp_path / "watch" / "x.txt"
    header.parent.mkdir()
    header.write_bytes(b"x")
    found = opened(place(header, Form.PAIR))
    assert isinstance(found, Failed)
    assert found.problem.message == "the data folder 'x' is not beside the header file"


def test_what_leads_out_of_the_watch_folder_is_refused(dut: Path, tmp_path: Path) -> None:
    (tmp_path / "other").symlink_to(dut.parent)
    inside = tmp_path / "other" / dut.name
    found = opened(place(inside, folder=str(tmp_path / "elsewhere")))
    assert isinstance(found, Failed)
    assert found.problem.message == f"{inside} leads out of its watch folder"


@contextmanager
def as_a_user_whom_rights_hold() -> Iterator[None]:
    """Root reads everything."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.mark.parametrize(
    ("what", "told"), [("a.txt", "the file 'a.txt'"), ("deep", "the folder 'deep'")]
)
def test_what_may_not_be_read_is_named(what: str, told: str) -> None:
    user = NOBODY if os.geteuid() == 0 else os.geteuid()
    with folder_of(user) as theirs:  # they may not pass through the folders of pytest
        dut = Path(theirs, "watch", "DUT 1")
        (dut / "deep").mkdir(parents=True)
        (dut / "a.txt").write_bytes(b"1")
        for folder in (dut.parent, dut):
            folder.chmod(0o755)  # whatever the umask
        (dut / what).chmod(0)
        with as_a_user_whom_rights_hold():
            found = opened(place(dut))
        (dut / what).chmod(0o700)
    assert isinstance(found, Failed)
    assert found.problem.kind == "unreadable"
    assert found.problem.message == f"{dut} cannot be read: {told}: Permission denied"


def test_a_disk_that_takes_no_copy_is_waited_for(dut: Path, tmp_path: Path) -> None:
    (tmp_path / "full").write_bytes(b"a file where a folder has to be")
    found = opened(place(dut, spool=str(tmp_path / "full")))
    assert isinstance(found, Wait)
    assert (found.reason, found.counts, found.problem.kind) == (Reason.CONVERTER, False, "spool")


def test_a_disk_that_is_full_in_the_middle_is_waited_for(dut: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    found = units.survey(Parts(str(dut)))
    assert found is not None
    with open("/dev/full", "wb", buffering=0) as full:  # noqa: PTH123
        held = units.hold(Parts(str(dut)))
        copy = spool._Copy(full, {member.path: member for member in found.members}, lambda: False)  # noqa: SLF001
        with pytest.raises(spool.Unwritten):
            copy.all_of(held)
        held.close()


# What changes


def test_a_unit_that_is_not_what_was_accepted_is_superseded(dut: Path) -> None:
    before = identity(dut)
    assert content(place(dut, expected=before))
    (dut / "new").touch()
    assert opened(place(dut, expected=before)) == Superseded("it was changed while it waited")


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "b.txt").unlink(),
        lambda folder: (folder / "new").touch(),
        lambda folder: (folder / "b.txt").write_bytes(b"333"),
        lambda folder: shutil.rmtree(folder / "deep"),
        shutil.rmtree,
    ],
)
def test_a_unit_that_changes_while_it_is_copied_is_superseded(
    dut: Path, monkeypatch: pytest.MonkeyPatch, change: Any
) -> None:
    fill = spool.fill

    def change_then_fill(*args: Any) -> Any:
        change(dut)
        return fill(*args)

    monkeypatch.setattr(spool, "fill", change_then_fill)
    assert isinstance(opened(place(dut)), Superseded | Failed)


def test_a_unit_that_changes_behind_the_copy_is_superseded(
    dut: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill = spool.fill

    def fill_then_change(*args: Any) -> Any:
        copied = fill(*args)
        (dut / "a.txt").write_bytes(b"9")
        return copied

    monkeypatch.setattr(spool, "fill", fill_then_change)
    assert opened(place(dut)) == Superseded("it was changed while it was read")


CHANGES: list[tuple[Callable[[Path], object], bool]] = [
    (lambda _unit: None, False),
    (lambda unit: (unit / "new").touch(), True),
    (lambda unit: unit.rename(unit.with_name("moved")), False),
    (lambda unit: (unit.rename(unit.with_name("moved")) / "new").touch(), True),
    (shutil.rmtree, False),
]


@pytest.mark.parametrize(("change", "changed"), CHANGES)
async def test_after_its_conversion_a_unit_is_looked_at_again_wherever_it_lies(
    dut: Path, change: Callable[[Path], object], *, changed: bool
) -> None:
    unit = opened(place(dut))
    assert isinstance(unit, Opened)
    change(dut)
    opener = Opener(trio.CapacityLimiter(1))
    async with trio.open_nursery() as nursery:
        await nursery.start(opener.run)
        assert await opener.has_changed(unit) is changed
        nursery.cancel_scope.cancel()
    unit.close()


async def test_a_copy_that_nobody_waits_for_is_given_up(
    dut: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()
    run = folder.open_unit

    def slow(there: Location, unwanted: Any) -> Opened:
        begun.set()
        go_on.wait(10)
        try:
            return run(there, unwanted)
        finally:
            ended.set()

    monkeypatch.setattr("pywats_trio.convert.source.open_unit", slow)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(open_source, place(dut))
        await trio.to_thread.run_sync(begun.wait)
        nursery.cancel_scope.cancel()
    go_on.set()
    assert await trio.to_thread.run_sync(ended.wait, 10)  # the room's fixture counts descriptors


# In a worker


async def asked(
    tmp_path: Path, name: str, path: Path, form: Form = Form.FOLDER, *, do: str = "convert"
) -> tuple[Ending | Died, list[str]]:
    spec = pinned(parse(type_of(f"folders:{name}")))
    requests = Requests.of(
        spec, converter="line", arguments={}, station=Station("S1"), instance="test"
    )
    said: list[str] = []

    def hear(remark: Log | Progress) -> None:
        if isinstance(remark, Log):
            said.append(remark.message)

    source = opened(place(path, form))
    assert isinstance(source, Opened)
    try:
        make = requests.convert if do == "convert" else requests.detect
        request = make(str(path), source.identity, unit=source.unit)
        async with running(tmp_path) as pool:
            return await pool.ask(spec, "line", request, source.descriptor, hear), said
    finally:
        source.close()


async def test_a_converter_sees_all_files_and_facts(tmp_path: Path, dut: Path) -> None:
    os.utime(dut / "b.txt", (2000, 2_000_000_000))
    answer, [told] = await asked(tmp_path, "Folders", dut)
    assert isinstance(answer, Done)
    assert json.loads(told) == {
        "name": "DUT 1",
        "size": 6,
        "mtime": 2_000_000_000.0,
        "files": {"a.txt": "1", "b.txt": "22", "deep/c.txt": "333"},
        "paths": [f"{dut}/a.txt", f"{dut}/b.txt", f"{dut}/deep/c.txt"],
    }
    assert (answer.size, answer.mtime_ns) == (6, 2_000_000_000 * 10**9)


async def test_a_header_is_read_as_the_source_itself(tmp_path: Path, dut: Path) -> None:
    header = dut.with_name("DUT 1.txt")
    header.write_text("Serial=7")
    answer, said = await asked(tmp_path, "Pairs", header, Form.PAIR)
    assert isinstance(answer, Done)
    assert said == ["header Serial=7"]


def sha256_of(folder: Path, header: bytes | None = None) -> str:
    """As the documentation says it, with tools that everybody has."""
    script = (
        "find . -type f -printf '%P\\0' | LC_ALL=C sort -z | xargs -0 sha256sum -z | cat \"$1\" -"
    )
    head = folder.parent.parent / "head"
    head.write_bytes(b"")
    if header is not None:
        digest = hashlib.sha256(header).hexdigest()
        head.write_bytes(f"{digest}  -\0".encode())
    ran = subprocess.run(
        ["/bin/sh", "-c", script, "sh", str(head)], capture_output=True, check=True, cwd=folder
    )
    return hashlib.sha256(ran.stdout).hexdigest()


@pytest.mark.parametrize("pair", [False, True])
async def test_ids_are_made_from_names_and_contents(
    tmp_path: Path, dut: Path, *, pair: bool
) -> None:
    (dut / "an odd\nname").write_bytes(b"4")
    header = dut.with_name("DUT 1.txt")
    header.write_bytes(b"head")
    unit = (header, Form.PAIR) if pair else (dut, Form.FOLDER)
    answer, _said = await asked(tmp_path, "Pairs" if pair else "Folders", *unit)
    assert isinstance(answer, Done)
    assert answer.sha256 == sha256_of(dut, b"head" if pair else None)


async def test_the_same_unit_gives_the_same_ids_and_another_name_of_a_file_gives_others(
    tmp_path: Path, dut: Path
) -> None:
    ids = []
    for change in (None, "touch", "rename"):
        if change == "touch":
            os.utime(dut / "a.txt", (1, 1))
        elif change == "rename":
            (dut / "a.txt").rename(dut / "a2.txt")
        answer, _said = await asked(tmp_path, "Folders", dut)
        assert isinstance(answer, Done)
        ids.append(answer.reports[0].report_id)
    assert ids[0] == ids[1] != ids[2]


async def test_all_that_a_converter_has_of_its_unit_is_a_copy_that_it_cannot_change(
    tmp_path: Path, dut: Path
) -> None:
    _answer, said = await asked(tmp_path, "Probes", dut)
    told = json.loads(said[0])
    assert told["writes"] == "Bad file descriptor"
    assert told["reads"] == "'DUT 1' is a folder; read one of its `files`"


@pytest.mark.parametrize(
    ("name", "form", "why"),
    [
        ("Pairs", Form.FOLDER, "takes files with their folders, and this is a folder"),
        ("Folders", Form.PAIR, "takes folders, and this is a file with its folder"),
    ],
)
async def test_a_converter_is_not_given_what_it_does_not_take(
    tmp_path: Path, dut: Path, name: str, form: Form, why: str
) -> None:
    header = dut.with_name("DUT 1.txt")
    header.write_bytes(b"head")
    answer, _said = await asked(tmp_path, name, header if form is Form.PAIR else dut, form)
    assert isinstance(answer, Rejected)
    assert answer.why == f"the converter {name.lower()!r} {why}"
    answer, _said = await asked(
        tmp_path, name, header if form is Form.PAIR else dut, form, do="detect"
    )
    assert getattr(answer, "certainty", None) == 0.0


async def test_zero_bytes_everywhere_are_told_as_what_they_are(tmp_path: Path, dut: Path) -> None:
    for path in (dut / "a.txt", dut / "b.txt", dut / "deep" / "c.txt"):
        path.write_bytes(bytes(10))
    answer, _said = await asked(tmp_path, "Refuses", dut)
    assert isinstance(answer, Rejected)
    assert answer.why.startswith("its files hold only zero bytes")


async def described(tmp_path: Path, type_: str) -> Ending | Died:
    spec = pinned(parse(type_))
    async with running(tmp_path) as pool:
        return await pool.ask(spec, "line", describing(spec))


async def test_a_converter_says_which_units_it_takes(tmp_path: Path) -> None:
    for name, unit in (
        ("Marked", Unit(Form.FOLDER, "COMPLETE.marker", 1, 0.0)),
        ("Three", Unit(Form.FOLDER, "", 3, 0.05)),
        ("Pairs", Unit(Form.PAIR, "", 1, 0.05)),
    ):
        answer = await described(tmp_path, type_of(f"folders:{name}"))
        assert isinstance(answer, Description)
        assert answer.unit == unit
    answer = await described(tmp_path, "csv")
    assert isinstance(answer, Description)
    assert answer.unit is None


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("unit = 'folders'", "has the unit 'folders'; it is one of"),
        ("marker = 'a/b'", "has the marker 'a/b'; give the name of a file"),
        ("marker = '..'", "has the marker '..'"),
        ("minimum_files = -1", "has minimum_files = -1; give 0 to 10000"),
        ("minimum_files = 10_001", "has minimum_files = 10001; give 0 to 10000"),
        ("quiet_seconds = -0.1", "has quiet_seconds = -0.1; give 0 to 86400"),
        ("quiet_seconds = 86_401", "has quiet_seconds = 86401"),
        ("quiet_seconds = float('nan')", "has quiet_seconds = nan"),
    ],
)
async def test_a_unit_that_makes_no_sense_is_told(tmp_path: Path, line: str, why: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text(CLASS.format(line))
    answer = await described(tmp_path, f"{file}:Mine")
    assert why in getattr(answer, "why", "")


@pytest.mark.parametrize("line", ["minimum_files = 0", "minimum_files = 10_000"])
async def test_a_unit_at_its_limits_is_taken(tmp_path: Path, line: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text(CLASS.format(line))
    assert isinstance(await described(tmp_path, f"{file}:Mine"), Description)


CLASS = """
from pywats_trio.converters import FolderConverter
class Mine(FolderConverter):
    id = "mine"
    {}
    def convert(self, source, context):
        return ()
"""


# converters test


async def tried(path: Path, type_: str | None) -> trial.Trial:
    return await trial.try_file(Attempt(path, type_), WorkerOptions(timeout_seconds=5))


async def test_a_folder_can_be_tried(dut: Path) -> None:
    found = await tried(dut, type_of("folders:Folders"))
    assert found.reports[0].serial_number == "DUT 1"


@pytest.mark.parametrize(
    ("type_", "why"),
    [
        (None, "is a folder; name a converter that takes folders with --converter"),
        ("csv", "is a folder, and the converter 'csv' takes files"),
        (type_of("folders:Pairs"), "is a folder; give the header file that lies beside it"),
    ],
)
async def test_a_folder_that_nobody_takes_is_refused(
    dut: Path, type_: str | None, why: str
) -> None:
    with pytest.raises(Refused, match=why):
        await tried(dut, type_)


async def test_a_file_is_no_folder(good: Path) -> None:
    with pytest.raises(Refused, match="is not a folder"):
        await tried(good, type_of("folders:Folders"))

"""Putting units that are folders away, on real folders, cut off between any two steps."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pywats_trio import units
from pywats_trio.intake import moves, unitmoves
from pywats_trio.model import Converted, Envelope, Form, Item, Kind, State
from pywats_trio.units import Parts
from tests.intake.test_putaway import (
    DONE,
    REFUSED,
    cut_off,
    is_away,
    listed,
    put_away,
    running,
    use,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pywats_trio.config.options import ConverterOptions
    from pywats_trio.model import Identity, Outcome
    from tests.intake.conftest import Site

BOTH = pytest.mark.parametrize("form", [Form.FOLDER, Form.PAIR])
SHM = Path("/dev/shm")


def make(path: Path, form: Form, data: str = "1") -> Path:
    """A unit; the path that it is known under."""
    (path / "deep").mkdir(parents=True)
    (path / "a.txt").write_text(data)
    (path / "deep" / "b.txt").write_text(data)
    (path / "link").symlink_to("a.txt")
    if form is Form.FOLDER:
        return path
    header = path.with_name(f"{path.name}.txt")
    header.write_text(data)
    return header


def identity(path: Path, form: Form) -> Identity:
    found = units.survey(Parts.of(str(path), form))
    assert found is not None
    return found.identity


async def finished(site: Site, form: Form, *names: str, outcome: Outcome = DONE) -> list[Item]:
    """Units that were dropped, accepted and finished with `outcome`."""
    paths = [make(site.folder / name, form, f"{name} {form}") for name in names]
    ids = await site.store.put(
        [
            Envelope(Kind.FILE, "line-3", str(path), identity=identity(path, form), form=form)
            for path in paths
        ]
    )
    for claim in await site.store.claim(Kind.FILE, 1000, "test"):
        await site.store.finish(claim, outcome)
    found = [await site.desk.item(item_id) for item_id in ids if item_id is not None]
    return [item for item in found if item is not None]


def unit_at(name: str, form: Form) -> list[str]:
    """The files of one below a folder."""
    found = [f"{name}/a.txt", f"{name}/deep/b.txt", f"{name}/link"]
    return found if form is Form.FOLDER else sorted([*found, f"{name}.txt"])


def known_as(name: str, form: Form) -> str:
    return name if form is Form.FOLDER else f"{name}.txt"


@BOTH
async def test_a_converted_unit_moves_to_done_whole_and_its_row_says_where(
    site: Site, form: Form
) -> None:
    [item] = await finished(site, form, "DUT 1.5")
    [away] = await put_away(site, [item])
    assert away.source == str(site.folder / "Done" / known_as("DUT 1.5", form))
    assert listed(site.folder) == unit_at("Done/DUT 1.5", form)
    assert item.identity == identity(Path(away.source), form)
    assert await site.desk.seen("line-3") == {}


@BOTH
async def test_a_refused_unit_is_explained_beside_it(site: Site, form: Form) -> None:
    [item] = await finished(site, form, "DUT 1", outcome=REFUSED)
    [away] = await put_away(site, [item], site.options(post_action="delete"))
    name = known_as("DUT 1", form)
    assert listed(site.folder) == sorted(
        [*unit_at("Error/DUT 1", form), f"Error/{name}.error.json"]
    )
    told = json.loads((site.folder / "Error" / f"{name}.error.json").read_text())
    assert (told["item_id"], told["why"]) == (item.id, "line 3: no serial number")
    assert away.source == str(site.folder / "Error" / name)


@BOTH
@pytest.mark.parametrize("asked", [False, True])
@pytest.mark.parametrize("action", ["archive", "keep", "delete"])
async def test_the_other_actions(site: Site, form: Form, action: str, *, asked: bool) -> None:
    done = Converted((), "00" * 32, after=action if asked else "move")
    [item] = await finished(site, form, "DUT 1", outcome=done)
    [away] = await put_away(site, [item], site.options(post_action="" if asked else action))
    day = Path(away.source).parent.name
    left = {
        "archive": unit_at(f"Archive/{day}/DUT 1", form),
        "keep": unit_at("DUT 1", form),
        "delete": [],
    }[action]
    assert listed(site.folder) == left
    assert os.listdir(site.folder) or action == "delete"  # noqa: PTH208


@BOTH
@pytest.mark.parametrize("taken", ["folder", "header"])
async def test_a_name_is_free_only_if_both_parts_are(site: Site, form: Form, taken: str) -> None:
    [item] = await finished(site, form, "DUT 1.5")
    done = site.folder / "Done"
    done.mkdir()
    if taken == "folder":
        (done / "DUT 1.5").mkdir()
        (done / "DUT 1.5" / "other").touch()
    else:
        (done / "DUT 1.5.txt").touch()
    [away] = await put_away(site, [item])
    name = "DUT 1.5" if (form, taken) == (Form.FOLDER, "header") else "DUT 1.5 (2)"
    assert away.source == str(done / known_as(name, form))
    assert set(unit_at(f"Done/{name}", form)) <= set(listed(site.folder))


@BOTH
async def test_another_unit_under_its_name_is_left_alone(site: Site, form: Form) -> None:
    [item] = await finished(site, form, "DUT 1")
    (site.folder / "DUT 1" / "a.txt").write_text("newer")
    [away] = await put_away(site, [item])
    assert listed(site.folder) == unit_at("DUT 1", form)
    assert away.source == item.source
    history = await site.desk.history_of(item.id)
    assert history[-1].message == "another file lies under its name now, which was left alone"


@BOTH
async def test_a_unit_that_is_replaced_between_the_look_and_the_move_goes_back(
    site: Site, form: Form, monkeypatch: pytest.MonkeyPatch
) -> None:
    [item] = await finished(site, form, "DUT 1")
    rename = moves.rename_exclusively
    replaced: list[str] = []

    def replace_then_rename(source: str, target: str) -> None:
        if not replaced:
            (site.folder / "DUT 1" / "a.txt").write_text("newer")
            replaced.append(source)
        rename(source, target)

    monkeypatch.setattr(moves, "rename_exclusively", replace_then_rename)
    await put_away(site, [item])
    assert listed(site.folder) == unit_at("DUT 1", form)
    assert (site.folder / "DUT 1" / "a.txt").read_text() == "newer"


async def test_a_folder_that_cannot_be_moved_brings_its_header_back(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    [item] = await finished(site, Form.PAIR, "DUT 1")
    rename = moves.rename_exclusively
    failures = [OSError(5, "Input/output error")]

    def fail_once(source: str, target: str) -> None:
        if failures and source.endswith("DUT 1"):
            raise failures.pop()
        rename(source, target)

    monkeypatch.setattr(moves, "rename_exclusively", fail_once)
    source, target = (Parts.of(f"{site.folder}/{name}.txt", Form.PAIR) for name in ("DUT 1", "x"))
    assert item.identity is not None
    with pytest.raises(OSError, match="Input/output error"):
        unitmoves.move(source, target, item.identity)
    assert listed(site.folder) == unit_at("DUT 1", Form.PAIR)
    unitmoves.move(source, target, item.identity)
    assert listed(site.folder) == unit_at("x", Form.PAIR)


# Cut off


ENDS: list[tuple[str, Outcome]] = [("move", DONE), ("delete", DONE), ("move", REFUSED)]
POINTS = [
    *((form, "putaway.named", n) for form in (Form.FOLDER, Form.PAIR) for n in (1, 2)),
    *((Form.FOLDER, "putaway.linked", n) for n in (1, 2)),
    *((Form.PAIR, "putaway.linked", n) for n in (1, 2, 3, 4)),
    *((form, "putaway.moved", 1) for form in (Form.FOLDER, Form.PAIR)),
    *((form, "putaway.before_commit", 1) for form in (Form.FOLDER, Form.PAIR)),
]


@pytest.mark.parametrize("renaming", ["renameat2", "placeholders"])
@pytest.mark.parametrize("at", POINTS, ids=str)
@pytest.mark.parametrize("end", ENDS, ids=["done", "deleted", "refused"])
async def test_cut_off_between_any_two_steps_the_rest_is_done_by_the_next_run(
    site: Site, at: tuple[Form, str, int], end: tuple[str, Outcome], renaming: str
) -> None:
    form, point, n = at
    action, outcome = end
    options = site.options(post_action=action)
    items = await finished(site, form, "a", "b", outcome=outcome)
    with pytest.MonkeyPatch.context() as patch:
        use(renaming, patch)
        await cut_off(site, point, options, n)
        away = await put_away(site, items, options)
    folder = "Done" if outcome is DONE else "Error"
    whole = [name for unit in "ab" for name in unit_at(f"{folder}/{unit}", form)]
    if outcome is REFUSED:
        whole += [f"Error/{known_as(unit, form)}.error.json" for unit in "ab"]
    assert listed(site.folder) == ([] if action == "delete" else sorted(whole))
    assert [item.state is State.COMPLETED for item in away] == [outcome is DONE] * 2
    left = {"Done", "Error"} & set(os.listdir(site.folder))  # noqa: PTH208
    assert set(os.listdir(site.folder)) == left  # noqa: PTH208


# Another file system


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    if not SHM.is_dir() or SHM.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system")
    folder = SHM / f"pywats-trio-unit-{os.getpid()}"
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


def away_to(site: Site, elsewhere: Path) -> ConverterOptions:
    return site.options(done_dir=str(elsewhere))


@BOTH
async def test_a_unit_is_copied_whole_to_another_file_system(
    site: Site, form: Form, elsewhere: Path
) -> None:
    (elsewhere / known_as("a", form)).touch()
    [item] = await finished(site, form, "a")
    os.mkfifo(site.folder / "a" / "pipe")
    before = identity(site.folder / known_as("a", form), form)
    [away] = await put_away(site, [item], away_to(site, elsewhere))
    assert away.source == str(elsewhere / known_as("a (2)", form))
    assert listed(site.folder) == []
    assert listed(elsewhere) == sorted([known_as("a", form), *unit_at("a (2)", form)])
    after = identity(Path(away.source), form)
    assert (after.size, after.mtime_ns) == (before.size, before.mtime_ns)


@pytest.mark.parametrize(
    ("form", "n"), [*((Form.FOLDER, n) for n in (1, 2, 3)), *((Form.PAIR, n) for n in range(1, 6))]
)
async def test_a_copy_that_was_cut_off_is_finished_by_the_next_run(
    site: Site, form: Form, elsewhere: Path, n: int
) -> None:
    options = away_to(site, elsewhere)
    items = await finished(site, form, "a")
    await cut_off(site, "putaway.linked", options, n)
    [away] = await put_away(site, items, options)
    assert away.source == str(elsewhere / known_as("a", form))
    assert listed(elsewhere) == unit_at("a", form)
    assert os.listdir(site.folder) == []  # noqa: PTH208


async def test_a_copy_that_was_killed_in_the_middle_is_made_anew(
    site: Site, elsewhere: Path
) -> None:
    [item] = await finished(site, Form.PAIR, "a")
    shutil.copy2(site.folder / "a.txt", elsewhere / "a.txt")  # the header had its name already
    left = elsewhere / f".{item.id}.unit.pywats-trio.tmp"
    left.mkdir()
    (left / "half").touch()
    [away] = await put_away(site, [item], away_to(site, elsewhere))
    assert away.source == str(elsewhere / "a.txt")
    assert listed(elsewhere) == unit_at("a", Form.PAIR)
    assert sorted(os.listdir(elsewhere)) == ["a", "a.txt"]  # noqa: PTH208


async def test_a_unit_that_changes_while_it_is_copied_stays(
    site: Site, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [item] = await finished(site, Form.FOLDER, "a")
    copy = moves.copy

    def copy_then_change(source: str, ours: str, check: object) -> None:
        copy(source, ours, lambda: None)
        (site.folder / "a" / "new").touch()

    monkeypatch.setattr(moves, "copy", copy_then_change)
    async with running(site, away_to(site, elsewhere)):
        await is_away(site, item)
    assert listed(site.folder) == ["a/a.txt", "a/deep/b.txt", "a/link", "a/new"]
    assert os.listdir(elsewhere) == []  # noqa: PTH208

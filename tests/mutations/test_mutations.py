"""A few broken samples of every converter, and proof that the harness sees what it must see.

Ten thousand of each are run by `python -m tests.mutations`.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from random import Random
from typing import Final

import pytest

from tests.mutations import changes
from tests.mutations.__main__ import main
from tests.mutations.specimens import LARGE, Specimen, Subject, cut_down, subject, subjects
from tests.mutations.trials import Case, Tally, cases, laid, running, try_all, wrong_with
from tests.mutations.units import Unit, mutated
from tests.sandbox.children import kernel_layers

COUNT: Final = 40
SEED: Final = 1
BAD: Final = f"{Path(__file__).with_name('bad_converters.py')}:Bad"
TEXT: Final = b"<a x='1'>\r\n  <b>2.5 \xc3\xa5 word</b>\n</a>\n" * 5


def case(name: str, content: bytes = b"good") -> Case:
    """One that has the bad converter do what `name` says, whatever becomes of the bytes."""
    specimen = Specimen(name, Unit(name, content))
    return Case(Subject("bad", BAD, False, (specimen,)), specimen, SEED, 0)


# Converters


@kernel_layers
async def test_no_converter_is_broken_by_broken_samples(tmp_path: Path) -> None:
    tally = Tally()
    chosen = [one for name in subjects() for one in cases(subject(name), SEED, COUNT)]
    async with running(tmp_path) as pool:
        await try_all(pool, tmp_path, chosen, tally)
    assert [f"{one.why}: {one.case.command()}" for one in tally.failures] == []
    assert sum(tally.ended.values()) == COUNT * len(subjects())
    assert tally.ended["Done"] > len(subjects())
    assert tally.ended["Rejected"] > len(subjects())


# The harness


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("raise", "the converter failed: ValueError: of Python's own"),
        ("hang", "timeout: the conversion did not end: it took longer than 0.5 s"),
        ("eat", "memory"),
        ("silent", "refused without a reason"),
        ("speechless", "a finding without a message"),
    ],
)
async def test_what_must_not_be_is_seen(tmp_path: Path, name: str, why: str) -> None:
    tally = Tally()
    chosen = [case(name), case("good")]
    seconds = 0.5 if name == "hang" else 60
    async with running(tmp_path, sandbox="basic", timeout_seconds=seconds, memory_mb=128) as pool:
        await try_all(pool, tmp_path, chosen, tally)
    (failure,) = tally.failures
    assert why.lower() in failure.why.lower()
    assert failure.case is chosen[0]
    assert sum(tally.ended.values()) == 2
    assert tally.reasons == ({"no report in it": 1} if name != "silent" else tally.reasons)


def test_an_answer_of_another_kind_is_wrong_too() -> None:
    from pywats_trio.convert.said import Detected

    assert wrong_with(Detected(0.5)) == "it was answered with Detected"


def test_a_failure_is_told_with_what_to_type(capsys: pytest.CaptureFixture[str]) -> None:
    one = case("raise")
    assert one.command() == (
        f"python -m tests.mutations --seed 1 --number 0 --sample 'raise' bad={BAD}"
    )
    with pytest.raises(SystemExit):
        main(["--sample", "x"])
    assert "--sample and --number belong together" in capsys.readouterr().err


# What is broken, and how


def test_a_case_is_the_same_whenever_it_is_made() -> None:
    about = subject("csv")
    first = [one.unit() for one in cases(about, SEED, 100)]
    again = [one.unit() for one in cases(subject("csv"), SEED, 100)]
    assert first == again
    assert len({unit.content for unit in first}) > 80
    assert first != [one.unit() for one in cases(about, SEED + 1, 100)]
    number = 57
    chosen = about.specimens[number % len(about.specimens)]
    assert Case(about, about.named(chosen.name), SEED, number).unit() == first[number]


@pytest.mark.parametrize("change", dict.fromkeys(changes.ALL))
def test_each_change_changes_something_and_is_bounded(change: changes.Change) -> None:
    random = Random(SEED)
    found = {change(random, TEXT) for _ in range(50)}
    assert len(found - {TEXT}) > 3
    assert max(map(len, found)) <= changes.MOST
    for tiny in (b"x", b"\n", b"\xff", b"1;"):
        for _ in range(20):
            change(random, tiny)


def test_every_encoding_comes_with_its_mark_and_without() -> None:
    random = Random(SEED)
    found = {changes.encode_otherwise(random, "å".encode()) for _ in range(1000)}
    for encoding in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-8", "latin-1"):
        assert "å".encode(encoding) in found
    assert "å".encode("utf-8-sig") in found
    assert b"\xff\xfe" + "å".encode("utf-16-le") in found


def zipped(files: dict[str, bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return data.getvalue()


def test_archives_are_broken_within_and_as_they_are() -> None:
    files = {"run 1/log.xml": TEXT, "run 2/log.xml": TEXT[:40]}
    unit, random = Unit("a.zip", zipped(files)), Random(SEED)
    whole, inside, names = 0, 0, set()
    for _ in range(300):
        data = mutated(random, unit).content
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                found = {name: archive.read(name) for name in archive.namelist()}
        except Exception:  # noqa: BLE001 - a container can be broken in any way
            whole += 1
            continue
        names |= {*found}
        inside += any(found.get(name, content) != content for name, content in files.items())
    assert whole > 20
    assert inside > 50
    assert len(names) > 5


def test_units_lose_members_and_get_others() -> None:
    files = {"a.txt": b"1;2\n", "b.txt": b"3;4\n"}
    unit, random = Unit("DUT.txt", b"head 1\n", files), Random(SEED)
    found = [mutated(random, unit) for _ in range(300)]
    folders = [one.folder or {} for one in found]
    assert any(one.content != unit.content for one in found)
    assert any(folder == {"a.txt": files["a.txt"]} for folder in folders)
    assert any(set(folder) - set(files) for folder in folders)
    assert any(folder.keys() == files.keys() and folder != files for folder in folders)
    assert unit.folder == files == {"a.txt": b"1;2\n", "b.txt": b"3;4\n"}


def test_a_unit_lies_as_a_watch_folder_has_it(tmp_path: Path) -> None:
    place = tmp_path / "0"
    header = laid(Unit("DUT 1.txt", b"head", {"deep/a.txt": b"1"}), place)
    assert header.read_bytes() == b"head"
    assert (place / "DUT 1" / "deep" / "a.txt").read_bytes() == b"1"
    laid(Unit("DUT 2.txt", b"head", {}), place)
    assert sorted(one.name for one in place.iterdir()) == ["DUT 2", "DUT 2.txt"]


def test_large_samples_are_cut_down_and_stay_what_they_are() -> None:
    json = b'{"a": [' + b",".join([b'{"b": 1}'] * 20_000) + b"]}"
    assert cut_down(json).count(b'"b"') == 4
    xml = b"<r><h>1</h>" + 20_000 * b"<row n='1'>2</row>" + b"</r>"
    assert cut_down(xml).count(b"<row") == 4
    assert cut_down(xml).count(b"<h>") == 1
    lines = b"".join(b"line %d\n" % number for number in range(20_000))
    assert cut_down(lines).startswith(b"line 0\n")
    assert cut_down(lines).endswith(b"line 19999\n")
    assert len(cut_down(lines)) < LARGE
    assert cut_down(b"x" * LARGE) == b"x" * LARGE


def test_every_standard_converter_has_samples() -> None:
    assert {name: len(subject(name).specimens) for name in subjects()}.keys() == {*subjects()}
    assert all(subject(name).specimens for name in subjects())

"""What classes of pyWATS say of their file, and what they read without declaring it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pywats_trio.convert.trial import CannotUse, describe
from tests.pywats.kit import OPTIONS, convert, type_of

if TYPE_CHECKING:
    from pathlib import Path

OLD = "after:OldDeclaresNothing"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "unit.txt"
    path.write_text("-")
    return path


@pytest.mark.parametrize(
    ("name", "action", "after"),
    [
        ("AsTheFileSays", "-", ""),
        ("AsTheFileSays", "move", ""),
        ("AsTheFileSays", "delete", "delete"),
        ("AsTheFileSays", "keep", "keep"),
        ("AsTheFileSays", "zip", "archive"),
        ("UsuallyDeletes", "-", "delete"),
        ("UsuallyDeletes", "keep", "keep"),
    ],
)
async def test_the_action_of_a_result_or_else_of_its_class_is_what_the_converter_asks(
    file: Path, name: str, action: str, after: str
) -> None:
    file.write_text(action)  # noqa: ASYNC240 - a few bytes
    assert (await convert(file, f"after:{name}")).after == after


@pytest.mark.parametrize(
    ("name", "action", "why"),
    [
        ("AsTheFileSays", "burn", "ValueError: 'burn' is no post action; write move, delete"),
        ("DoesNotKnow", "-", "RuntimeError: not decided"),
    ],
)
async def test_a_class_that_asks_for_what_there_is_not_is_told_and_its_reports_are_kept(
    file: Path, name: str, action: str, why: str
) -> None:
    file.write_text(action)  # noqa: ASYNC240 - a few bytes
    said: list[str] = []
    trial = await convert(file, f"after:{name}", said=said)
    assert (len(trial.reports), trial.after) == (1, "")
    assert said[-1].startswith(f"WARNING post_action of the class raised {why}")


@pytest.mark.parametrize(
    ("name", "serial"),
    [("DeclaresNothing", "SN-9"), ("OldDeclaresNothing", "SN-9-SN-9"), ("CannotSay", "SN-9-SN-9")],
)
async def test_arguments_reach_a_class_that_declares_none(
    file: Path, name: str, serial: str
) -> None:
    trial = await convert(file, f"after:{name}", arguments={"serial": "SN-9", "deep": {"a": [1]}})
    assert trial.reports[0].serial_number == serial


async def test_a_setting_that_the_class_reads_can_decide_what_becomes_of_the_file(
    file: Path,
) -> None:
    assert (await convert(file, OLD, arguments={"post_action": "delete"})).after == "delete"


@pytest.mark.parametrize("name", ["DeclaresNothing", "OldDeclaresNothing", "CannotSay"])
async def test_it_is_told_that_the_class_does_not_declare_them(name: str) -> None:
    about = await describe(type_of(f"after:{name}"), OPTIONS, {"serial": "SN-9"}, {})
    assert about.mistakes == ({}, {})
    sentence = "its class does not declare it, so it is handed on unchecked"
    assert about.notes == ({"serial": sentence}, {})


async def test_the_thresholds_are_checked_and_near_names_suggested_all_the_same(file: Path) -> None:
    kind = type_of("after:DeclaresNothing")
    about = await describe(kind, OPTIONS, {"alarm_threshold": 1.1}, {"alarm_treshold": 0.5})
    assert [list(one) for one in about.mistakes] == [["alarm_threshold"], []]
    assert about.notes[1]["alarm_treshold"].endswith("; did you mean 'alarm_threshold'?")
    with pytest.raises(CannotUse, match=r"'alarm_threshold' is 1\.1; at most 1"):
        await convert(file, "after:DeclaresNothing", arguments={"alarm_threshold": 1.1})


@pytest.mark.parametrize("name", ["old_csv:OldCsvConverter", "bench_log:BenchLogConverter"])
async def test_a_misspelled_argument_of_a_class_that_declares_some_is_a_mistake(name: str) -> None:
    given = {"delimter": ";", "operatoin": 10}
    about = await describe(type_of(name), OPTIONS, given)
    assert about.notes == ({},)
    wanted = "delimiter" if name.startswith("old") else "operation"
    assert any(f"did you mean {wanted!r}?" in why for why in about.mistakes[0].values())
    assert set(about.mistakes[0]) == set(given)

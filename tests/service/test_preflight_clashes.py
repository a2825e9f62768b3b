"""Converters that are in each other's way through links, and by what their authors say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pywats_trio.config.options import Config, ConverterOptions
from pywats_trio.service import preflight
from tests.convert.kit import type_of

if TYPE_CHECKING:
    from pathlib import Path

    from pywats_trio.service.preflight import Finding

JSON = ("*.json",)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    for name in ("a", "b", "data"):
        (tmp_path / name).mkdir()
    return tmp_path


def line(name: str, watch: Path, **more: Any) -> ConverterOptions:
    return ConverterOptions(
        **{"name": name, "type": "wats-json", "watch": watch, "patterns": JSON, **more}
    )


async def clashes(
    base: Path, *lines: ConverterOptions, before: tuple[ConverterOptions, ...] | None = None
) -> list[Finding]:
    config = Config(data_dir=base / "data", converters=lines)
    former = None if before is None else Config(data_dir=base / "data", converters=before)
    found = await preflight.examine(config, former, server_seconds=0)
    assert not [one for one in found if one.check in {"folder", "converter", "data_dir"}]
    return [one for one in found if one.check == "clash"]


async def test_one_folder_under_two_names_is_found(base: Path) -> None:
    (base / "link").symlink_to(base / "a")
    [found] = await clashes(base, line("one", base / "a"), line("two", base / "link"))
    assert (found.severity, found.exit_code) == ("error", 20)
    assert "'one' and 'two' would both take a file such as '*.json'" in found.message.replace(
        "'two' and 'one'", "'one' and 'two'"
    )


async def test_one_folder_with_different_patterns_is_no_clash(base: Path) -> None:
    (base / "link").symlink_to(base / "a")
    other = line("two", base / "link", patterns=("*.xml",))
    assert await clashes(base, line("one", base / "a"), other) == []


async def test_a_link_into_a_recursive_watch_is_found(base: Path) -> None:
    (base / "a" / "deep").mkdir()
    (base / "link").symlink_to(base / "a" / "deep")
    lines = line("all", base / "a", recursive=True), line("deep", base / "link")
    [found] = await clashes(base, *lines)
    assert "both take" in found.message
    assert await clashes(base, line("all", base / "a"), lines[1]) == []


async def test_the_patterns_of_a_standard_type_are_known(base: Path) -> None:
    same = line("one", base / "a", patterns=()), line("two", base / "a")
    [found] = await clashes(base, *same)
    assert "such as '*.json'" in found.message
    assert await clashes(base, same[0], line("xml", base / "a", type="wats-xml", patterns=())) == []


async def test_the_patterns_of_a_custom_type_are_asked_of_its_author(base: Path) -> None:
    custom = line("custom", base / "a", type=type_of("good:Good"), patterns=())
    [found] = await clashes(base, custom, line("two", base / "a", patterns=("*.txt",)))
    assert "such as '*.txt'" in found.message
    assert await clashes(base, custom, line("two", base / "a")) == []


@pytest.mark.parametrize(
    ("key", "action", "severity"),
    [
        ("done_dir", "move", "error"),
        ("archive_dir", "archive", "error"),
        ("error_dir", "delete", "warning"),
    ],
)
async def test_a_target_folder_that_another_converter_watches_is_found(
    key: str, action: str, severity: str, base: Path
) -> None:
    """A refused file that another one tries may be meant so."""
    first = line("one", base / "a", post_action=action, **{key: str(base / "b")})
    [found] = await clashes(base, first, line("two", base / "b"))
    assert found.severity == severity
    assert f"converters.one.{key}: 'two' would take a file such as '*.json'" in found.message
    assert await clashes(base, first, line("two", base / "b", patterns=("*.xml",))) == []
    assert await clashes(base, first, line("two", base / "b", ignore=("*",))) == []


async def test_a_target_folder_that_is_not_used_is_no_clash(base: Path) -> None:
    first = line("one", base / "a", post_action="delete", done_dir=str(base / "b"))
    assert await clashes(base, first, line("two", base / "b")) == []


async def test_a_target_folder_inside_another_recursive_watch_is_found(base: Path) -> None:
    first = line("one", base / "a", done_dir=str(base / "b" / "deep" / "Done"))
    second = line("two", base / "b", recursive=True)
    [found] = await clashes(base, first, second)
    assert "converters.one.done_dir: 'two' would take" in found.message


async def test_what_a_recursive_intake_does_not_enter_is_no_clash(base: Path) -> None:
    """Its own target folders, and those of others inside of them."""
    alone = line("one", base / "a", recursive=True)
    assert await clashes(base, alone) == []
    shared = line("two", base / "b", done_dir=str(base / "a" / "Done" / "two"))
    assert await clashes(base, alone, shared) == []


@pytest.mark.parametrize("key", ["done_dir", "error_dir"])
async def test_a_target_that_links_back_into_the_own_recursive_watch_is_found(
    key: str, base: Path
) -> None:
    (base / "a" / "real").mkdir()
    (base / "a" / "link").symlink_to(base / "a" / "real")
    [found] = await clashes(base, line("one", base / "a", recursive=True, **{key: "link"}))
    assert found.severity == "error"
    assert f"converters.one.{key}: 'one' would take" in found.message


@pytest.mark.parametrize("where", ["data", "data/inbox", "data/scratch", "data/logs"])
async def test_the_services_own_folders_are_not_to_be_watched(where: str, base: Path) -> None:
    folder = base / where
    folder.mkdir(exist_ok=True)
    (base / "link").symlink_to(folder)
    [found] = await clashes(base, line("one", base / "link"))
    assert "which is the service's" in found.message


async def test_a_recursive_watch_above_the_data_folder_is_found_and_a_plain_one_is_fine(
    base: Path,
) -> None:
    [found] = await clashes(base, line("one", base, recursive=True))
    assert (found.severity, found.exit_code) == ("error", 20)
    assert await clashes(base, line("one", base)) == []
    (base / "data" / "drop").mkdir()
    assert await clashes(base, line("one", base / "data" / "drop")) == []


async def test_a_converter_that_is_not_enabled_is_in_nobodys_way(base: Path) -> None:
    assert (
        await clashes(base, line("one", base / "a"), line("two", base / "a", enabled=False)) == []
    )


async def test_at_a_reload_only_clashes_of_what_changed_are_told(base: Path) -> None:
    (base / "link").symlink_to(base / "a")
    both = line("one", base / "a"), line("two", base / "link")
    assert await clashes(base, *both, before=both) == []
    [found] = await clashes(base, *both, before=both[:1])
    assert "both take" in found.message

"""Contradictions between keys, and converters in each other's way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.config.conftest import GOOD, Problems

if TYPE_CHECKING:
    from pathlib import Path


def two(first: str, second: str, **watch: str) -> str:
    """A configuration with converters `a` and `b`, which begin at the lines 3 and 8."""
    folders = {"a": "drop", "b": "drop"} | watch
    lines = {"a": first, "b": second}
    return GOOD + "".join(
        f"[[converters]]\nname='{name}'\ntype='t'\nwatch='{folders[name]}'\n{lines[name]}\n"
        for name in ("a", "b")
    )


def test_a_token_stands_in_one_place_only(problems: Problems) -> None:
    text = f"{GOOD}token = 'a'\ntoken_env = 'HOME'"
    assert problems(text, {"HOME": "x"}) == [
        "station.toml:4: server.token_env: token and token_env are set; keep one of them"
    ]
    assert problems(f"{GOOD}token = ''\ntoken_env = 'HOME'", {"HOME": "x"}) == []


@pytest.mark.parametrize(("base", "good"), [(299, True), (300, True), (300.5, False)])
def test_the_first_interval_is_at_most_the_longest(
    problems: Problems, base: float, good: bool
) -> None:
    assert (problems(f"{GOOD}[retry]\nbase_seconds = {base}") == []) is good


def test_what_is_wrong_already_is_not_compared(problems: Problems) -> None:
    told = problems(f"{GOOD}[retry]\nbase_seconds = 600\nmax_seconds = 'never'")
    assert len(told) == 1
    assert "retry.max_seconds" in told[0]


@pytest.mark.parametrize("key", ["done_dir", "error_dir", "archive_dir"])
@pytest.mark.parametrize(
    ("folder", "told"),
    [
        ("", "'' names no folder"),
        (" ", "' ' names no folder"),
        (".", "'.' is the watch folder itself"),
        ("x/..", "'x/..' is the watch folder itself"),
        ("../drop/", "'../drop/' is the watch folder itself"),
    ],
)
def test_a_target_folder_is_a_folder_of_its_own(
    problems: Problems, key: str, folder: str, told: str
) -> None:
    (line,) = problems(two(f"{key} = '{folder}'", "", b="elsewhere"))
    assert line.startswith(f"station.toml:7: converters[0].{key}: {told}")


def test_a_target_folder_may_be_anywhere_else(problems: Problems) -> None:
    assert problems(two("done_dir = '/archive'\nerror_dir = '../bad'", "", b="elsewhere")) == []


@pytest.mark.parametrize(
    ("first", "second", "name"),
    [
        ("patterns = ['*.json']", "patterns = ['*.json']", "*.json"),
        ("patterns = ['*']", "patterns = ['*.json']", "*.json"),
        ("patterns = ['*.json']", "patterns = ['ict*.json', '*.csv']", "ict*.json"),
        ("patterns = ['a.json', '*.x']", "patterns = ['?.json']", "a.json"),
        ("", "", "*"),
        ("patterns = ['*']", "", "*"),
    ],
)
def test_two_converters_cannot_take_the_same_file(
    problems: Problems, first: str, second: str, name: str
) -> None:
    for one, other in ((first, second), (second, first)):
        (told,) = problems(two(one, other))
        assert told == (
            f"station.toml:11: converters[1].watch: 'b' and 'a' would both take a file such as "
            f"{name!r}; give them different folders or patterns"
        )


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("patterns = ['*.json']", "patterns = ['*.csv']"),
        ("patterns = ['*.json']\nignore = ['ict*']", "patterns = ['ict*.json']"),
        ("patterns = ['*']", "patterns = ['*']\nenabled = false"),
        ("patterns = ['*.json']", ""),
        ("patterns = ['[ab].json']", "patterns = ['[cd].json']"),
    ],
)
def test_two_converters_may_share_a_folder_if_their_files_differ(
    problems: Problems, first: str, second: str
) -> None:
    assert problems(two(first, second)) == []


@pytest.mark.parametrize("watch", ["drop/deep", "drop/deep/er"])
def test_a_folder_within_a_recursive_one_is_the_same_folder(problems: Problems, watch: str) -> None:
    take_all = "patterns = ['*']"
    recursive = f"{take_all}\nrecursive = true"
    assert problems(two(take_all, take_all, b=watch)) == []
    assert len(problems(two(recursive, take_all, b=watch))) == 1
    assert len(problems(two(take_all, recursive, a=watch))) == 1
    assert problems(two(take_all, recursive, b=watch)) == []
    assert problems(two(recursive, take_all, b="drop2")) == []


def test_a_certificate_file_must_be_there(problems: Problems, tmp_path: Path) -> None:
    (line,) = problems(f'{GOOD}ca_file = "own.pem"')
    assert line.startswith("station.toml:3: server.ca_file: there is no file ")
    (tmp_path / "own.pem").write_text("")
    assert problems(f'{GOOD}ca_file = "own.pem"') == []


def test_an_instance_has_a_name(problems: Problems) -> None:
    assert problems(f'instance = ""\n{GOOD}') == [
        "station.toml:1: instance: it is empty; write a name, or leave the line out"
    ]

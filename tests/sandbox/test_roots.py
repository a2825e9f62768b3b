"""What an interpreter may read, and what is left out."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from pywats_trio.sandbox.roots import python_roots


def below(path: Path | str, roots: tuple[str, ...]) -> bool:
    return any(Path(path).resolve().is_relative_to(root) for root in roots)


def test_it_covers_the_library_the_packages_and_what_is_given(tmp_path: Path) -> None:
    roots = python_roots([str(tmp_path)])
    for needed in (os.__file__, pytest.__file__, __import__("_decimal").__file__, tmp_path):
        assert needed is not None
        assert below(needed, roots)


def test_roots_exist_are_real_and_are_not_in_each_other() -> None:
    roots = python_roots(["/there/is/no/such/folder"])
    assert roots
    for root in roots:
        assert Path(root).exists()
        assert Path(root).resolve() == Path(root)
        assert not below(root, tuple(other for other in roots if other != root))


@pytest.mark.parametrize(
    "wide", ["/", "/etc", "/usr", "/home", "/root", "/tmp", "/var/lib", "~", "~/.."]
)
def test_what_would_lay_open_too_much_is_left_out(
    wide: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "homes" / "me"
    home.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    path = Path(wide).expanduser()
    link = tmp_path / "link"
    link.symlink_to(path)
    for given in (str(path), str(link)):
        monkeypatch.setattr(sys, "path", [*sys.path, given])
        roots = python_roots([given])
        assert str(path.resolve()) not in roots


def test_what_is_in_a_home_folder_may_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    packages = tmp_path / ".local" / "packages"
    packages.mkdir(parents=True)
    assert below(packages, python_roots(path=[str(packages)]))
    assert not below(tmp_path, python_roots(path=[str(packages)]))


def test_a_folder_that_holds_a_secret_is_left_out(tmp_path: Path) -> None:
    folder, secret = tmp_path / "service", tmp_path / "service" / "data" / "queue.db"
    (folder / "data").mkdir(parents=True)
    (folder / "lib").mkdir()
    secret.touch()
    roots = python_roots([str(folder / "lib")], path=[str(folder)], secrets=[str(secret.parent)])
    assert below(folder / "lib", roots)
    assert not below(secret, roots)


def test_the_current_folder_is_no_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert not below(tmp_path, python_roots(path=[""]))

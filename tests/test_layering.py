"""What may be imported where, and what no test may do."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard

import pytest

import pywats_trio

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(pywats_trio.__file__).parent
TESTS = Path(__file__).parent

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages([str(ROOT)], "pywats_trio.")
    if not module.name.endswith("__main__")
)

LIGHT = (
    "pywats_trio",
    "pywats_trio.errors",
    "pywats_trio.model",
    "pywats_trio.faultpoint",
    "pywats_trio.text",
    "pywats_trio.config",
    "pywats_trio.reports",
    "pywats_trio.sandbox",
    "pywats_trio.converters",
    "pywats_trio.worker",
)
"""Paid for by every worker process, so they load neither of `HEAVY`."""
HEAVY = {"trio", "httpx", "asyncio", "apsw", "structlog"}


@pytest.mark.parametrize("name", MODULES)
def test_every_module_can_be_imported(name: str) -> None:
    importlib.import_module(name)


def light_modules() -> list[str]:
    return [
        name
        for name in ["pywats_trio", *MODULES]
        if any(name == light or name.startswith(f"{light}.") for light in LIGHT[1:])
        or name == LIGHT[0]
    ]


def loaded_by(*names: str) -> set[str]:
    """Top-level modules in an interpreter that imported `names`."""
    code = f"import sys, {', '.join(names)}; print(*{{m.partition('.')[0] for m in sys.modules}})"
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT.parent
    )
    return set(ran.stdout.split())


def test_what_a_worker_may_need_loads_nothing_heavy() -> None:
    names = light_modules()
    assert len(names) > len(LIGHT)
    assert not loaded_by(*names) & HEAVY


@pytest.mark.skipif("pywats_trio.worker.main" not in MODULES, reason="no worker yet")
def test_a_worker_loads_nothing_heavy() -> None:
    assert not loaded_by("pywats_trio.worker.main") & HEAVY


def sources(root: Path) -> Iterator[tuple[Path, ast.AST]]:
    for path in sorted(root.rglob("*.py")):
        yield path, ast.parse(path.read_bytes())


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_nobody_imports_asyncio() -> None:
    found = [
        str(path)
        for path, tree in (*sources(ROOT), *sources(TESTS))
        if any(name.partition(".")[0] == "asyncio" for name in imported(tree))
    ]
    assert found == []


CLOCKS = {"autojump_clock", "mock_clock"}
HANG = {"converters_hostile", "tricks"}
"""Folders of code that hangs in a worker; nobody waits there."""


def arguments(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    return {argument.arg for argument in function.args.args + function.args.kwonlyargs}


def sleeps(tree: ast.AST) -> list[int]:
    """Lines that sleep for some time without a mock clock.

    A test has the clock among its arguments or runs a loop with one of its own; a helper may sleep
    in a file whose tests have it.
    """
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    tests = [function for function in functions if function.name.startswith("test_")]
    with_clock = [
        function
        for function in tests
        if arguments(function) & CLOCKS or "clock=trio.testing.MockClock" in ast.unparse(function)
    ]
    without = [function for function in tests if function not in with_clock]
    places: list[ast.AST] = [*without] if with_clock else [tree]
    return [node.lineno for place in places for node in ast.walk(place) if is_sleep(node)]


def is_sleep(node: ast.AST) -> TypeGuard[ast.Call | ast.ImportFrom]:
    if isinstance(node, ast.ImportFrom):
        names = {alias.name for alias in node.names}
        return node.module in {"trio", "time"} and "sleep" in names
    if not isinstance(node, ast.Call) or ast.unparse(node.func) not in {"trio.sleep", "time.sleep"}:
        return False
    return not (isinstance(node.args[0], ast.Constant) and node.args[0].value == 0)


def test_no_test_sleeps_to_wait_for_something() -> None:
    found = [
        f"{path}:{line}"
        for path, tree in sources(TESTS)
        for line in sleeps(tree)
        if HANG.isdisjoint(path.parts)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ("async def test_x(): await trio.sleep(1)", 1),
        ("async def test_x(autojump_clock): await trio.sleep(1)", 0),
        ("async def test_x():\n async def y(): await trio.sleep(n)\n await y()", 1),
        ("def test_x(): time.sleep(0.1)", 1),
        ("from time import sleep", 1),
        ("class X:\n async def y(s): await trio.sleep(1)\nasync def test_x(): await X().y()", 1),
        ("class X:\n async def y(s): await trio.sleep(1)\nasync def test_x(mock_clock): ...", 0),
        ("async def test_x(): await trio.sleep(0); await trio.sleep_forever()", 0),
    ],
)
def test_the_search_for_sleeps_finds_them(code: str, count: int) -> None:
    assert len(sleeps(ast.parse(code))) == count


def test_the_packages_tests_are_a_mirror_of_rooms_that_exist() -> None:
    rooms = {path.name for path in ROOT.iterdir() if path.is_dir()}
    others = {"attacks", "contract", "crash", "e2e", "data", "__pycache__", "converters_hostile"}
    others |= {"mutations", "pywats"}  # all converters at once; the adapter as a whole
    assert {path.name for path in TESTS.iterdir() if path.is_dir()} <= rooms | others

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pywats_trio import faultpoint
from pywats_trio.faultpoint import InjectedFault

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    faultpoint.arm("")


def passes(name: str, times: int) -> list[bool]:
    """Which of `times` passes fail."""
    failed = []
    for _ in range(times):
        try:
            faultpoint.hit(name)
            failed.append(False)
        except InjectedFault:
            failed.append(True)
    return failed


@pytest.mark.parametrize(
    ("text", "failed"),
    [
        ("", [False] * 4),
        ("b=raise", [False] * 4),
        ("a=raise", [True] * 4),
        ("a=raise@1", [True, False, False, False]),
        ("a=raise@3", [False, False, True, False]),
        ("a=raise@2-3", [False, True, True, False]),
        ("b=kill,a=raise@4", [False, False, False, True]),
    ],
)
def test_a_point_fails_when_it_was_asked_to(text: str, failed: list[bool]) -> None:
    faultpoint.arm(text)
    assert passes("a", 4) == failed


def test_arming_again_forgets_what_was_before() -> None:
    faultpoint.arm("a=raise")
    faultpoint.arm("b=raise@2")
    assert passes("a", 1) == [False]
    assert passes("b", 2) == [False, True]


@pytest.mark.parametrize(
    "text", ["a", "a=stop", "a=", "=raise", "a=raise@x", "a=raise@1-y", "a=kill@0"]
)
def test_nonsense_is_refused_and_nothing_is_armed(text: str) -> None:
    with pytest.raises(ValueError, match="PYWATS_TRIO_FAULTS"):
        faultpoint.arm(text)
    assert passes("a", 1) == [False]


def test_the_variable_arms_a_kill() -> None:
    code = (
        "from pywats_trio import faultpoint as f; f.hit('a'); print('once', flush=True); f.hit('a')"
    )
    environment = os.environ | {faultpoint.VARIABLE: "a=kill@2"}
    ended = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, check=False
    )
    assert ended.returncode == -signal.SIGKILL
    assert ended.stdout == b"once\n"

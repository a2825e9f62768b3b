"""The live table of the demonstration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pywats_trio.cli.demo import Demo
from pywats_trio.cli.demo_show import Live
from pywats_trio.cli.screen import Screen
from pywats_trio.model import Counts, Kind, State

if TYPE_CHECKING:
    from pathlib import Path

HALF = Counts({(Kind.FILE, State.COMPLETED): 1, (Kind.FILE, State.PENDING): 1})
ALL = Counts({(Kind.FILE, State.COMPLETED): 1, (Kind.FILE, State.FAILED): 1})


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Live:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr("pywats_trio.cli.demo_show.DRAW_SECONDS", 3600)
    return Live(Demo(tmp_path, 0, files=2), Screen(), drawn=-7200)


def test_it_is_not_drawn_again_at_once_except_at_the_end(
    live: Live, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not live.show(HALF)
    assert "2 of 2" in capsys.readouterr().out
    assert not live.show(HALF)
    assert capsys.readouterr().out == ""
    assert live.show(ALL)
    assert "2 of 2" in capsys.readouterr().out


def test_who_wants_only_the_result_sees_no_table(
    live: Live, capsys: pytest.CaptureFixture[str]
) -> None:
    live.showcase.quiet = True
    assert live.show(ALL)
    assert capsys.readouterr().out == ""

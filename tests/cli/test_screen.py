"""What is drawn again and again, on a terminal and elsewhere."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from pywats_trio.cli.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], None]:
    """Standard output as a terminal of so many columns and lines."""

    def be(columns: int, lines: int) -> None:
        monkeypatch.setattr("sys.stdout.isatty", lambda: True)
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setenv("LINES", str(lines))

    return be


def plain(text: str) -> str:
    """Without colours and styles."""
    return re.sub(r"\x1b\[\d*m", "", text)


def test_where_there_is_no_terminal_the_lines_are_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Screen(whole=True) as screen:
        screen.draw(["head", "  line"])
        screen.draw(["head", "  other"])
    assert capsys.readouterr().out == "head\n  line\nhead\n  other\n"


def test_a_block_is_drawn_over_the_one_before(
    terminal: Callable[[int, int], None], capsys: pytest.CaptureFixture[str]
) -> None:
    terminal(80, 24)
    with Screen() as screen:
        screen.draw(["head", "  a", "  b"])
        screen.draw(["head"])
        screen.draw(["  x"])
    assert plain(capsys.readouterr().out) == (
        "\x1b[?25l"
        "head\x1b[K\n  a\x1b[K\n  b\x1b[K\n\x1b[J"
        "\x1b[3Ahead\x1b[K\n\x1b[J"
        "\x1b[1A  x\x1b[K\n\x1b[J"
        "\x1b[?25h"
    )


def test_the_whole_terminal_is_given_back_after_an_interrupt(
    terminal: Callable[[int, int], None], capsys: pytest.CaptureFixture[str]
) -> None:
    terminal(80, 24)

    def interrupted() -> None:
        with Screen(whole=True) as screen:
            screen.draw(["head"])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    out = plain(capsys.readouterr().out)
    assert out == "\x1b[?25l\x1b[?1049h\x1b[Hhead\x1b[K\n\x1b[J\x1b[?1049l\x1b[?25h"


@pytest.mark.parametrize(("length", "shown"), [(18, 18), (19, 19), (20, 19), (200, 19)])
def test_no_line_is_wider_than_the_terminal(
    length: int,
    shown: int,
    terminal: Callable[[int, int], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    terminal(20, 24)
    Screen().draw([" " + "x" * (length - 1)])
    assert len(capsys.readouterr().out.partition("\x1b")[0]) == shown


@pytest.mark.parametrize(("lines", "shown"), [(3, 3), (4, 4), (5, 4)])
def test_no_block_is_higher_than_the_terminal(
    lines: int,
    shown: int,
    terminal: Callable[[int, int], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    terminal(20, 5)
    Screen().draw([" x"] * lines)
    assert capsys.readouterr().out.count("\n") == shown


def test_heads_are_bold(
    terminal: Callable[[int, int], None], capsys: pytest.CaptureFixture[str]
) -> None:
    terminal(80, 24)
    Screen().draw(["head", "  line", ""])
    assert re.findall(r"\x1b\[1m(.*?)\x1b\[0m", capsys.readouterr().out) == ["head"]

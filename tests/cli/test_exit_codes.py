"""The page about exit codes names every code and every exception, each where it belongs."""

from __future__ import annotations

import re
from pathlib import Path

from pywats_trio import errors
from pywats_trio.cli.group import INTERRUPTED

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "exit-codes.md"
WITHOUT_EXCEPTION = {0, INTERRUPTED}


def told() -> dict[int, set[str]]:
    """The rows of the table: a code and its exceptions."""
    rows = re.findall(r"^\| (\d+) \| [^|]+ \|([^|]*)\|$", PAGE.read_text(), flags=re.MULTILINE)
    assert len({code for code, _names in rows}) == len(rows)
    return {int(code): set(re.findall(r"`(\w+)`", names)) for code, names in rows}


def real() -> dict[int, set[str]]:
    found: dict[int, set[str]] = {code: set() for code in WITHOUT_EXCEPTION}
    for name, kind in vars(errors).items():
        if isinstance(kind, type) and issubclass(kind, errors.PywatsTrioError):
            found.setdefault(kind.exit_code, set()).add(name)
    return found


def test_the_page_is_what_the_classes_say() -> None:
    assert told() == real()


def test_the_codes_come_in_order() -> None:
    assert list(told()) == sorted(told())

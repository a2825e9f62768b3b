"""`python -m tests.attacks [ATTACK ...]`: every attack, or some, at every level; the table of it.

`--table` prints the table as `docs/explanation/sandbox.md` has it and attacks nobody.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final, TypeAlias

from tests.attacks.runs import FREE, run, why_not
from tests.attacks.table import CONVERTED, GROUPS, WORKS, markdown, what
from tests.sandbox.children import USERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.attacks.arena import Result
    from tests.attacks.table import Row

    Found: TypeAlias = dict[tuple[str, int], dict[str, Result]]
    """What became of the attacks, by level and user."""

LEVELS: Final = ("standard", "strict")


def main(arguments: list[str]) -> int:
    """The exit code: 1 if an attack did what it must not do."""
    if arguments == ["--table"]:
        print(markdown(), end="")  # noqa: T201 - a command
        return 0
    users = [user for user in USERS if not why_not(user)]
    found = {(at, user): run(at, user, arguments) for at in (*LEVELS, FREE) for user in users}
    wrong = [
        f"{level}, user {user}: {result.attack}: {one}"
        for (level, user), results in found.items()
        for result in results.values()
        for one in result.wrong
    ]
    print(*_lines(found), "", *wrong, sep="\n")  # noqa: T201
    return 1 if wrong else 0


def _lines(found: Found) -> Iterator[str]:
    columns = [key for key in found if key[0] != FREE]
    heads = [f"{level}, {'root' if user == 0 else f'user {user}'}" for level, user in columns]
    yield f"| a converter tries to | stopped by | {' | '.join(heads)} | where nothing stops it |"
    yield "|---|---|" + len(heads) * "---|" + "---|"
    for _module, rows in GROUPS.values():
        for row in rows:
            if any(row.attack in found[key] for key in columns):
                cells = [_cell(found[key].get(row.attack)) for key in columns]
                yield f"| {what(row)} | {row.by} | {' | '.join(cells)} | {_free(row, found)} |"


def _cell(result: Result | None) -> str:
    if result is None:
        return ""
    return f"{'**FAILED**' if result.wrong else 'stopped'}, back in {1000 * result.back:.0f} ms"


def _free(row: Row, found: Found) -> str:
    results = [found[key].get(row.attack) for key in found if key[0] == FREE]
    said = {WORKS if one.said == CONVERTED else one.said for one in results if one is not None}
    return " or ".join(sorted(said))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

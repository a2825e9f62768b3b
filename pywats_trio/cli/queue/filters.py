"""The options by which items are chosen."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")

STATES: Final = (
    "PENDING",
    "PROCESSING",
    "SUSPENDED",
    "HELD",
    "COMPLETED",
    "FAILED",
    "QUARANTINED",
)
LARGEST_ID: Final = 2**63 - 1
"""What the queue's numbers fit into."""
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class Age(click.ParamType):  # type: ignore[type-arg]  # click itself is not subscriptable
    """Seconds, or a number with s, m, h or d."""

    name = "AGE"

    def convert(
        self,
        value: object,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> float:
        """The age in seconds."""
        found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", str(value))
        if found is None:
            self.fail(f"{value!r} is no age; write 90, 15m, 2h or 3d", param, ctx)
        return float(found[1]) * _UNITS[found[2] or "s"]


def _not_empty(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    """An empty variable of a script must not come to mean everything."""
    if value == "":
        raise click.BadParameter("it is empty; leave it out, or give it a value")
    return value


_OPTIONS: Final = (
    click.option("--kind", type=click.Choice(["file", "report"])),
    click.option(
        "--state",
        "states",
        type=click.Choice(STATES, case_sensitive=False),
        multiple=True,
        help="Several times for several states.",
    ),
    click.option(
        "--reason",
        type=click.Choice(["retry", "server", "converter"]),
        help="What a SUSPENDED item waits for.",
    ),
    click.option("--converter", metavar="NAME", callback=_not_empty),
    click.option("--older-than", type=Age(), help="Came so long ago or before, such as 2h."),
    click.option("--newer-than", type=Age(), help="Came since then."),
    click.option("--error-class", metavar="CLASS", callback=_not_empty, help="Such as rejected."),
    click.option("--serial", "serial_number", metavar="SERIAL", callback=_not_empty),
    click.option(
        "--text",
        callback=_not_empty,
        help="Part of serial or part number, path, report id or last error.",
    ),
)


def filtered(command: F) -> F:
    """Adds the options; `arguments` makes of their values what the service is asked."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def arguments(values: dict[str, Any]) -> dict[str, Any]:
    """Those of the options that were given, as arguments of a command."""
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in values.items()
        if value is not None and value is not False and value != ()
    }

"""What the running service knows of its converters, where one runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import field, frozen

from pywats_trio.cli.link import Link, address
from pywats_trio.errors import PywatsTrioError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pywats_trio.cli.main import Globals
    from pywats_trio.config.options import Config

    Facts = dict[str, Any]

PATIENCE: Final = 10.0
"""Seconds; what is configured can be shown without the service."""


@frozen
class Running:
    """What it told; nothing where none answers."""

    converters: Mapping[str, Facts] = field(factory=dict)
    """The items of `get_converters`, by name."""
    sandbox: Facts | None = None
    """`wanted`, `level` and `missing` of its workers; None: it has none yet."""
    why_not: str = ""
    """Why no service told anything, in one sentence; empty if one did."""

    def of(self, name: str) -> tuple[Facts | None, str]:
        """The facts about one converter; without them, why there are none."""
        if self.why_not:
            return None, self.why_not
        if name in self.converters:
            return self.converters[name], ""
        return None, (
            f"the service that runs has no converter {name!r} yet; `pywats-trio reload` has it "
            "read its configuration"
        )


def ask(options: Globals, config: Config | None) -> Running:
    """The service of this configuration; without one there is none to ask."""
    if config is None:
        return Running()
    try:
        with Link(address(options).socket) as link:
            listed = link.ask_patiently("get_converters", {}, seconds=PATIENCE)
            status = link.ask_patiently("get_status", {}, seconds=PATIENCE)
    except PywatsTrioError as error:
        return Running(why_not=str(error))
    items = {str(one["name"]): one for one in listed["items"]}
    return Running(items, (status.get("workers") or {}).get("sandbox"))

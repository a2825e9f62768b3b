"""What a page measured: values with the limits and the verdicts that belong to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import define, field, frozen

from pywats_trio.converters.common import decimals, prefixes
from pywats_trio.text import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pywats_trio.converters.standard.teradyne_spectrum.nodes import Node
    from pywats_trio.reports.operators import Value

_VALUE: Final = ("MEASVAL", "MEAS_VAL")
_LOW: Final = ("LOLIM", "LOW", "THRESH", "MEAS_THRESH")
_HIGH: Final = ("HILIM", "HIGH")
_NAME: Final = ("GROUP_NAME", "FSCAN_PIN")


@frozen
class Reading:
    """One value; its limits have its scale already."""

    name: str
    """Of the group or pin; empty where it has none."""
    value: Value
    unit: str
    """With the scale: `nF`."""
    low: Value | None
    high: Value | None
    stat: str
    """The verdict as it is written nearest to the value; empty where there is none."""


@define
class Found:
    """The readings of a page."""

    readings: list[Reading] = field(factory=list)
    nodes: set[int] = field(factory=set)
    """The ids of the nodes that are in them: what else a page says is text."""
    problems: list[str] = field(factory=list)
    """Limits that could not be taken, in a sentence each."""


def readings(page: Node) -> Found:
    """Every value in a page, in the order of the file.

    A limit, a name or a verdict belongs to the values that stand beside it: where there are as many
    of them as values, each has its own; where there is one, it is that of all, and of those in
    nodes below that say nothing themselves.

    Raises:
        Reject: a value or a limit is no number.
    """
    found = Found()
    for node, around in _with_parents(page, ()):
        values = [one for one in node.named(*_VALUE) if _number_text(one)]
        for index, value in enumerate(values):
            scope = _Scope((node, *around), index, len(values), found)
            scale, power, unit = _quantity(value)
            low_node, high_node = scope.nearest(*_LOW), scope.nearest(*_HIGH)
            named = scope.nearest(*_NAME)
            if not unit:
                unit = next((one.get("UNIT") for one in (low_node, high_node) if one), "")
            found.nodes.add(id(value))
            found.readings.append(
                Reading(
                    name=_name(named),
                    value=_number(value),
                    unit=scale + unit,
                    low=_limit(low_node, power, scale, unit, found),
                    high=_limit(high_node, power, scale, unit, found),
                    stat=_stat(named) or _stat(scope.nearest("STAT")),
                )
            )
    return found


@frozen
class _Scope:
    """Where the things are looked for that belong to one value."""

    nodes: tuple[Node, ...]
    """The one it stands in, then those around it, up to the page."""
    index: int
    """Which of the values of its node it is,"""
    values: int
    """of how many."""
    found: Found

    def nearest(self, *keys: str) -> Node | None:
        """The one that belongs to it; where it is not clear which does, none and a problem."""
        own, *around = self.nodes
        here = own.named(*keys)
        if len(here) == self.values:
            return here[self.index]
        for candidates in (here, *(node.named(*keys) for node in around)):
            if len(candidates) == 1:
                return candidates[0]
            if candidates:
                first = candidates[0]
                self.found.problems.append(
                    f"{len(candidates)} {first.key} (the first in line {first.line}) for "
                    f"{self.values} values are not taken: it is not clear which belongs to which"
                )
                return None
        return None


def _with_parents(node: Node, around: tuple[Node, ...]) -> Iterator[tuple[Node, tuple[Node, ...]]]:
    yield node, around
    for child in node.children:
        yield from _with_parents(child, (node, *around))


def _number_text(node: Node) -> str:
    return node.get("VAL") or node.text


def _number(node: Node) -> Value:
    text = _number_text(node)
    if (value := decimals.value(text, ".")) is None:
        raise node.refusal(f'"{shortened(text, 60)}" is not a number')
    return value


def _quantity(node: Node) -> tuple[str, int | None, str]:
    """The scale, its power of ten (None: it is unknown) and the unit."""
    scale = node.get("SCALE")
    return scale, prefixes.POWERS.get(scale), node.get("UNIT")


def _limit(
    node: Node | None, power: int | None, scale: str, unit: str, found: Found
) -> Value | None:
    """The limit in the scale of the value; a finding where it cannot be compared with it."""
    if node is None or not _number_text(node):
        return None
    number = _number(node)
    own_scale, own_power, own_unit = _quantity(node)
    if own_unit and own_unit != unit:
        why = f'its unit is "{own_unit}", that of the value "{unit}"'
    elif own_scale != scale and (own_power is None or power is None):
        why = f'from the scale "{own_scale}" to "{scale}" there is no known factor'
    else:
        found.nodes.add(id(node))
        if own_scale == scale or own_power is None or power is None:
            return number
        return prefixes.scaled(number, own_power - power)
    found.problems.append(f"{node.key} (line {node.line}) is not taken as a limit: {why}")
    return None


def _name(node: Node | None) -> str:
    return (node.text or node.get("TPNAME")) if node else ""


def _stat(node: Node | None) -> str:
    """The verdict that a node is, or that stands in it."""
    return (node.text if node.key == "STAT" else node.get("STAT")) if node else ""

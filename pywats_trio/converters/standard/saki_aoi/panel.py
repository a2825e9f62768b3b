"""What a file says of its panel: who is on it, when it was inspected, and with which outcome."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from attrs import frozen

from pywats_trio.converters.api import Reject
from pywats_trio.converters.common import local_times, words
from pywats_trio.converters.common.xml_tree import SEPARATOR
from pywats_trio.text import shortened

if TYPE_CHECKING:
    from pywats_trio.converters.api import Context
    from pywats_trio.converters.common.xml_tree import Element
    from pywats_trio.reports.steps import Status

_NONE: Final = frozenset({"", "n/a", "na", "none", "null", "-", "noread", "no read"})
"""What stands where there is no barcode."""
_MONTH_FIRST: Final = "%m/%d/%Y"
"""As the vendor of WATS reads these files."""
_YEAR_FIRST: Final = re.compile(r"\d{4}([-/])\d\d?\1\d\d?", re.ASCII)
_AMBIGUOUS: Final = re.compile(r"(0?[1-9]|1[0-2])/(?!\1/)(0?[1-9]|1[0-2])/", re.ASCII)
_TIMES: Final = ("%H:%M:%S", "%H:%M:%S.%f", "%I:%M:%S %p")
_WORDS: Final[dict[str, Status]] = {
    **dict.fromkeys(("GOOD", "FALSECALL", "FALSECALLS", "FALSE CALL"), "P"),
    **dict.fromkeys(("NG", "BAD"), "F"),
    **dict.fromkeys(("BADMARK", "BAD MARK", "NOT INSPECTED"), "S"),
}


@frozen
class Unit:
    """What one report is about: the images of one barcode."""

    panel: Element
    barcode: str
    images: list[tuple[int, Element]]
    """Each with its number on the panel, from 1."""
    is_panel: bool
    """It is all that is on the panel, so that what is said of the panel is said of it."""
    unknown: list[Element]
    """What stands beside the images and the program."""

    @property
    def where(self) -> str:
        """For messages: the panel, or the image where it is the only one."""
        single = self.images[0][1] if len(self.images) == 1 else self.panel
        return f"{single.name} (line {single.line})"

    def of_panel(self, attribute: str) -> str:
        """An attribute of the panel, without blanks around it."""
        return (self.panel.get(attribute) or "").strip()


def units(panel: Element) -> list[Unit]:
    """A unit for each barcode; the images that have none of their own are the panel's."""
    own = barcode(panel)
    found: dict[str, list[tuple[int, Element]]] = {}
    for number, image in enumerate(panel.named("Image"), 1):
        found.setdefault(barcode(image) or own, []).append((number, image))
    unknown = [child for child in panel.children if child.name not in ("Program", "Image")]
    return [
        Unit(panel, text, images, len(found) <= 1, unknown)
        for text, images in (found or {own: []}).items()
    ]


def barcode(element: Element) -> str:
    """Of a panel or an image; empty where it has none."""
    text = (element.get("barcode") or "").strip()
    return "" if text.lower() in _NONE else text


def instant(one: Unit, which: str, context: Context, notes: list[str]) -> str | None:
    """`startDate` and `startTime` (`which` is start), or those of the end.

    Raises:
        Reject: they are no instant.
    """
    date, time = one.of_panel(f"{which}Date"), one.of_panel(f"{which}Time")
    form: str = context.arguments["date_format"]
    if not form and _YEAR_FIRST.fullmatch(date):
        date, form = date.replace("/", "-"), "%Y-%m-%d"
    elif not form and _AMBIGUOUS.match(date):
        notes.append(f'{which}Date "{date}" is read month first; set the argument date_format')
    form = form or _MONTH_FIRST
    zone = local_times.zone(context.arguments["timezone"])
    clocks = [local_times.Clock(f"{form} {times}", zone) for times in _TIMES]
    text = f"{date} {time}".strip()
    read = next((read for clock in clocks if (read := clock.read(text))), None)
    try:
        where = f"{one.panel.name} (line {one.panel.line})"
        return read or clocks[0].instant(text, f"{which}Date", where)
    except Reject as error:
        raise Reject(error.why, hint="Set the argument date_format, such as %d/%m/%Y.") from error


def status(element: Element) -> Status | None:
    """What its attribute `result` says; None where it says nothing.

    Raises:
        Reject: it is no word that is known.
    """
    text = (element.get("result") or "").strip()
    letter = word(text)
    if text and letter is None:
        raise element.refusal(f'the result "{shortened(text, 60)}" of {element.name} is unknown')
    return letter


def word(text: str) -> Status | None:
    """The letter of a verdict; None where the text is none."""
    return words.status(text) or _WORDS.get(text.strip().upper())


def attributes(element: Element, *placed: str) -> dict[str, str]:
    """Those that say something and are not `placed` elsewhere."""
    return {
        name: text.strip()
        for name, text in element.attributes.items()
        if name not in placed and text.strip() and SEPARATOR not in name
    }

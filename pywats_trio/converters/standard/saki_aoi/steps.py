"""The images of a panel and what was found on them, as steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import frozen

from pywats_trio.converters.standard.saki_aoi.panel import attributes, status, word

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pywats_trio.converters.common.xml_tree import Element
    from pywats_trio.reports.builder import SequenceBuilder
    from pywats_trio.reports.steps import Status

_NAMES: Final = {"FalseCalls": "False Calls"}
"""How sequences are called where it is not as in the file."""


@frozen
class Steps:
    """Adds images to a report; what has no place in it becomes one of `notes`."""

    notes: list[str]

    def image(self, image: Element, number: int, root: SequenceBuilder) -> None:
        """A sequence for the image, called by its id, else by its number on the panel."""
        results = image.named("Results")
        lines = [
            *_lines(attributes(image, "barcode", "id", "result")),
            *(line for part in results for line in _lines(attributes(part))),
        ]
        name = f"Image {(image.get('id') or '').strip() or number}"
        sequence = root.sequence(name, status=status(image), text="\n".join(lines) or None)
        for part in results:
            for group in part.children:
                self._group(group, sequence)
        self.unknown(child for child in image.children if child.name != "Results")

    def unknown(self, elements: Iterable[Element]) -> None:
        """Say of elements that they are not in the report."""
        self.notes.extend(
            f"{element.name} (line {element.line}) is unknown and is not sent"
            for element in elements
        )

    def _group(self, group: Element, image: SequenceBuilder) -> None:
        """Components that were judged alike: failed, or called so by the machine in error."""
        lines = _lines(attributes(group))
        if not group.children and not lines:
            return
        verdict = word(group.name)
        if verdict is None:
            self.notes.append(
                f"{group.name} (line {group.line}) is no known verdict: what is in it is done"
            )
        name = _NAMES.get(group.name, group.name)
        sequence = image.sequence(name, text="\n".join(lines) or None)
        for component in group.children:
            self._component(component, sequence, verdict or "D")

    def _component(self, component: Element, sequence: SequenceBuilder, verdict: Status) -> None:
        name = (component.get("designator") or "").strip()
        if not name:
            self.notes.append(f"{component.name} (line {component.line}) has no designator")
            name = component.name
        text = "\n".join(_details(component, "designator")) or None
        if verdict == "D":
            sequence.action(name, text=text)
        else:
            sequence.passfail(name, verdict == "P", status=verdict, text=text)


def _details(element: Element, *placed: str) -> list[str]:
    """All that an element and those in it say, a line for each."""
    lines = _lines(attributes(element, *placed))
    if own := element.text.strip():
        lines.append(own)
    return lines + [f"{child.name}: {', '.join(_details(child))}" for child in element.children]


def _lines(said: dict[str, str]) -> list[str]:
    return [f"{name}: {text}" for name, text in said.items()]

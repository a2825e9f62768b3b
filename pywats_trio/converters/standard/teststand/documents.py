"""A file of TestStand as its reports, with no more in memory than one step result at a time.

Whatever is read is a `Prop` or a `Value`, so the stream of elements is cut at every one of them and
put together here. A step result (`Prop Type='TEResult'` in a ResultList) is handed over as soon as
it ends, and what is made of it stands in its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Final

from attrs import define, field

from pywats_trio.converters.api import Reject
from pywats_trio.converters.common import xml_tree
from pywats_trio.converters.common.notes import Notes
from pywats_trio.converters.standard.teststand.mending import mended
from pywats_trio.converters.standard.teststand.properties import Item, Prop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pywats_trio.converters.common.decimals import Mark
    from pywats_trio.converters.common.xml_tree import Element

ROOTS: Final = frozenset({"Reports", "Report", "TSReport"})
REPORTS: Final = frozenset({"Report", "TSReport"})
RESULT: Final = "TEResult"

_NAMES: Final = ROOTS | {"ReportInfo", "Prop", "Value", "Attributes", "ArrayElementPrototype"}
_ASIDE: Final = frozenset({"Attributes", "ArrayElementPrototype"})
"""Of types, not of this test: what is in them is passed over."""


@define
class Document:
    """One report of a file, as far as it was read."""

    element: Element
    mark: Mark
    """The decimal mark of its numbers."""
    infos: dict[str, str] = field(factory=dict)
    """Of the add-on: key to value."""
    props: list[Prop] = field(factory=list)
    results: list[object] = field(factory=list)
    """What was made of the step results at the top: one, that of the whole test."""
    culprits: frozenset[str] = frozenset()
    """The ids of the step results that made the unit fail, from the outermost sequence on."""
    count: int = 0
    """Of the step results below those."""
    notes: Notes = field(factory=Notes)

    @property
    def where(self) -> str:
        """For messages."""
        return f"{self.element.name} (line {self.element.line})"

    def prop(self, name: str) -> Prop:
        """The property of this name at the top; an empty one where it is missing."""
        found = next((prop for prop in self.props if prop.name == name), None)
        return found or Prop(name, "", "", self.element.line)


def documents(
    file: BinaryIO, mark: Mark, fold: Callable[[Document, Prop], object]
) -> Iterator[Document]:
    """The reports, in order, each as soon as it has ended; `fold` is given every step result.

    Raises:
        Reject: it is no XML, or none of TestStand.
    """
    reader = _Reader(mark, fold)
    for event in xml_tree.stream(mended(file), _NAMES):
        if event.begins:
            reader.begin(event.element)
        elif (document := reader.end(event.element)) is not None:
            yield document


class _Reader:
    def __init__(self, mark: Mark, fold: Callable[[Document, Prop], object]) -> None:
        self._mark = mark
        self._fold = fold
        self._started = False
        self._document: Document | None = None
        self._open: list[Prop | Item] = []
        self._aside = 0

    def begin(self, element: Element) -> None:
        if not self._started:
            _check_root(element)
            self._started = True
        if element.name in _ASIDE:
            self._aside += 1
        elif self._aside:
            return
        elif element.name in REPORTS:
            if self._document is not None:
                raise element.refusal(f"a {element.name} within a report")
            self._document = Document(element, self._mark)
        elif element.name == "Prop":
            self._open.append(_prop(element))
        elif element.name == "Value":
            self._open.append(Item(element.get("ID") or ""))

    def end(self, element: Element) -> Document | None:
        if element.name in _ASIDE:
            self._aside -= 1
        elif self._aside:
            pass
        elif element.name in REPORTS:
            done, self._document = self._document, None
            return done
        elif element.name == "ReportInfo" and self._document is not None:
            value = element.get("value") or ""
            self._document.infos.setdefault(element.get("key") or "", value)
        elif element.name == "Prop":
            self._prop(element)
        elif element.name == "Value":
            self._value(element)
        return None

    def _value(self, element: Element) -> None:
        item = self._open.pop()
        parent = self._open[-1] if self._open else None
        if not isinstance(item, Item) or not isinstance(parent, Prop):
            raise element.refusal("a Value that belongs to no Prop")
        item.text = element.text
        parent.items.append(item)

    def _prop(self, element: Element) -> None:
        prop = self._open.pop()
        document = self._document
        if not isinstance(prop, Prop) or document is None:
            raise element.refusal("a Prop outside of a report")
        if not self._open:
            self._top(document, prop)
            return
        parent = self._open[-1]
        if isinstance(parent, Prop):
            parent.members.append(prop)
        elif prop.type == RESULT and self._in_results():
            document.count += 1
            parent.made = self._fold(document, prop)
        else:
            parent.prop = prop

    def _in_results(self) -> bool:
        holder = self._open[-2] if len(self._open) > 1 else None
        return isinstance(holder, Prop) and holder.name == "ResultList"

    def _top(self, document: Document, prop: Prop) -> None:
        if prop.type == RESULT:
            document.results.append(self._fold(document, prop))
            return
        if prop.name == "ReportOptions" and prop.truth("UseLocalizedDecimalPoint"):
            document.mark = ","
        if prop.name == "UUT":
            stack = prop.props("CriticalFailureStack")
            document.culprits = frozenset(entry.text("ResultId") for entry in stack) - {""}
        document.props.append(prop)


def _prop(element: Element) -> Prop:
    return Prop(
        element.get("Name") or "",
        element.get("Type") or "",
        element.get("ElementType") or "",
        element.line,
    )


def _check_root(element: Element) -> None:
    if element.name not in ROOTS:
        raise element.refusal(f'the root element "{element.name}" is not "Reports" or "TSReport"')
    if element.space:
        raise Reject(
            f"a report of the namespace {element.space} is none of TestStand (line {element.line})",
            hint="WATS XML is read by the converter wats-xml.",
        )

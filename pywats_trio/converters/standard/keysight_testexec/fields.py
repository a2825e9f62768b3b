"""What an element says, whichever of several names the tester's version has for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import define, frozen

from pywats_trio.converters.common.xml_tree import SEPARATOR

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator

    from pywats_trio.converters.common.xml_tree import Element

_IGNORED: Final = str.maketrans("", "", "_-")


def normal(name: str) -> str:
    """A name as it is compared: `Serial_Number` and `serialnumber` are the same."""
    return name.translate(_IGNORED).lower()


@frozen
class Field:
    """A value of an element: an attribute, or a child that holds only text."""

    name: str
    """As it is written."""
    text: str


@define
class Fields:
    """The values of an element that nobody has taken yet, in document order."""

    _left: list[Field]

    @classmethod
    def of(cls, element: Element, skip: Container[str] = ()) -> Fields:
        """Those of its children and, after them, of itself; without the children named in `skip`.

        An attribute of a child that is a value is a value, too, as in `<Value Unit="V">5</Value>`.
        """
        found: list[Field] = []
        for child in element.children:
            if is_value(child) and normal(child.name) not in skip:
                found += [Field(child.name, child.text.strip()), *_attributes(child)]
        return cls([*found, *_attributes(element)])

    def take(self, *names: str, fits: Callable[[str], object] = bool) -> str:
        """The value of the first of these (normal) names that has one which fits; "" for none.

        What is taken is not found again.
        """
        for name in names:
            for one in self._left:
                if normal(one.name) == name and fits(one.text):
                    self._left.remove(one)
                    return one.text
        return ""

    def rest(self) -> list[Field]:
        """All that were not taken; they are now."""
        rest, self._left = self._left, []
        return rest

    def rest_as_text(self) -> str:
        """The same, a line each."""
        return "\n".join(f"{one.name}: {one.text}" for one in self.rest())


def is_value(element: Element) -> bool:
    """Whether the element is nothing but a text."""
    return not element.children and bool(element.text.strip())


def _attributes(element: Element) -> Iterator[Field]:
    for name, text in element.attributes.items():
        if text.strip() and SEPARATOR not in name:
            yield Field(name, text.strip())

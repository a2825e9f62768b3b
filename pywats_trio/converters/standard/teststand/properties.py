"""TestStand's properties: all of its XML is a `Prop` that has a value, several, or members."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import define, field

from pywats_trio.converters.api import Reject
from pywats_trio.converters.common import words
from pywats_trio.converters.common.teststand import number
from pywats_trio.text import shortened

if TYPE_CHECKING:
    from pywats_trio.converters.common.decimals import Mark
    from pywats_trio.reports.operators import Value

_SHOWN: Final = 60


@define
class Item:
    """One `Value`: a text, or (in an array) a property."""

    index: str
    """Such as `[0]` or `[1][7]`; empty where the property is no array."""
    text: str = ""
    prop: Prop | None = None
    made: object = None
    """What became of the step result that stood here; see `documents`."""


@define
class Prop:
    """One property."""

    name: str
    type: str
    element_type: str
    """Of an array: the type of what is in it."""
    line: int
    items: list[Item] = field(factory=list)
    members: list[Prop] = field(factory=list)

    @property
    def is_array(self) -> bool:
        """It has any number of values, each with an index."""
        return self.type == "Array" or any(item.index for item in self.items)

    @property
    def value(self) -> str:
        """The text of a property that has one value; empty where it has none."""
        return self.items[0].text.strip() if self.items and not self.is_array else ""

    @property
    def says_something(self) -> bool:
        """There is a value in it, or in something in it; a reference means nothing elsewhere."""
        if self.type == "Reference":
            return False
        return any(map(_holds, self.items)) or any(one.says_something for one in self.members)

    def at(self, *names: str) -> Prop | None:
        """The member of the first name, of that the member of the second, and so on."""
        found: Prop | None = self
        for name in names:
            members = found.members if found is not None else ()
            found = next((member for member in members if member.name == name), None)
        return found

    def text(self, *names: str) -> str:
        """The value of a member; empty where it is missing."""
        found = self.at(*names)
        return found.value if found is not None else ""

    def props(self, *names: str) -> list[Prop]:
        """The properties in an array that is a member."""
        found = self.at(*names)
        return [item.prop for item in found.items if item.prop is not None] if found else []

    def truth(self, *names: str) -> bool | None:
        """The value of a member that is True or False, None where it is neither."""
        verdict = words.verdict(self.text(*names))
        return None if verdict is None else verdict == "P"

    def number(self, mark: Mark, *names: str) -> Value | None:
        """The number that a member is; None where it is missing or empty.

        Raises:
            Reject: it has a value that is no number.
        """
        found = self.at(*names)
        return found.reading(found.value, mark) if found is not None and found.value else None

    def reading(self, text: str, mark: Mark) -> Value:
        """The number that a text in this property is.

        Raises:
            Reject: it is none.
        """
        if (read := number(text.strip(), mark)) is None:
            raise self.refusal(f'"{shortened(text.strip(), _SHOWN)}" is not a number')
        return read

    def integer(self, *names: str, bits: int = 32) -> int | None:
        """The whole number that a member is; None where it is missing or empty.

        Raises:
            Reject: it has a value that is no whole number, or more than `bits` hold.
        """
        number = self.number(".", *names)
        if number is None:
            return None
        whole = float(number)
        if not whole.is_integer() or not -(2 ** (bits - 1)) <= whole < 2 ** (bits - 1):
            found = self.at(*names) or self
            raise found.refusal(
                f'"{shortened(found.value, _SHOWN)}" is no whole number of {bits} bits'
            )
        return int(whole)

    def refusal(self, why: str) -> Reject:
        """The error for something wrong in this property."""
        return Reject(f"line {self.line}: {shortened(self.name, _SHOWN)} {why}")


def _holds(item: Item) -> bool:
    return bool(item.text.strip()) or (item.prop is not None and item.prop.says_something)

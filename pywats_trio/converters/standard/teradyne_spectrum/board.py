"""One board of a log: the run of a program, with what its author printed about it (USER)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field

from pywats_trio.text import shortened

if TYPE_CHECKING:
    from pywats_trio.converters.standard.teradyne_spectrum.nodes import Node


@define
class Board:
    """What the log says of one board, until it is complete."""

    program: Node | None = None
    subprograms: list[str] = field(factory=list)
    tests: list[Node] = field(factory=list)
    """SECTION_NAME and STEP."""
    users: list[tuple[str, str, Node]] = field(factory=list)
    """The USER fields: key, text."""
    others: list[Node] = field(factory=list)

    @property
    def where(self) -> str:
        return f"the board of line {self.program.line if self.program else 1}"

    def add(self, node: Node) -> None:
        if node.key == "PROGRAM_NAME":
            self.program = node
        elif node.key == "SUBPROGRAM_NAME":
            self.subprograms.append(node.text)
        elif node.key == "USER":
            self._user(node)
        elif node.key not in ("SECTION_NAME", "STEP"):
            self.others.append(node)
        elif self.program is None:
            raise node.refusal(
                "there is no (PROGRAM_NAME: …) before it",
                hint="The beginning of the file is missing; write it anew.",
            )
        else:
            self.tests.append(node)
            for user in node.named("USER"):
                self._user(user)

    def _user(self, node: Node) -> None:
        key, colon, text = node.text.partition(":")
        self.users.append((key.strip(), text.strip(), node) if colon else ("USER", key, node))

    def take(self, key: str) -> list[tuple[str, Node]]:
        """What the USER fields of this name say, whatever its case; they are gone then."""
        taken = [(text, node) for own, text, node in self.users if own.casefold() == key.casefold()]
        self.users = [row for row in self.users if row[0].casefold() != key.casefold()]
        return [row for row in taken if row[0]]

    def last(self, key: str) -> str:
        """The last of them: a program may print a field again when it knows better.

        What it said before stays among the fields.
        """
        if not (taken := self.take(key)):
            return ""
        last, _ = taken[-1]
        self.users += [(key, text, node) for text, node in taken if text != last]
        return last

    def first(self, key: str) -> str:
        """What a field says, which stays there."""
        return next((text for own, text, _ in self.users if own.casefold() == key.casefold()), "")

    def serial_number(self) -> str:
        """Empty where there is none.

        Raises:
            Reject: there are two.
        """
        found = self.take("Serialnumber")
        for text, node in found:
            if text != found[0][0]:
                raise node.refusal(
                    f'the serial number is "{shortened(text, 60)}", but in line {found[0][1].line} '
                    f'it is "{shortened(found[0][0], 60)}"',
                    hint="Each board needs a PROGRAM_NAME of its own.",
                )
        return found[0][0] if found else ""

"""What was found out about a sample, and what a converter for it is made of."""

from __future__ import annotations

from typing import Final, NamedTuple

from attrs import define, field

from pywats_trio.cli.converters.new.guess import Tables

HEAD: Final = 8192
"""Bytes of a file that `detect` of the converter looks at."""


class Constant(NamedTuple):
    """A further line of the table at the top of a converter."""

    name: str
    type: str
    literal: str
    comment: str


@define
class Draft:
    """A converter that is still to be written down."""

    spoken: str
    """What kind of file the sample is, for people."""
    reader: str
    """The template of the part that reads it."""
    tables: Tables = field(factory=Tables)
    constants: list[Constant] = field(factory=list)
    marks: list[str] = field(factory=list)
    """Texts that the head of such a file has, most telling first."""
    imports: tuple[str, ...] = ()
    """From the standard library."""
    common: tuple[str, ...] = ()
    """From `pywats_trio.converters.common`."""
    types: tuple[str, ...] = ()
    """Further lines that only type checkers read."""
    what: str = "One file is one test of one unit."
    rows: str = ""
    """Where a template asks for them: the rows of a run."""
    has_lines: bool = False
    """It is read line by line, with the part that looks whether they are all there."""

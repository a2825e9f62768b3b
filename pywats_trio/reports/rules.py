"""What the members of WSJF objects must be, as rules that say what is wrong with a value.

Almost every value of almost every report is right, so objects are looked through in two passes:
`suspects` sorts out what is right at a glance, and only the rest is judged by its rule.
"""

from __future__ import annotations

import math
import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from attrs import frozen

from pywats_trio.reports import instants, numbers
from pywats_trio.reports.findings import Findings, Trail
from pywats_trio.reports.header import shown
from pywats_trio.reports.limits import INT16, INT32
from pywats_trio.reports.numbers import Number
from pywats_trio.reports.wsjf import kind

if TYPE_CHECKING:
    from pywats_trio.reports.model import Severity

Rule: TypeAlias = Callable[[Any, Trail, Findings], None]
"""Tells what is wrong with the value that a trail leads to; never called for null."""
Suspects: TypeAlias = Callable[[Mapping[str, Any]], list[str]]
Wrong: TypeAlias = "tuple[str, Severity] | None"

MISSING: Final = "missing; a server is expected to require it"
NOT_FINITE: Final = frozenset({"NaN", "Infinity", "-Infinity"})
LARGEST: Final = sys.float_info.max
_ENDLESS: Final = sys.maxsize
_WHOLE: Final = re.compile(r"[+-]?\d{1,20}", re.ASCII)
_GUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


class _Leaf(ABC):
    """A rule for a single value."""

    def __call__(self, value: object, trail: Trail, found: Findings) -> None:
        if (wrong := self.wrong(value)) is not None:
            found.at(trail, *wrong)

    @abstractmethod
    def wrong(self, value: object) -> Wrong:
        """What is wrong with it, and how bad that is."""


@frozen
class Text(_Leaf):
    """A text of at most `most` characters, counted as the server's database counts them: those
    beyond U+FFFF are two.
    """

    most: int = _ENDLESS

    def wrong(self, value: object) -> Wrong:
        if not isinstance(value, str):
            return _of_another_kind(value, "a text", readable=not isinstance(value, dict | list))
        if (length := _length(value)) > self.most:
            return f"{length} characters, WATS keeps {self.most}", "error"
        return None


@frozen
class Elsewhere(Text):
    """A text that somebody else looks at."""

    def __call__(self, value: object, trail: Trail, found: Findings) -> None:
        pass


@frozen
class Whole(_Leaf):
    """A whole number."""

    among: range = INT32

    def wrong(self, value: object) -> Wrong:
        text = value.text if isinstance(value, Number) else value
        if isinstance(text, str) and _WHOLE.fullmatch(text):
            if int(text) in self.among and value is text:
                return _of_another_kind(value, "a whole number", readable=True)
            text = int(text)
        if isinstance(text, float) and text.is_integer() and int(text) in self.among:
            return f"{text} is written with a fraction, a whole number is expected", "warning"
        if isinstance(text, bool) or not isinstance(text, int):
            said = shown(value) if isinstance(value, str) else _number(value)
            return f"{said} is no whole number", "error"
        if text not in self.among:
            least, most = self.among[0], self.among[-1]
            return f"beyond what WATS holds here, {least} to {most}", "error"
        return None


@frozen
class Real(_Leaf):
    """A number that is finite."""

    def wrong(self, value: object) -> Wrong:
        if is_finite(value):
            return None
        if isinstance(value, float | Number) or type(value) is int:
            return "larger than any finite number", "error"
        if not isinstance(value, str):
            return _of_another_kind(value, "a number", readable=False)
        if value in NOT_FINITE:
            return f"{value} is no number that WATS can store", "warning"
        if isinstance(numbers.read(value), Number):
            return _of_another_kind(value, "a number", readable=True)
        return f"{shown(value)} is no number", "error"


@frozen
class Flag(_Leaf):
    """True or false."""

    def wrong(self, value: object) -> Wrong:
        if isinstance(value, bool):
            return None
        readable = value in (0, 1) or (isinstance(value, str) and value.lower() in _TRUTHS)
        return _of_another_kind(value, "true or false", readable=readable)


_TRUTHS: Final = ("true", "false")


@frozen
class Instant(_Leaf):
    """A point in time in ISO 8601, with an offset unless everybody knows that it is in UTC."""

    offset: bool = True

    def wrong(self, value: object) -> Wrong:
        instant = instants.parse(value)
        if instant is None:
            return f"{shown(value)} is no date", "error"
        if instant.tzinfo is None and self.offset:
            return "a time without an offset: where was it?", "warning"
        return None


@frozen
class Guid(_Leaf):
    """A UUID with its hyphens."""

    def wrong(self, value: object) -> Wrong:
        if isinstance(value, str) and _GUID.fullmatch(value):
            return None
        return f"{shown(value)} is no UUID", "error"


@frozen
class Word(_Leaf):
    """One of some words; `folded`: in capitals or not."""

    among: frozenset[str]
    what: str = ""
    folded: bool = False

    def wrong(self, value: object) -> Wrong:
        word = value.upper() if self.folded and isinstance(value, str) else value
        if isinstance(word, str) and word in self.among:
            return None
        if self.what:
            return f"{shown(value)} is no {self.what}", "error"
        return f"{shown(value)} is none of {' '.join(sorted(self.among))}", "error"


def is_finite(value: object) -> bool:
    """Whether it is a number that a double can hold."""
    if type(value) is int:
        return -LARGEST <= value <= LARGEST
    return isinstance(value, float | Number) and math.isfinite(float(value))


def texts(lengths: Mapping[str, int]) -> dict[str, Rule]:
    """Rules for texts, by key and characters."""
    return {key: Text(most) for key, most in lengths.items()}


def each(rule: Rule, *keys: str) -> dict[str, Rule]:
    """The same rule for several keys."""
    return dict.fromkeys(keys, rule)


def suspects(rules: Mapping[str, Rule]) -> Suspects:  # noqa: C901 - lean, see above
    """A function that gives the keys of an object whose values are not right at a glance.

    Those without a rule are among them: nobody knows them, so nobody says anything.
    """
    lengths = {key: rule.most for key, rule in rules.items() if isinstance(rule, Text)}
    # Half as many fit where each counts twice; so few fit everywhere.
    few = min(lengths.values(), default=0) // 2
    words = {key: rule.among for key, rule in rules.items() if isinstance(rule, Word)}
    reals = {key for key, rule in rules.items() if isinstance(rule, Real)}
    dates = {key for key, rule in rules.items() if isinstance(rule, Instant)}
    flags = {key for key, rule in rules.items() if isinstance(rule, Flag)}
    wholes = {key for key, rule in rules.items() if isinstance(rule, Whole)} | reals
    small = INT16[-1]  # so small, an integer fits everywhere
    largest, instant = LARGEST, datetime.fromisoformat

    def look(holder: Mapping[str, Any]) -> list[str]:  # noqa: C901, PLR0912
        odd = []
        for key, value in holder.items():
            type_ = type(value)
            if type_ is str:
                if key in lengths:
                    if (length := len(value)) <= few:
                        continue
                    most = lengths[key]
                    if length + length <= most or (length <= most and value.isascii()):
                        continue
                elif key in dates:
                    try:
                        if value[10] == "T" and instant(value).tzinfo is not None:
                            continue
                    except (ValueError, IndexError):
                        pass
                elif key in words and value in words[key]:
                    continue
            elif value is None:
                continue
            elif type_ is int:
                if key in wholes and -small <= value <= small:
                    continue
            elif type_ is float:
                if key in reals and -largest <= value <= largest:
                    continue
            elif type_ is bool and key in flags:
                continue
            odd.append(key)
        return odd

    return look


def members(rules: Mapping[str, Rule], *required: str) -> Rule:
    """A rule for an object whose members have rules of their own."""
    look = suspects(rules)

    def check(holder: Mapping[str, Any], trail: Trail, found: Findings) -> None:
        for key in look(holder):
            if key in rules:
                rules[key](holder[key], (trail, key), found)
        for key in required:
            if holder.get(key) is None:
                found.at((trail, key), MISSING, "error")

    return check


def one(rule: Rule) -> Rule:
    """A rule for an object, or for what should be one."""

    def check(value: object, trail: Trail, found: Findings) -> None:
        if isinstance(value, dict):
            rule(value, trail, found)
        else:
            found.at(trail, f"{kind(value)}, an object is expected", "error")

    return check


def several(rule: Rule) -> Rule:
    """A rule for a list of objects, or for what should be one."""
    single = one(rule)

    def check(value: object, trail: Trail, found: Findings) -> None:
        if not isinstance(value, list):
            found.at(trail, f"{kind(value)}, a list is expected", "error")
            return
        for index, item in enumerate(value):
            single(item, (trail, index), found)

    return check


def _of_another_kind(value: object, expected: str, *, readable: bool) -> Wrong:
    """What a server reads all the same is worth knowing, no more."""
    return f"{kind(value)}, {expected} is expected", "warning" if readable else "error"


def _number(value: object) -> str:
    text = value.text if isinstance(value, Number) else str(value)
    return text[:30] if isinstance(value, float | Number) else kind(value)


def _length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2

"""Words and measured values of TestExec SL."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from attrs import frozen

from pywats_trio.converters.api import Reject
from pywats_trio.converters.common import decimals, words
from pywats_trio.converters.standard.keysight_testexec import names
from pywats_trio.reports.limits import STRING_LENGTHS
from pywats_trio.reports.steps import Numeric, PassFail, Text
from pywats_trio.text import shortened

if TYPE_CHECKING:
    from collections.abc import Callable

    from pywats_trio.converters.common.decimals import Mark
    from pywats_trio.converters.standard.keysight_testexec.fields import Fields
    from pywats_trio.reports.operators import Value
    from pywats_trio.reports.steps import Status

_WORDS: Final[dict[str, Status]] = {
    **dict.fromkeys(("1", "SUCCESS", "GOOD"), "P"),
    **dict.fromkeys(("0", "NG", "BAD", "NOT OK"), "F"),
    **dict.fromkeys(("ABORT", "STOPPED", "INCOMPLETE"), "T"),
    **dict.fromkeys(("EXCEPTION", "INVALID"), "E"),
    **dict.fromkeys(("NOT TESTED", "NOT RUN", "NOT EXECUTED"), "S"),
    **dict.fromkeys(("NOTTESTED", "NOTRUN", "NOTEXECUTED"), "S"),
}
_FIRST: Final = re.compile("[A-Za-z]*")
_OTHER_MARK: Final = "Set the argument decimal to the decimal mark of the file."
_NONE: Final = frozenset({"", "-", "--", "---", "none", "null", "n/a", "na", "nan"})
"""What stands where there is no limit."""
_LONGEST: Final = STRING_LENGTHS["value"]


def status(text: str) -> Status | None:
    """The letter of a verdict, also of one with more behind it (`Failed: high`); None for none."""
    text = " ".join(text.upper().split())
    first = text[: _FIRST.match(text).end()]  # type: ignore[union-attr]  # it matches anything
    return words.status(text) or _WORDS.get(text) or words.status(first) or _WORDS.get(first)


def of_single(verdict: Status | None) -> Status | None:
    """The status of the only measurement of a test by that of the test; None: by its limits.

    WATS has no measurement that ended in an error: what did not pass has failed.
    """
    return "F" if verdict in ("E", "T") else None if verdict == "D" else verdict


@frozen
class Measured:
    """A measurement, if there is one, and what else is said there."""

    measurement: Numeric | Text | PassFail | None
    text: str


@frozen
class Reader:
    """Reads the measurements of one file."""

    mark: Mark
    note: Callable[[str], None]

    def number(self, text: str) -> Value | None:
        """None where it is no number."""
        return decimals.value(text, self.mark)

    def seconds(self, text: str, where: str) -> float | None:
        """A time that something took; what is no number of seconds is a finding."""
        if not text:
            return None
        value = self.number(text)
        if value is None or not 0 <= float(value) < float("inf"):
            self.note(f'{where}: the duration "{shortened(text, 60)}" is no number of seconds')
            return None
        return float(value)

    def measured(self, fields: Fields, own_text: str, where: str, *, judged: bool) -> Measured:
        """What these fields, and the text between them, say; `judged`: their test has a verdict.

        Raises:
            Reject: a limit is no number, or nobody can say whether the value is good.
        """
        own = status(fields.take(*names.STATUS, fits=status))
        value = fields.take(*names.VALUE) or own_text
        value = value or fields.take(names.VALUE_OR_STATUS, fits=self.number)
        unit = fields.take(*names.MEASUREMENT_UNIT)
        low = self._limit(fields.take(*names.LOW), f"{where}: low limit")
        high = self._limit(fields.take(*names.HIGH), f"{where}: high limit")
        name = fields.take(*names.TEST_NAME) or None
        if word := fields.take(*names.STATUS):
            self.note(f'{where}: the status "{shortened(word, 60)}" is unknown and is not sent')
        text = fields.rest_as_text()
        if (number := self.number(value)) is not None:
            numeric = Numeric(value=number, unit=unit, low=low, high=high, name=name, status=own)
            return Measured(numeric, text)
        other_mark = decimals.mark_in(value) not in (None, self.mark)
        if unit or low is not None or high is not None:
            if other_mark:
                raise Reject(
                    f'{where}: value "{shortened(value, 60)}" is not a number', hint=_OTHER_MARK
                )
            self.note(f"{where} has no number as its value: its limits and unit are not sent")
            if value and not judged and own is None:
                raise Reject(
                    f'{where}: the value "{shortened(value, 60)}" is not a number, and no status '
                    "says whether it is good"
                )
        if other_mark:
            shown = shortened(value, 60)
            self.note(
                f'{where}: "{shown}" is sent as a text; set the argument decimal if it is none'
            )
        verdict = words.verdict(value) if value else own
        if verdict is not None:
            passed = PassFail(passed=verdict == "P", name=name, status=own)
            return Measured(passed, text)
        if not value:
            return Measured(None, f"{name}: no value\n{text}".strip() if name else text)
        if len(value) > _LONGEST:
            self.note(f"{where}: {len(value)} characters are cut; the step's text holds them all")
            text = f"{value}\n{text}".strip()
        return Measured(Text(value=shortened(value, _LONGEST), name=name, status=own), text)

    def _limit(self, text: str, what: str) -> Value | None:
        if text.lower() in _NONE:
            return None
        if (value := self.number(text)) is None:
            hint = "" if decimals.mark_in(text) in (None, self.mark) else _OTHER_MARK
            raise Reject(f'{what} "{shortened(text, 60)}" is not a number', hint=hint)
        return value

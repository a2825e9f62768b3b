"""The steps of a log: a STEP with one page is that page, one with several is a sequence of them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from attrs import define, field

from pywats_trio.converters.common import words
from pywats_trio.converters.common.names import apart
from pywats_trio.converters.common.sequences import Sequences
from pywats_trio.converters.standard.teradyne_spectrum import measured
from pywats_trio.reports.steps import Numeric, PassFail, Step, worst
from pywats_trio.text import shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pywats_trio.converters.standard.teradyne_spectrum.measured import Reading
    from pywats_trio.converters.standard.teradyne_spectrum.nodes import Node
    from pywats_trio.reports.builder import SequenceBuilder
    from pywats_trio.reports.steps import Status

_REMARKS: Final = ("DESC", "COMMENT", "FAIL_MSG")
"""Texts for people: they come first, without their keys."""
_OF_STEP: Final = frozenset({"TYPE", "TIME", "SNAME", "PAGE", "STAT", "USER"})
"""What of a STEP is not text of its pages; USER is the board's."""


@define
class Steps:
    """Adds the steps of one board, in order, below a root."""

    root: SequenceBuilder
    note: Callable[[str], None]
    bad: set[Status] = field(factory=set, init=False)
    """The statuses of pages that are not good."""
    _sequences: Sequences = field(init=False)
    _section: tuple[str, ...] = field(default=(), init=False)

    def __attrs_post_init__(self) -> None:
        self._sequences = Sequences(self.root)

    def section(self, node: Node) -> None:
        """What follows is in this section; one whose name came before is another one."""
        self._section = (_line(node.text) or node.key,)
        self._sequences.new(*self._section)

    def step(self, node: Node, seconds: float | None) -> None:
        """A STEP and how long it took.

        Raises:
            Reject: it has no name, or a value in it is no number.
        """
        sequence = self._sequences.at(*self._section)
        name = _line(node.get("SNAME"))
        pages = node.named("PAGE")
        rest = {id(child) for child in node.children if child.key in _OF_STEP}
        if len(pages) != 1:
            if not name:
                raise node.refusal("it has no name (SNAME)")
            status = self._status(node.get("STAT"), node)
            text = _text(node, rest)
            if not pages:
                verdict = (_passfail(None, status),) if status else ()
                sequence.add(
                    Step(name=name, status=status, seconds=seconds, text=text, measurements=verdict)
                )
                return
            below = sequence.sequence(name, status=_verdict(status), seconds=seconds, text=text)
            for page in pages:
                below.add(self._page(page, name))
            return
        step = self._page(pages[0], name)
        own = self._status(node.get("STAT"), node, judged=True)
        if own and own != step.status:
            step.status = self._of_both(own, step.status, node)
        step.seconds = seconds
        step.text = "\n".join(part for part in (_text(node, rest), step.text) if part) or None
        sequence.add(step)

    def _page(self, page: Node, step_name: str) -> Step:
        name = _line(page.get("PAGE_NAME")) or step_name
        if not name:
            raise page.refusal("neither it nor its STEP has a name (PAGE_NAME, SNAME)")
        found = measured.readings(page)
        for problem in found.problems:
            self.note(f"{problem}; it stands in the text of the step")
        judged = any(_has_limits(one) for one in found.readings)
        status = self._status(page.get("STAT"), page, judged=judged)
        hidden = found.nodes | {id(one) for one in page.named("PAGE_NAME", "STAT")}
        return Step(
            name=name,
            status=status,
            text=_text(page, hidden),
            measurements=self._measurements(page, found.readings, status),
        )

    def _measurements(
        self, page: Node, readings: list[Reading], status: Status | None
    ) -> Iterable[Numeric] | Iterable[PassFail]:
        """Of one value or none without names, the verdict is that of the page."""
        if len(readings) == 1:
            (one,) = readings
            own = status or self._status(one.stat, page, judged=_has_limits(one))
            return (_numeric(one, None, own),)
        if readings:
            names = _distinct(one.name or page.get("TYPE") or "Value" for one in readings)
            return [
                _numeric(one, name, self._status(one.stat, page, judged=_has_limits(one)))
                for one, name in zip(readings, names, strict=True)
            ]
        pins = [one for one in page.everything() if one.key == "FSCAN_PIN" and one.get("STAT")]
        if pins:
            names = _distinct(one.get("TPNAME") or "Pin" for one in pins)
            return [
                _passfail(name, self._status(pin.get("STAT"), pin))
                for pin, name in zip(pins, names, strict=True)
            ]
        return (_passfail(None, status),) if status else ()

    def _status(self, word: str, node: Node, *, judged: bool = False) -> Status | None:
        """The letter of a verdict; None where there is none.

        `judged`: of an unknown word something else knows more, limits or the page of a step.
        """
        if not word:
            return None
        status = words.status(word)
        if status is None:
            taken = "is unknown: the limits decide" if judged else "is taken as D"
            self.note(f'STAT "{shortened(word, 60)}" in {node.key} (line {node.line}) {taken}')
            return None if judged else "D"
        if status in "FET":
            self.bad.add(status)
        return status

    def _of_both(self, own: Status, page: Status | None, node: Node) -> Status:
        if page is None:
            return own
        both = worst((own, page))
        self.note(f"STEP (line {node.line}) says {own}, its page {page}: {both} is taken")
        return both


def _verdict(status: Status | None) -> Status | None:
    """That of a sequence; where it says nothing of good and bad, its steps decide."""
    return status if status and status in "PFET" else None


def _has_limits(one: Reading) -> bool:
    return one.low is not None or one.high is not None


def _numeric(one: Reading, name: str | None, status: Status | None) -> Numeric:
    return Numeric(
        name=name, value=one.value, unit=one.unit, low=one.low, high=one.high, status=status
    )


def _passfail(name: str | None, status: Status | None) -> PassFail:
    return PassFail(name=name, passed=not status or status not in "FET", status=status)


def _distinct(names: Iterable[str]) -> list[str]:
    taken: Counter[str] = Counter()
    return [apart(name, taken) for name in names]


def _text(node: Node, hidden: set[int]) -> str | None:
    """What a node says besides, a line for each: remarks first, then the rest with its keys."""
    shown = [child for child in node.children if id(child) not in hidden]
    lines = [child.text for child in shown if child.key in _REMARKS]
    lines += [node.text]
    for child in shown:
        if child.key not in _REMARKS and (inner := child.written(hidden)):
            lines.append(f"{child.key}: {inner}")
    return "\n".join(line for line in lines if line) or None


def _line(text: str) -> str:
    """A name: in one line, its blanks as they are."""
    return text.replace("\n", " ").strip()

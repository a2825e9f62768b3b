"""Faults on demand: what a bad network, proxy or server does to submits.

A fault spoils the answer *before* the report is stored, but for `close`: there the report is taken
and only the answer is lost, which is the case that a client cannot tell from a failure.
"""

from __future__ import annotations

import random
from typing import Any, Final

import trio
from attrs import define, field, fields, frozen

from pywats_trio.devserver.submitted import RefusedReport, canonical_id
from pywats_trio.errors import UsageError

KINDS: Final = ("status", "hang", "close", "redirect", "page")


def _number(low: float, high: float) -> Any:  # noqa: ANN401 - attrs types validators so
    def check(_fault: object, attribute: Any, value: object) -> None:  # noqa: ANN401
        if value is None and attribute.default is None:
            return
        good = isinstance(value, int | float) and not isinstance(value, bool)
        if not (good and low <= float(str(value)) <= high):
            raise UsageError(f"{attribute.name}: must be a number from {low:g} to {high:g}")

    return check


def _whole(low: int, high: int) -> Any:  # noqa: ANN401
    def check(_fault: object, attribute: Any, value: object) -> None:  # noqa: ANN401
        if value is None:
            return
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise UsageError(f"{attribute.name}: must be a whole number from {low} to {high}")

    return check


def _of(kind: type, name: str) -> Any:  # noqa: ANN401
    def check(_fault: object, attribute: Any, value: object) -> None:  # noqa: ANN401
        if not isinstance(value, kind):
            raise UsageError(f"{attribute.name}: must be {name}")

    return check


@frozen(kw_only=True)
class Fault:
    """One rule. At most one of `status`, `hang`, `close`, `redirect`, `page`; `UsageError` else.

    With a `fail_rate` and none of them the status is 503, with a `retry_after` 429.
    """

    latency_ms: float = field(default=0, validator=_number(0, 3_600_000))
    """Milliseconds before any answer, good or bad."""
    fail_rate: float | None = field(default=None, validator=_number(0, 1))
    """Share of the requests that fail, 0 to 1; all of them where a failure is given without it."""
    status: int | None = field(default=None, validator=_whole(200, 599))
    retry_after: float | str | None = None
    """Seconds, or a date as HTTP writes it; sent as it is with the status."""
    hang: bool = field(default=False, validator=_of(bool, "true or false"))
    """No answer until the faults change."""
    close: bool = field(default=False, validator=_of(bool, "true or false"))
    """The report is stored, and the connection closed in the middle of the answer."""
    redirect: str = field(default="", validator=_of(str, "the address to redirect to"))
    page: bool = field(default=False, validator=_of(bool, "true or false"))
    """200 with an HTML page, as a proxy's login or a parked domain answers."""
    only_serial: str = field(default="", validator=_of(str, "a serial number"))
    only_id: str = field(default="", validator=_of(str, "a report id"))
    count: int | None = field(default=None, validator=_whole(1, 10**9))
    """For so many requests; then the rule is over. None: until the faults change."""
    seed: int | None = field(default=None, validator=_whole(0, 2**63))
    """Of the random numbers that `fail_rate` draws."""
    where: str = "submit"
    """`submit`, or `all` for every request below /api/ but these controls."""

    def __attrs_post_init__(self) -> None:
        given = [name for name in KINDS if getattr(self, name)]
        if len(given) > 1:
            raise UsageError(f"a fault is one of {', '.join(KINDS)}, not {' and '.join(given)}")
        if self.where not in ("submit", "all"):
            raise UsageError("where: must be 'submit' or 'all'")
        if self.retry_after is not None and not isinstance(self.retry_after, int | float | str):
            raise UsageError("retry_after: must be seconds or a date")

    @property
    def kind(self) -> str:
        """Which of `KINDS` it is, `status` where only a rate or a wait is given, else empty."""
        for name in KINDS:
            if getattr(self, name):
                return name
        implied = self.fail_rate is not None or self.retry_after is not None
        return "status" if implied else ""

    @property
    def code(self) -> int:
        """The status to answer with."""
        return self.status or (503 if self.retry_after is None else 429)

    def concerns(self, *, submit: bool, report_id: str, serial: str) -> bool:
        """Is this a request that the rule is about?"""
        if not submit and self.where != "all":
            return False
        if self.only_serial and self.only_serial != serial:
            return False
        return not self.only_id or _same_id(self.only_id, report_id)


def _same_id(one: str, other: str) -> bool:
    try:
        return canonical_id(one) == other
    except RefusedReport:
        return False


def fault_from(data: object) -> Fault:
    """A fault from parsed JSON. `UsageError` names the key that is wrong."""
    if not isinstance(data, dict):
        raise UsageError("a fault is a JSON object")
    known = [attribute.name for attribute in fields(Fault)]
    for key in data:
        if key not in known:
            raise UsageError(f"{key}: unknown; a fault knows {', '.join(known)}")
    return Fault(**data)


@frozen
class Effect:
    """What one request has to suffer."""

    latency: float = 0.0
    """Seconds."""
    kind: str = ""
    fault: Fault = Fault()


@define
class _Rule:
    fault: Fault
    random: random.Random
    left: float

    def draw(self) -> Effect:
        self.left -= 1
        rate = 1.0 if self.fault.fail_rate is None else self.fault.fail_rate
        kind = self.fault.kind if self.random.random() < rate else ""
        return Effect(self.fault.latency_ms / 1000, kind, self.fault)


class Faults:
    """The rules now in force; the first that concerns a request decides."""

    def __init__(self, *faults: Fault) -> None:
        self._rules: list[_Rule] = []
        self._changed = trio.Event()
        self.set(*faults)

    def set(self, *faults: Fault) -> None:
        """Replace all rules; requests that hang are let go."""
        self._rules = [
            _Rule(fault, random.Random(fault.seed), fault.count or float("inf"))  # noqa: S311
            for fault in faults
        ]
        self._changed.set()
        self._changed = trio.Event()

    def clear(self) -> None:
        """No faults."""
        self.set()

    @property
    def active(self) -> list[Fault]:
        """The rules that still apply to some request."""
        return [rule.fault for rule in self._rules if rule.left > 0]

    def draw(self, *, submit: bool, report_id: str = "", serial: str = "") -> Effect:
        """Count this request and say what happens to it."""
        for rule in self._rules:
            if rule.left > 0 and rule.fault.concerns(
                submit=submit, report_id=report_id, serial=serial
            ):
                return rule.draw()
        return Effect()

    async def hold(self, effect: Effect) -> None:
        """Wait as long as the effect says: its latency, and for a hang until the rules change."""
        changed = self._changed
        if effect.latency:
            await trio.sleep(effect.latency)
        if effect.kind == "hang":
            await changed.wait()

"""What a running service tells of a converter, in words. Pure.

The service may be older or newer than the command, so every fact may be missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pywats_trio.cli.times import ago, until

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping

    Facts = Mapping[str, Any]

IN_USE: Final = "in use"
UNUSABLE: Final = "unusable"
WAITING: Final = ("PENDING", "SUSPENDED")
FAILED: Final = ("FAILED", "QUARANTINED")
_GOES_ON: Final = "what was in use goes on"
_MEND: Final = "mend the code, and it is taken into use"


def state(facts: Facts, now: float) -> str:
    """`in use`, `disabled`, or `paused, next try in 20 s`, in few words."""
    found = str(facts.get("state") or (IN_USE if facts.get("enabled", True) else "disabled"))
    if following := (facts.get("outage") or {}).get("next_try"):
        return f"{found}, next try in {until(following, now)}"
    return found


def troubles(facts: Facts, now: float, *, known: Container[str] = ()) -> Iterator[str]:
    """What is not as it should be, and what to do; an outage that is `known` is left out."""
    if (facts.get("outage") or facts).get("why") not in known:
        yield from _state(facts, now)
    if trouble := facts.get("trouble"):
        yield str(trouble)
    if refused := facts.get("refused"):
        revision = f" ({refused['revision']})" if refused.get("revision") else ""
        yield (
            f"its changed code{revision} was refused, since {ago(refused.get('since'), now)}: "
            f"{refused.get('why')}"
        )
        then = "its files wait" if facts.get("state") == UNUSABLE else _GOES_ON
        yield f"  {then}; {_MEND}"


def refused(done: Facts) -> str:
    """Of a reload: whose code was not taken into use, and what becomes of their files."""
    names: dict[bool, list[str]] = {True: [], False: []}
    for one in done.get("refused", ()):
        names[bool(one.get("in_use", True))].append(str(one.get("name")))
    whose = "its" if len(names[False]) == 1 else "their"
    then = {True: _GOES_ON, False: f"{whose} files wait; {_MEND}"}
    return "; ".join(
        f"not reloaded: {', '.join(several)}; {then[in_use]}"
        for in_use, several in names.items()
        if several
    )


def _state(facts: Facts, now: float) -> Iterator[str]:
    outage = facts.get("outage") or facts
    if not outage.get("why"):
        return
    since = f", since {ago(outage['since'], now)}" if outage.get("since") else ""
    yield f"{state(facts, now)}{since}: {outage['why']}"
    if outage.get("hint"):
        yield f"  {outage['hint']}"


def code(facts: Facts) -> str:
    """Which state of its code is in use: `2.1 (3f9a0c1d77e2)`."""
    revision = f"({facts['revision']})" if facts.get("revision") else ""
    return f"{facts.get('version') or ''} {revision}".strip()


def last_used(facts: Facts, now: float) -> str:
    """When a job of it ended."""
    return ago(facts["last_used"], now) if facts.get("last_used") else ""


def in_folder(facts: Facts) -> str:
    """How many files or folders wait in its watch folder, and for what."""
    if not facts.get("watching", True):
        return "not watched now"
    reasons = (facts.get("waiting_for") or {}).items()
    why = ", ".join(f"{count} {reason}" for reason, count in reasons)
    return f"{facts.get('waiting_files') or 0} wait" + (f" ({why})" if why else "")


def in_queue(facts: Facts) -> str:
    """What the queue has of its files, by their state; empty where that is not known."""
    counts = facts.get("counts")
    if counts is None:
        return ""
    return ", ".join(f"{n} {state.lower()}" for state, n in counts.items() if n) or "nothing"


def waiting(facts: Facts) -> int:
    """Files that are yet to be converted, in its folder and in the queue."""
    return int(facts.get("waiting_files") or 0) + _counted(facts, WAITING)


def failed(facts: Facts) -> int:
    """Files in the queue that could not be converted."""
    return _counted(facts, FAILED)


def _counted(facts: Facts, states: tuple[str, ...]) -> int:
    counts = facts.get("counts") or {}
    return sum(int(counts.get(one) or 0) for one in states)


def takes(unit: Facts | None) -> str:
    """What it is given at once, and when that is complete; empty where it is not known."""
    if unit is None:
        return ""
    if unit["form"] == "file":
        return "files"
    what = "folders" if unit["form"] == "folder" else "header files, each with its folder"
    marker = f"the file {unit['marker']}, " if unit["marker"] else ""
    count = unit["minimum_files"]
    return (
        f"{what}; complete with {marker}at least {count} file{'s' * (count != 1)} and "
        f"{unit['quiet_seconds']:g} s of quiet"
    )


def level(sandbox: Facts) -> str:
    """The level that workers have, and the one that they should have where that is another."""
    if sandbox.get("level") == sandbox.get("wanted"):
        return str(sandbox.get("level"))
    return f"{sandbox.get('level') or 'none'}, although {sandbox.get('wanted')} is configured"

"""What `get_status` answers, as a page for people. No I/O; times are epoch seconds.

The service may be older or newer than the command, so every fact may be missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pywats_trio.cli.converters import words
from pywats_trio.cli.output import table
from pywats_trio.cli.times import ago, span
from pywats_trio.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Facts = Mapping[str, Any]

STATES: Final = (
    "PENDING",
    "PROCESSING",
    "SUSPENDED",
    "HELD",
    "COMPLETED",
    "FAILED",
    "QUARANTINED",
)
_SIZES: Final = ("B", "KiB", "MiB", "GiB")
KIB: Final = 1024


def page(told: Facts, now: float, before: Facts | None = None) -> list[str]:
    """The lines. `before` is a reading of the same service some time ago, for the rates."""
    lines = [
        *_state(told, now),
        *_conditions(told, now),
        *_queue(told),
        *_delivery(told, now, before),
        *_converters(told, now),
        *_processes(told),
        *_probes(told),
    ]
    return [printable(line) for line in lines]


def _state(told: Facts, now: float) -> Iterator[str]:
    since = ago(told.get("since"), now)
    cause = f": {told['cause']}" if told.get("cause") else ""
    yield f"{told.get('instance')} is {told.get('state')}, since {since}{cause}"
    up = span(told.get("uptime_seconds") or 0)
    yield f"  version {told.get('version')}, process {told.get('pid')}, up {up}"
    for what in told.get("waiting_for") or ():
        yield f"  waiting for {what}"


def _conditions(told: Facts, now: float) -> Iterator[str]:
    conditions = told.get("conditions") or ()
    if conditions:
        yield "held up by"
    for condition in conditions:
        subject = f" {condition['subject']}" if condition.get("subject") else ""
        since = ago(condition.get("since"), now)
        yield f"  {condition.get('cause')}{subject}, since {since}: {condition.get('message')}"
        if condition.get("hint"):
            yield f"    {condition['hint']}"


def _queue(told: Facts) -> Iterator[str]:
    queue = told.get("queue") or {}
    heads = ("queue", *(state.lower() for state in STATES))
    rows = [(f"  {kind}", *(counts.get(s, 0) for s in STATES)) for kind, counts in queue.items()]
    yield from table(heads, rows)


def _delivery(told: Facts, now: float, before: Facts | None) -> Iterator[str]:
    facts = told.get("delivery") or {}
    if not facts:
        return
    version = f" (version {facts['server_version']})" if facts.get("server_version") else ""
    yield f"delivery to {facts.get('server')}{version}"
    in_hand, limit = facts.get("in_hand"), facts.get("concurrency_limit")
    yield f"  breaker {facts.get('breaker') or 'closed'}, {in_hand} in hand of {limit} at once"
    if rate := _rate(told, before):
        yield f"  {rate}"
    if outage := facts.get("outage"):  # its words are in the list of what holds it up
        since, again = ago(outage.get("since"), now), span(facts.get("next_try_seconds") or 0)
        yield f"  away ({outage.get('class')}) since {since}, next try in {again}"
    if facts.get("paced"):
        yield "  the pace is what slows the backlog (server.requests_per_minute)"


def _rate(told: Facts, before: Facts | None) -> str:
    """What came to its end between two readings; nothing if they do not follow each other."""
    if before is None or before.get("started_at") != told.get("started_at"):
        return ""
    seconds = (told.get("uptime_seconds") or 0) - (before.get("uptime_seconds") or 0)
    if seconds <= 0:
        return ""
    gained = {
        kind: (_completed(told, kind) - _completed(before, kind)) for kind in ("report", "file")
    }
    delivered, converted = (max(0, n) / seconds for n in gained.values())
    return f"{delivered:.1f} reports delivered and {converted:.1f} files converted a second"


def _completed(told: Facts, kind: str) -> int:
    return int(((told.get("queue") or {}).get(kind) or {}).get("COMPLETED") or 0)


def _converters(told: Facts, now: float) -> Iterator[str]:
    converters = told.get("converters") or ()
    rows = [
        (
            f"  {one.get('name')}",
            one.get("watch"),
            words.waiting(one),
            words.code(one),
            words.state(one, now),
        )
        for one in converters
    ]
    if rows:
        yield from table(("converters", "folder", "waiting", "version", "state"), rows)
    conditions = told.get("conditions") or ()
    said = {condition.get("message") for condition in conditions}
    advised = tuple(f"{one.get('message')}; {one.get('hint')}" for one in conditions)
    for one in converters:
        name = one.get("name")
        if reasons := one.get("waiting_for"):
            why = ", ".join(f"{count} ({reason})" for reason, count in reasons.items())
            yield f"  {name}: what waits in its folder: {why}"
        if (trouble := one.get("trouble")) and any(line.endswith(trouble) for line in advised):
            one = {**one, "trouble": ""}  # noqa: PLW2901 - told above
        lines = words.troubles(one, now, known=said) if one.get("enabled", True) else ()
        yield from (f"  {name}: {line}" for line in lines)


def _processes(told: Facts) -> Iterator[str]:
    workers, resources = told.get("workers") or {}, told.get("resources") or {}
    if workers:
        busy, idle, limit = (workers.get(key) for key in ("busy", "idle", "limit"))
        memory = size(workers.get("resident_bytes"))
        sandbox = workers.get("sandbox") or {}
        level = f", sandbox {words.level(sandbox)}" if sandbox else ""
        yield f"workers: {busy} busy and {idle} idle of {limit}, {memory}{level}"
        yield from (f"  {sentence}" for sentence in sandbox.get("missing") or ())
    if resources:
        yield (
            f"service: {size(resources.get('resident_bytes'))}, "
            f"{resources.get('cpu_seconds')} s CPU, {resources.get('descriptors')} descriptors"
        )
        free, queue = size(resources.get("disk_free_bytes")), size(resources.get("queue_bytes"))
        yield f"disk: {free} free, queue {queue}"
    if restarts := told.get("restarts"):
        yield "restarts: " + ", ".join(f"{part} {count}" for part, count in restarts.items())


def _probes(told: Facts) -> Iterator[str]:
    if url := told.get("health"):
        yield f"probes: {url}/health {url}/ready {url}/metrics"


def size(count: float | None) -> str:
    """Bytes to three digits at least, `45.2 MiB`; of what is not known, `?`."""
    if count is None:
        return "?"
    for unit in _SIZES[:-1]:
        if count < KIB:
            return f"{count:.4g} {unit}"
        count /= KIB
    return f"{count:.4g} {_SIZES[-1]}"

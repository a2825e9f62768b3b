"""The machine and the account: clock, limits of the kernel, the user."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attrs import frozen

from pywats_trio.config.options import DAY, worker_count
from pywats_trio.errors import SandboxUnavailable
from pywats_trio.sandbox.levels import Level, reach
from pywats_trio.service.codewatch import files_of
from pywats_trio.service.preflight.finding import START, Finding, error, warning

if sys.platform != "win32":
    import resource

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pywats_trio.config.options import Config, WorkerOptions
    from pywats_trio.sandbox.levels import Support

EARLIEST: Final = datetime(2024, 1, 1, tzinfo=UTC).timestamp()
"""No clock that is right says less: this program is younger."""
INOTIFY: Final = Path("/proc/sys/fs/inotify")
PER_FOLDER: Final = 2
"""Files open for one watch folder: its notifications, and a scan."""
PER_CODE_FILE: Final = 1
"""For one file that converters are: its notifications."""
PER_WORKER: Final = 8
"""For one worker process: its connections, its output, its source, and those ahead of it."""
OWN: Final = 64
"""For the event loop, the queue, the log, the sockets that listen."""


@frozen
class Limits:
    """What the kernel allows; None where it does not say."""

    instances: int | None
    """`fs.inotify.max_user_instances`"""
    watches: int | None
    """`fs.inotify.max_user_watches`"""
    files: int | None
    """Open files of this process."""


def read_limits(inotify: Path = INOTIFY) -> Limits:
    """Those in effect for this process."""
    return Limits(
        _number(inotify / "max_user_instances"), _number(inotify / "max_user_watches"), _files()
    )


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text("ascii"))
    except (OSError, ValueError):
        return None


def _files() -> int | None:
    if sys.platform == "win32":
        return None
    limit, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if limit == resource.RLIM_INFINITY else limit


def too_low(config: Config, notified: int, limits: Limits) -> Iterator[Finding]:
    """Limits that `config` needs more of, with `notified` folders that take notifications."""
    for name, limit in (("instances", limits.instances), ("watches", limits.watches)):
        if limit is not None and notified + code_files(config) > limit:
            yield _inotify(f"fs.inotify.max_user_{name}", limit, notified, code_files(config))
    needed = files_needed(config)
    if limits.files is not None and needed > limits.files:
        yield warning(
            "files",
            "open files",
            f"this service may have {needed} files open, and its limit is {limits.files}",
            f"raise it: LimitNOFILE={2 * needed} in the systemd unit, or ulimit -n {2 * needed}",
        )


def code_files(config: Config) -> int:
    """How many files the enabled converters are; each is watched by itself (`codewatch`)."""
    return len(files_of(options for options in config.converters if options.enabled))


def _inotify(key: str, limit: int, folders: int, code: int) -> Finding:
    needed = folders + code
    files = f" and {code} converter files" if code else ""
    message = (
        f"{key} is {limit}, and {folders} watch folders{files} need {needed}; the rest is only "
        "looked at from time to time"
    )
    hint = f"raise it: sysctl -w {key}={2 * needed}, and the same in /etc/sysctl.d"
    return warning("inotify", key, message, hint)


def files_needed(config: Config) -> int:
    """How many files a service with `config` has open when everything is in use at once."""
    folders = sum(options.enabled for options in config.converters)
    clients = config.health.max_connections + config.ipc.max_connections * config.ipc.enabled
    workers = worker_count(config.workers)
    servers = config.server.max_connections
    watched = PER_FOLDER * folders + PER_CODE_FILE * code_files(config)
    return OWN + watched + PER_WORKER * workers + servers + clients


def of_clock(now: float, written_at: float | None) -> Iterator[Finding]:
    """Whether the clock can be right; `written_at` is when the queue was last written."""
    hint = "set the clock and keep it right (NTP): waiting times and ages are counted by it"
    if now < EARLIEST:
        message = f"the clock says {_told(now)}, which cannot be right"
        yield warning("clock", "clock", message, hint)
    elif written_at is not None and now < written_at - DAY:
        said = f"the clock says {_told(now)}, but the queue was last written at"
        yield warning("clock", "clock", f"{said} {_told(written_at)}", hint)


def _told(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M UTC")


def of_sandbox(workers: WorkerOptions, support: Support) -> Iterator[Finding]:
    """Whether workers can be shut in as is wanted, and whether it is wanted at all."""
    wanted = Level(workers.sandbox)
    try:
        reached = reach(wanted, support, fallback=workers.sandbox_fallback)
    except SandboxUnavailable:
        lacks = "; ".join(support.lacks)
        message = f"workers cannot be shut in as workers.sandbox = {str(wanted)!r} wants: {lacks}"
        hint = 'set workers.sandbox = "basic", or workers.sandbox_fallback = true'
        yield error("sandbox", str(wanted), message, hint, START)
        return
    if reached.level is not wanted:
        message = f"workers run at {str(reached.level)!r} and not {str(wanted)!r}: "
        message += "; ".join(reached.missing)
        hint = "a converter can read and send what this user can, until the kernel is changed"
        yield warning("sandbox", str(wanted), message, hint)
    elif wanted is Level.OFF:
        message = 'workers.sandbox = "off": nothing bounds what a converter may do or use'
        yield warning("sandbox", "off", message, 'set workers.sandbox = "standard"')


def of_user() -> Iterator[Finding]:
    """Whether it is root: limits and rights are no barrier for a converter then."""
    if sys.platform != "win32" and os.geteuid() == 0:
        yield warning(
            "user",
            "root",
            "the service runs as root, whom limits and rights do not hold: a converter may do "
            "anything",
            "run it as a user of its own",
        )

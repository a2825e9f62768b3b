"""What to say of something that is not in the queue, as far as the configuration tells."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from pywats_trio.control import ServiceState
from pywats_trio.intake.scan import Folder, within
from pywats_trio.observe.board import Cause
from pywats_trio.queue.failed import FOLDER
from pywats_trio.text import printable, shortened

if TYPE_CHECKING:
    from pywats_trio.commands.queue.waits import Now
    from pywats_trio.config.options import Config, ConverterOptions
    from pywats_trio.queue.trace import Traced, Wanted

TOLD: Final = 200
"""Characters of what was asked for."""
DAY: Final = 86_400.0


def unknown(wanted: Wanted, traced: Traced, now: Now) -> str:
    """One sentence that says where to look. It asks no folder: one that hangs could not answer."""
    what = shortened(printable(wanted.text), TOLD)
    told = f"the queue knows no item, report id, serial number or file {what!r}"
    if wanted.item_id is not None and wanted.item_id <= traced.highest_id:
        return f"{told}; there was an item of this number, and it is gone: {_kept(now.config)}"
    if wanted.is_whole_path:
        return f"{told}; {_of_path(wanted.text, now)}"
    if now.state is ServiceState.STOPPED:
        return f"{told}; what lies in a watch folder is accepted once the service runs"
    return f"{told}; {_kept(now.config)}"


def _kept(config: Config) -> str:
    delivered, failed = config.queue.completed_retention, config.queue.failed_retention
    return (
        f"what is delivered is kept for {_long(delivered)} (queue.completed_retention), "
        f"what failed for {_long(failed)} (queue.failed_retention) and then as a file in "
        f"{printable(os.fspath(config.data_dir / FOLDER))}"
    )


def _long(seconds: float) -> str:
    return f"{seconds / DAY:g} days" if seconds >= DAY else f"{seconds:g} seconds"


def _of_path(path: str, now: Now) -> str:
    """Why a file at this place would not be accepted."""
    watching = [one for one in now.config.converters if within(path, os.fspath(one.watch))]
    if not watching:
        return "no converter watches that folder: see `watch` of the converters"
    if now.state is ServiceState.STOPPED:
        return "what lies there is accepted once the service runs"
    return "; ".join(_why_not(path, options, now) for options in watching)


def _why_not(path: str, options: ConverterOptions, now: Now) -> str:
    watches = f"the converter {options.name!r} watches there"
    folder, name = os.path.split(path)
    if not options.enabled:
        return f"{watches}, but is not enabled"
    for condition in now.conditions:
        if (condition.cause, condition.subject) == (Cause.DISABLED, options.name):
            return f"{watches}, but {condition.message}; {condition.hint}"
    rules = Folder(options, options.patterns or ("*",))
    if folder != rules.root and not rules.enters(folder):
        return f"{watches}, but not in that folder: see `recursive` and `done_dir`, `error_dir`"
    if not rules.fits(name):
        return f"{watches}, but its `patterns` and `ignore` leave out such names"
    names = "`pywats-trio converters ls` shows which names it takes"
    return f"{watches}, and has seen no new file of this name; {names}"

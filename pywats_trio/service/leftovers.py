"""What a former life of the service left behind."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import structlog

from pywats_trio.convert.conversion import SCRATCH
from pywats_trio.intake import inbox

if TYPE_CHECKING:
    from pywats_trio.config.options import Config

log = structlog.get_logger("pywats_trio.service")


def tidy(config: Config, accepted: set[str]) -> None:
    """Remove scratch folders, and copies that were never `accepted` (their paths). Blocks."""
    shutil.rmtree(config.data_dir / SCRATCH, ignore_errors=True)
    if swept := inbox.sweep(config.inbox, accepted):
        log.info("unaccepted copies removed", count=swept)

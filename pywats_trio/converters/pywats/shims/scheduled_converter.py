"""Stands in for `pywats_client.converters.scheduled_converter`."""

from __future__ import annotations

import logging
from abc import abstractmethod
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pywats_trio.converters.pywats.shims.common import Described
from pywats_trio.converters.pywats.shims.enums import ConverterType

if TYPE_CHECKING:
    from pywats_trio.converters.pywats.shims.context import ConverterContext
    from pywats_trio.converters.pywats.shims.results import ConverterResult

logger = logging.getLogger(__name__)
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


class ScheduledConverter(Described):
    """The base of converters that run by the clock."""

    def __init__(self) -> None:
        super().__init__()
        self._last_run: datetime | None = None
        self._next_run: datetime | None = None
        self._is_running = False

    @property
    def converter_type(self) -> ConverterType:
        """SCHEDULED."""
        return ConverterType.SCHEDULED

    @property
    def schedule_interval(self) -> timedelta | None:
        """The time between two runs."""
        return None

    @property
    def cron_expression(self) -> str | None:
        """When it runs, in five fields, if it has no interval."""
        return None

    @property
    def run_on_startup(self) -> bool:
        """Whether it runs at once."""
        return False

    @property
    def max_concurrent_runs(self) -> int:
        """How many runs there may be at once."""
        return 1

    @property
    def timeout(self) -> timedelta | None:
        """How long a run may take."""
        return None

    @property
    def retry_on_failure(self) -> bool:
        """Whether a run that failed is repeated."""
        return False

    @property
    def retry_delay(self) -> timedelta:
        """How long after."""
        return timedelta(seconds=30)

    @property
    def last_run(self) -> datetime | None:
        """When it last ran, local time without a zone."""
        return self._last_run

    @property
    def next_run(self) -> datetime | None:
        """When it runs next, local time without a zone."""
        return self._next_run

    @property
    def is_running(self) -> bool:
        """Whether it runs now."""
        return self._is_running

    @abstractmethod
    async def run(self, context: ConverterContext) -> list[ConverterResult]:
        """One run; written for asyncio."""

    def on_run_start(self, context: ConverterContext) -> None:
        """Called before a run."""

    def on_run_complete(self, results: list[ConverterResult], context: ConverterContext) -> None:
        """Called after a run."""

    def on_run_error(self, error: Exception, context: ConverterContext) -> None:
        """Called after a run that failed."""

    def get_schedule_description(self) -> str:
        """The schedule as people say it."""
        if self.schedule_interval:
            return f"Every {_duration(self.schedule_interval.total_seconds())}"
        return f"Cron: {self.cron_expression}" if self.cron_expression else "Not scheduled"

    def calculate_next_run(self, from_time: datetime | None = None) -> datetime | None:
        """When it runs next after `from_time` (default: now); None if that is not known."""
        start = from_time or datetime.now()  # noqa: DTZ005 - pyWATS has local time
        if self.schedule_interval:
            return start + self.schedule_interval
        return _next_by_cron(self.cron_expression, start) if self.cron_expression else None

    def should_run_now(self) -> bool:
        """Whether the time of the next run has come."""
        if self._is_running and self.max_concurrent_runs <= 1:
            return False
        return self._next_run is not None and datetime.now() >= self._next_run  # noqa: DTZ005


def _duration(seconds: float) -> str:
    if seconds < _MINUTE:
        return f"{int(seconds)} seconds"
    if seconds < _HOUR:
        return f"{int(seconds / _MINUTE)} minutes"
    if seconds < _DAY:
        return f"{seconds / _HOUR:.1f}".removesuffix(".0") + " hours"
    return f"{seconds / _DAY:.1f}".removesuffix(".0") + " days"


def _next_by_cron(expression: str, start: datetime) -> datetime | None:
    try:
        from croniter import croniter  # type: ignore[import-untyped,import-not-found,unused-ignore] # noqa: PLC0415 - optional
    except ImportError:
        logger.warning("the schedule %r needs the package croniter", expression)
        return None
    try:
        found: datetime = croniter(expression, start).get_next(datetime)
    except ValueError as error:
        logger.warning("the schedule %r is wrong: %s", expression, error)
        return None
    return found

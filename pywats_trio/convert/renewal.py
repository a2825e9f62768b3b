"""New states of converters' code: read, described in processes of their own, accepted or refused.

A state that cannot be imported, has no id or does not fit its configured arguments is refused, and
whatever is in use stays in use. The processes belong to a pool that lives for one look: they are
fresh, they hold up no job, and a job that hangs does not hold up them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio
from attrs import define, evolve, field, frozen

from pywats_trio.convert.forkserver import WorkerStartError
from pywats_trio.convert.lineup import Edition, Refusal, Renewals
from pywats_trio.convert.request import describing
from pywats_trio.convert.said import Description, Unusable, reason
from pywats_trio.converters.registry import Origin
from pywats_trio.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from pywats_trio.config.options import ConverterOptions
    from pywats_trio.convert.lineup import Lineup
    from pywats_trio.convert.pool import Pool
    from pywats_trio.convert.said import Died, Ending
    from pywats_trio.converters.registry import Spec

ANSWER_SECONDS: Final = 5.0
"""For the file of a converter to be read; its import has `workers.timeout_seconds`."""


@frozen
class _Refused(Exception):
    """This state is not taken into use."""

    revision: str
    why: str
    traceback: str = ""


@define
class Renewal:
    """One look at the code of some of `lineup`'s converters.

    `changed_only`: those whose file holds what it held are passed over, and so is what was refused
    already; else all are asked, and a module is taken as changed, for it may be.
    """

    lineup: Lineup
    pool: Pool
    clock: Callable[[], float]
    """The wall clock, seconds since the epoch."""
    changed_only: bool = False
    _accepted: dict[str, Edition] = field(init=False, factory=dict)
    _refused: dict[str, Refusal] = field(init=False, factory=dict)

    async def look(self, converters: Collection[ConverterOptions]) -> Renewals:
        """At all of them at once."""
        async with trio.open_nursery() as nursery:
            for options in converters:
                nursery.start_soon(self._look_at, options)
        return Renewals(self._accepted, self._refused)

    async def _look_at(self, options: ConverterOptions) -> None:
        try:
            edition = await self._edition(options)
        except _Refused as refused:
            refusal = Refusal(refused.revision, refused.why, refused.traceback, self.clock())
            if not (self.changed_only and self._is_known(options.name, refusal)):
                self._refused[options.name] = refusal
        else:
            if edition is not None:
                self._accepted[options.name] = edition

    def _is_known(self, name: str, refusal: Refusal) -> bool:
        known = self.lineup.refused.get(name)
        return known is not None and (known.revision, known.why) == (refusal.revision, refusal.why)

    async def _edition(self, options: ConverterOptions) -> Edition | None:
        """Its code as it is now; None if there is nothing to be said of it.

        Raises:
            _Refused: it is not to be taken into use.
        """
        spec = await self._read(options)
        line, refused = self.lineup.get(options.name), self.lineup.refused.get(options.name)
        if spec.origin is Origin.STANDARD:
            return None if self.changed_only else Edition(spec, line.version if line else "")
        if spec.origin is Origin.MODULE and line is not None:
            spec = evolve(spec, revision=_next(line.spec.revision))
        if self.changed_only and spec.revision in {
            line.spec.revision if line and refused is None else None,
            refused.revision if refused else None,
        }:
            return None
        return Edition(spec, await self._describe(spec, options))

    async def _read(self, options: ConverterOptions) -> Spec:
        with trio.move_on_after(ANSWER_SECONDS):
            try:
                return await self.lineup.read(options)
            except ConfigError as error:
                raise _Refused("", str(error)) from error
        raise _Refused("", f"{options.type!r} could not be read within {ANSWER_SECONDS:g} s")

    async def _describe(self, spec: Spec, options: ConverterOptions) -> str:
        """Which version it says it is."""
        request = describing(spec, [options.arguments])
        try:
            answer = await self.pool.ask(spec, options.name, request)
        except WorkerStartError as error:
            raise _Refused(spec.revision, str(error)) from error
        if not isinstance(answer, Description):
            traceback = answer.traceback if isinstance(answer, Unusable) else _output(answer)
            raise _Refused(spec.revision, reason(answer), traceback)
        mistakes = answer.mistakes[0] if answer.mistakes else {}
        if mistakes:
            told = "; ".join(f"arguments.{name}: {why}" for name, why in mistakes.items())
            raise _Refused(spec.revision, told)
        return answer.version


def _output(answer: Ending | Died) -> str:
    return getattr(answer, "output", "")


def _next(revision: str) -> str:
    """Of a module, whose states nobody can tell from each other: they are counted."""
    return f"#{int(revision.removeprefix('#') or 1) + 1}"

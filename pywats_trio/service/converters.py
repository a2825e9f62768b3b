"""What is asked about single converters of a running service: on, off, and new states of code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import trio
from attrs import evolve, frozen

from pywats_trio.commands.command import nearest
from pywats_trio.convert.lineup import Renewals
from pywats_trio.errors import ConfigError, NotFoundError
from pywats_trio.service import preflight

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pywats_trio.bell import Bell
    from pywats_trio.config.options import Config, ConverterOptions
    from pywats_trio.control import Who
    from pywats_trio.service.parts import Parts
    from pywats_trio.service.switches import Switches

Told = dict[str, Any]


class Change(Protocol):
    """Puts a configuration into effect, with the switches as they are and new states of code."""

    async def __call__(self, config: Config, renewals: Renewals) -> None:
        """Raises NotReady or ReloadFailed: the former one goes on."""
        ...


@frozen
class Converters:
    """Hold it only while the service runs. One change at a time, reloads of all of it included."""

    _parts: Parts
    _switches: Switches
    _one_at_a_time: trio.Lock
    _check_up: Callable[[], None]
    """Raises NotReady: nothing can be changed now."""
    _change: Change
    changed: Bell
    """Rung when another configuration is in effect, or a converter was turned on or off."""

    # On and off

    async def disable(self, name: str, who: Who) -> Told:
        """Watch its folder no more and let its files wait, over restarts, until it is enabled.

        What is in hand is finished. `{"name", "enabled", "changed"}`; twice is once.

        Raises:
            NotFoundError: there is no such converter.
            NotReady, ReloadFailed: it cannot be done now; nothing was changed.
            StoreError: it cannot be remembered; nothing was changed.
        """
        async with self._one_at_a_time:
            self._check_up()
            options = self._configured(name)
            turns = options.enabled and name not in self._switches.off
            if turns:
                await self._turn(name, who.name)
            return {"name": name, "enabled": False, "changed": turns}

    async def enable(self, name: str, who: Who) -> Told:
        """End what `disable` began; its files go on at once. Raises and answers as that does.

        Raises:
            ConfigError: the configuration itself has it disabled, or it cannot be used.
        """
        del who
        async with self._one_at_a_time:
            self._check_up()
            options = self._configured(name)
            if not options.enabled:
                raise ConfigError(
                    f"the configuration has the converter {name!r} disabled; set enabled = true "
                    "there and reload it"
                )
            turns = name in self._switches.off
            if turns:
                await self._examine(name)
                await self._turn(name, None)
            return {"name": name, "enabled": True, "changed": turns}

    async def _examine(self, name: str) -> None:
        config = self._parts.config
        findings = await preflight.examine(config, before=_without(config, name))
        preflight.refuse(findings)
        self._parts.doubted = findings.doubted

    async def _turn(self, name: str, off_by: str | None) -> None:
        """First remembered, then done: what comes between is done by the next start."""
        config, before = self._parts.config, self._switches.off.get(name)
        await self._switches.turn(name, off_by=off_by, config=config)
        try:
            await self._change(config, Renewals())
        except BaseException:
            if (name in self._parts.disabled) is (before is not None):  # it was not done
                with trio.CancelScope(shield=True):
                    await self._switches.turn(name, off_by=before, config=config)
            raise

    # New states of code

    async def look(self, config: Config) -> Renewals:
        """See to the code of all that `config` has and that are there now; nothing is changed.

        Raises:
            WorkerStartError: no process can be started.
        """
        known = {(one.name, one.type) for one in self._parts.config.converters}
        there = [one for one in config.converters if (one.name, one.type) in known]
        return await self._look(there, changed_only=False)

    async def reload(self, names: Iterable[str] = (), *, changed_only: bool = False) -> Told:
        """Take the code of these converters as it is now into use, or of all: no job is dropped.

        Jobs in hand end on what they began with. What cannot be used is refused, and what is in use
        stays. `{"reloaded": [...], "unchanged": [...], "refused": [...]}`; of each its `name`, and
        `version` and `revision`, or `why`, `traceback` and `in_use`, whether there is code that
        goes on. `changed_only`: files that hold what they held are passed over.

        Raises:
            NotFoundError: there is no such converter.
            ConfigError: one that was named is disabled.
            NotReady: the service does not run.
            WorkerStartError: no process can be started.
        """
        async with self._one_at_a_time:
            self._check_up()
            asked = self._named(list(names))
            before = {one.name: self._state(one.name) for one in asked}
            renewals = await self._look(asked, changed_only=changed_only)
            if renewals.accepted or renewals.refused:
                await self._change(self._parts.config, renewals)
            return self._told(renewals, before)

    async def _look(self, asked: Sequence[ConverterOptions], *, changed_only: bool) -> Renewals:
        off = self._switches.off
        on = [options for options in asked if options.enabled and options.name not in off]
        return await self._parts.conversion.look(on, changed_only=changed_only)

    def _state(self, name: str) -> str | None:
        line = self._parts.conversion.lineup.get(name)
        return line.spec.revision if line else None

    def _told(self, renewals: Renewals, before: dict[str, str | None]) -> Told:
        told: dict[str, list[Told]] = {"reloaded": [], "unchanged": [], "refused": []}
        for name, edition in sorted(renewals.accepted.items()):
            state = "unchanged" if before[name] == edition.spec.revision else "reloaded"
            facts = {"version": edition.version, "revision": edition.spec.revision}
            told[state].append({"name": name, **facts})
        for name, refusal in sorted(renewals.refused.items()):
            facts = {"why": refusal.why, "traceback": refusal.traceback}
            in_use = self._parts.conversion.is_usable(name)
            told["refused"].append({"name": name, **facts, "in_use": in_use})
        return {**told}

    # Which

    def _configured(self, name: str) -> ConverterOptions:
        configured = {options.name: options for options in self._parts.config.converters}
        if name not in configured:
            known = nearest(name, configured) or f"; configured are: {', '.join(configured)}"
            raise NotFoundError(f"there is no converter {name!r}{known}")
        return configured[name]

    def _named(self, names: Sequence[str]) -> list[ConverterOptions]:
        if not names:
            return list(self._parts.config.converters)
        found = [self._configured(name) for name in dict.fromkeys(names)]
        for options in found:
            if not options.enabled or options.name in self._switches.off:
                raise ConfigError(
                    f"the converter {options.name!r} is disabled; enable it, and its code is read"
                )
        return found


def _without(config: Config, name: str) -> Config:
    converters = tuple(
        evolve(options, enabled=False) if options.name == name else options
        for options in config.converters
    )
    return evolve(config, converters=converters)

"""What `config check` finds of the converters beyond the text: all that a `run` would.

Their authors are asked in workers, and the folders are looked at, as before a reload.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from attrs import evolve, field, frozen

from pywats_trio.config.mistakes import KeyPath, Located, dotted
from pywats_trio.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pywats_trio.config.load import Loaded
    from pywats_trio.config.options import ConverterOptions
    from pywats_trio.service.preflight import Finding

SANDBOX: Final = "sandbox"
OF_CONVERTERS: Final = frozenset({"converter", "argument", "clash", "folder", SANDBOX})
"""The checks that are about a line of the configuration and not about the machine."""


@frozen
class Checked:
    """What was found; both in the order of the file."""

    problems: list[Located] = field(factory=list)
    """They keep a service from starting, or a converter from working."""
    warnings: list[Located] = field(factory=list)
    """They may pass: a folder that is away can come back."""


def check_converters(loaded: Loaded) -> Checked:
    """Look at every converter that is enabled; of the others only whether there is such a type.

    Only files of our own are made in their folders, and none is left. Converters that hang have 5 s
    and folders 2 s.
    """
    import trio  # noqa: PLC0415 - `config show` does without

    from pywats_trio.service.preflight import examine  # noqa: PLC0415

    config = loaded.config
    # Beside a service without converters: neither the server nor the machine is in question.
    before = evolve(config, converters=(), workers=evolve(config.workers, sandbox="off"))
    found = trio.run(partial(examine, config, before))
    checked = Checked(list(_unusable_types(loaded)))
    for finding in found:
        if finding.check in OF_CONVERTERS:
            # A service runs without a converter that is broken; whoever asks wants to know.
            may_pass = finding.severity == "warning" and finding.check != "converter"
            kind = checked.warnings if may_pass else checked.problems
            kind.append(_located(loaded, finding))
    order = {place: number for number, place in enumerate(loaded.places.values())}
    for kind in (checked.problems, checked.warnings):
        kind.sort(key=lambda one: order.get(one.place, -1))
    return checked


def _unusable_types(loaded: Loaded) -> Iterator[Located]:
    """Of converters that are not enabled: whoever enables one by and by wants to know now."""
    from pywats_trio.converters.registry import parse  # noqa: PLC0415

    for index, options in enumerate(loaded.config.converters):
        path = ("converters", index, "type")
        if not options.enabled:
            try:
                parse(options.type)
            except ConfigError as error:
                yield Located(_place(loaded, path), dotted(path), str(error))


def _located(loaded: Loaded, finding: Finding) -> Located:
    """Pre-flight names a converter (`converters.ict.watch: …`), a file has its number and line."""
    path, words = _key(loaded.config.converters, finding.message)
    if finding.check == SANDBOX:
        path = ("workers", "sandbox")
    return Located(_place(loaded, path), dotted(path), f"{words}; {finding.hint}")


def _key(converters: tuple[ConverterOptions, ...], message: str) -> tuple[KeyPath, str]:
    """The key that a message begins with, and the rest; a name may hold dots."""
    named = {f"converters.{options.name}.": number for number, options in enumerate(converters)}
    prefix = max((p for p in named if message.startswith(p)), key=len, default="")
    if not prefix:
        return (), message
    key, _, words = message.removeprefix(prefix).partition(": ")
    table, _, argument = key.partition(".")
    path: KeyPath = ("converters", named[prefix], table)
    return (*path, argument) if argument else path, words


def _place(loaded: Loaded, path: KeyPath) -> str:
    """Where the key stands, or else the nearest table around it, or else the file."""
    for end in range(len(path), 0, -1):
        if path[:end] in loaded.places:
            return loaded.places[path[:end]]
    return str(loaded.file)

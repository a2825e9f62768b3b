"""Packages of pyWATS whose `__init__` runs when somebody asks for what only it defines.

On the way to a base class `pywats` imports a client of every WATS interface and
`pywats_client.converters` a set of converters: some 0.4 s, where each job has a process of its own
at every job. A base class needs one module of all that, so the packages stand there empty: what
lies in their folders is found and loaded as ever, and any other name has the package run first.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.machinery import ModuleSpec


def defer(name: str, elsewhere: Mapping[str, str], *, for_ever: bool = False) -> None:
    """Have the package `name` wait; nothing happens where it is imported already, or is not there.

    `elsewhere` says for names that it only passes on in which module they are. `for_ever`: its
    `__init__` cannot run here, so other names are not there.
    """
    parent, _, last = name.rpartition(".")
    if name in sys.modules or (parent and parent not in sys.modules):
        return
    spec = importlib.util.find_spec(name)
    if spec is None or spec.loader is None or spec.submodule_search_locations is None:
        return
    package = sys.modules[name] = _Deferred(spec, elsewhere, has_run=for_ever)
    if parent:
        setattr(sys.modules[parent], last, package)  # as an import does


class _Deferred(ModuleType):
    def __init__(self, spec: ModuleSpec, elsewhere: Mapping[str, str], *, has_run: bool) -> None:
        super().__init__(spec.name)
        self.__spec__ = self._spec = spec
        self.__loader__ = spec.loader
        self.__package__ = spec.name
        self.__file__ = spec.origin
        self.__path__ = list(spec.submodule_search_locations or ())
        self._elsewhere = elsewhere
        self._has_run = has_run

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any attribute of a module
        """What is not there yet."""
        if name in self._elsewhere:
            return getattr(importlib.import_module(self._elsewhere[name]), name)
        if self._has_run:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r} in a worker")
        self._run()
        return getattr(self, name)

    def _run(self) -> None:
        loader = self._spec.loader
        assert loader is not None  # noqa: S101 - `defer` has looked
        self._has_run = True  # what it imports may look at it meanwhile, as at any package
        try:
            loader.exec_module(self)
        except BaseException:
            self._has_run = False
            raise

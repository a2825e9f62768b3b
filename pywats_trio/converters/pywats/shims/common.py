"""What the three newer base classes have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pywats_trio.converters.pywats.shims.context import ConverterContext
    from pywats_trio.converters.pywats.shims.records import ArgumentDefinition
    from pywats_trio.converters.pywats.shims.results import ConverterResult
    from pywats_trio.converters.pywats.shims.sources import ConverterSource


class Described(ABC):
    """A converter that says what it is and which arguments it has; made without arguments."""

    def __init__(self) -> None:
        self._arguments: dict[str, Any] = {}

    @property
    @abstractmethod
    def name(self) -> str:
        """What people call it."""

    @property
    def version(self) -> str:
        """Its version."""
        return "1.0.0"

    @property
    def description(self) -> str:
        """What it does."""
        return ""

    @property
    def author(self) -> str:
        """Who wrote it."""
        return ""

    @property
    def arguments_schema(self) -> dict[str, ArgumentDefinition]:
        """The declarations of its arguments."""
        return {}

    def on_load(self, context: ConverterContext) -> None:
        """Called before its first conversion."""

    def on_unload(self) -> None:
        """Called after its last conversion."""


class Followed:
    """The hooks after a conversion."""

    def on_success(
        self, source: ConverterSource, result: ConverterResult, context: ConverterContext
    ) -> None:
        """Called after a conversion that succeeded."""

    def on_failure(
        self, source: ConverterSource, result: ConverterResult, context: ConverterContext
    ) -> None:
        """Called after a conversion that failed."""

"""Stands in for `pywats_client.converters.sandbox`: its names, for classes that import them.

The sandbox itself is not copied: every converter runs in that of its worker already.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import NoReturn


class SandboxCapability(Enum):
    """What pyWATS could grant to a sandboxed converter."""

    READ_INPUT = "read_input"
    READ_DROP_FOLDER = "read_drop"
    WRITE_OUTPUT = "write_output"
    WRITE_TEMP = "write_temp"
    NETWORK_LOCAL = "network_local"
    NETWORK_WATS = "network_wats"
    LOG_INFO = "log_info"
    LOG_DEBUG = "log_debug"
    READ_ENV_SAFE = "read_env_safe"


def _usual() -> set[SandboxCapability]:
    return {
        SandboxCapability.READ_INPUT,
        SandboxCapability.WRITE_OUTPUT,
        SandboxCapability.WRITE_TEMP,
        SandboxCapability.LOG_INFO,
    }


@dataclass
class ResourceLimits:
    """Limits of pyWATS's sandbox; those of `[workers]` hold here."""

    timeout_seconds: float = 300.0
    cpu_time_seconds: float = 120.0
    memory_mb: int = 512
    max_output_size_mb: int = 100
    max_open_files: int = 50
    max_processes: int = 1


@dataclass
class SandboxConfig:
    """A set-up of pyWATS's sandbox."""

    capabilities: set[SandboxCapability] = field(default_factory=_usual)
    resource_limits: ResourceLimits = field(default_factory=ResourceLimits)
    allowed_read_paths: list[Path] = field(default_factory=list)
    allowed_write_paths: list[Path] = field(default_factory=list)


class SandboxError(Exception):
    """The base of the sandbox's errors."""


class SandboxTimeoutError(SandboxError):
    """It took too long."""


class SandboxSecurityError(SandboxError):
    """It did what it may not do."""


class _Absent:
    def __init__(self, *_args: object, **_keywords: object) -> None:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise SandboxError(
            f"{type(self).__name__} comes with pywats-api; "
            "this converter already runs in the sandbox of its worker"
        )


class ConverterValidator(_Absent):
    """Only with pywats-api."""


class ConverterSandbox(_Absent):
    """Only with pywats-api."""

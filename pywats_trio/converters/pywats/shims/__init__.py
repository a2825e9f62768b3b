"""The base classes of pyWATS converters, for machines without `pywats-api`.

Stands in for the package `pywats_client.converters`: the same names, arguments, defaults and values
as in pywats-api 0.6.0rc1, and nothing that needs a server, a GUI toolkit or pydantic. What a class
of pyWATS imports beyond this (`pywats.domains`, the standard converters) comes with the package.
"""

from pywats_trio.converters.pywats.shims.base import ConverterArguments, ConverterBase, CSVConverter
from pywats_trio.converters.pywats.shims.context import ConverterContext
from pywats_trio.converters.pywats.shims.conversion_log import ConversionLog
from pywats_trio.converters.pywats.shims.exceptions import (
    ConverterConfigError,
    ConverterError,
    FileAccessError,
    FileFormatError,
)
from pywats_trio.converters.pywats.shims.file_converter import FileConverter
from pywats_trio.converters.pywats.shims.folder_converter import FolderConverter
from pywats_trio.converters.pywats.shims.models import (
    ArgumentDefinition,
    ArgumentType,
    ConversionRecord,
    ConversionStatus,
    ConverterResult,
    ConverterSource,
    ConverterType,
    FailureRecord,
    FileInfo,
    PostProcessAction,
    SourceType,
    ValidationResult,
)
from pywats_trio.converters.pywats.shims.sandbox import (
    ConverterSandbox,
    ConverterValidator,
    ResourceLimits,
    SandboxCapability,
    SandboxConfig,
    SandboxError,
    SandboxSecurityError,
    SandboxTimeoutError,
)
from pywats_trio.converters.pywats.shims.scheduled_converter import ScheduledConverter

LegacyConverterResult = ConverterResult

__all__ = [
    "ArgumentDefinition",
    "ArgumentType",
    "CSVConverter",
    "ConversionLog",
    "ConversionRecord",
    "ConversionStatus",
    "ConverterArguments",
    "ConverterBase",
    "ConverterConfigError",
    "ConverterContext",
    "ConverterError",
    "ConverterResult",
    "ConverterSandbox",
    "ConverterSource",
    "ConverterType",
    "ConverterValidator",
    "FailureRecord",
    "FileAccessError",
    "FileConverter",
    "FileFormatError",
    "FileInfo",
    "FolderConverter",
    "LegacyConverterResult",
    "PostProcessAction",
    "ResourceLimits",
    "SandboxCapability",
    "SandboxConfig",
    "SandboxError",
    "SandboxSecurityError",
    "SandboxTimeoutError",
    "ScheduledConverter",
    "SourceType",
    "ValidationResult",
]

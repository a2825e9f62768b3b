"""The enumerations of pyWATS converters; each value is the name in lower case."""

from __future__ import annotations

from enum import Enum


class SourceType(Enum):
    """What is converted."""

    FILE = "file"
    FOLDER = "folder"
    DATABASE = "database"
    API = "api"


class ConverterType(Enum):
    """What makes a converter run."""

    FILE = "file"
    FOLDER = "folder"
    SCHEDULED = "scheduled"


class ConversionStatus(Enum):
    """How a conversion ended."""

    SUCCESS = "success"
    FAILED = "failed"
    SUSPENDED = "suspended"
    SKIPPED = "skipped"
    REJECTED = "rejected"


class PostProcessAction(Enum):
    """What becomes of the file afterwards."""

    DELETE = "delete"
    MOVE = "move"
    ZIP = "zip"
    KEEP = "keep"


class ArgumentType(Enum):
    """What an argument is."""

    STRING = "string"
    INTEGER = "integer"
    FLOAT = "float"
    BOOLEAN = "boolean"
    PATH = "path"
    CHOICE = "choice"
    PASSWORD = "password"  # noqa: S105 - the name of a kind of argument

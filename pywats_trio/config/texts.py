"""The normal form of texts that are more than text: names, addresses, the token.

Each function takes what the user wrote and returns what the program uses, or raises BadValue.
None of them repeats a secret.
"""

from __future__ import annotations

import os
from typing import Final
from urllib.parse import SplitResult, urlsplit

from pywats_trio.config.mistakes import BadValue

NAME_LIMIT: Final = 64
PYWATS: Final = "pywats"
"""What stands before the colon of a type whose class was written for pyWATS."""


def name(text: str) -> str:
    """A name of an instance or a converter: 1 to 64 characters, fit for a file name and an id."""
    if not 1 <= len(text) <= NAME_LIMIT:
        raise BadValue(f"a name has 1 to {NAME_LIMIT} characters, this one has {len(text)}")
    odd = not text.isprintable() or set(text) & set("/\\:") or text != text.strip()
    if odd or text in {".", ".."}:
        raise BadValue(
            f"{text!r} is no usable name; "
            "leave out slashes, colons, control characters and blanks at the ends"
        )
    return text


def file_name(text: str) -> str:
    """The name of a file, without a folder."""
    if {"/", "\0"} & set(text) or text in {".", ".."}:
        raise BadValue(f"{text!r} is no name of a file; write it without a folder")
    return text


def converter_class(text: str) -> tuple[str, str]:
    """A type as what its class was written for (`pywats`, else empty) and where the class is."""
    adapter, colon, where = text.partition(":")
    return (adapter, where) if colon and adapter == PYWATS else ("", text)


def converter_file(text: str) -> tuple[str, str] | None:
    """`path/to/file.py:Class` as its two parts; None if the type is no file."""
    file, colon, name = converter_class(text)[1].rpartition(":")
    return (file, name) if colon and (file.endswith(".py") or os.sep in file) else None


def server_address(text: str) -> str:
    """`http://` or `https://` with a host; a `/` or `/api` at the end is cut.

    Users copy the address with either ending, and the API paths start with `/api` themselves; the
    pyWATS client cuts both, too.
    """
    parts = _address(text)
    if parts.query or parts.fragment:
        raise BadValue(f"{text!r} has a query or a fragment; give only the address of the server")
    if parts.username is not None or parts.password is not None:
        raise BadValue("the address holds a user or a password; put the token in server.token")
    return text.rstrip("/").removesuffix("/api").rstrip("/")


def proxy_address(text: str) -> str:
    """`http://` or `https://` with a host, with a user and a password if the proxy wants them."""
    _address(text)
    return text


def token(text: str) -> str:
    """The token alone: `Basic ` before it is cut, as it stands so in the server's examples."""
    bare = text.strip().removeprefix("Basic ").strip()
    if not (bare.isascii() and bare.isprintable()) or " " in bare:
        raise BadValue("the token must be one line of ASCII without blanks")
    return bare


def _address(text: str) -> SplitResult:
    if not text.isprintable() or " " in text:
        raise BadValue("the address holds blanks or control characters")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise BadValue(f"this is no address: {_without_text(error)}") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise BadValue("this is no address; write it like https://wats.example.com")
    return parts


def _without_text(error: ValueError) -> str:
    """The first words of urllib's message: what follows may repeat a password."""
    return str(error).partition(":")[0].partition(" '")[0]


def host(text: str) -> str:
    """An address of this machine to listen on: a name, IPv4, or IPv6 with or without brackets."""
    bare = text.strip().removeprefix("[").removesuffix("]")
    if not bare or not bare.isprintable() or " " in bare or "/" in bare:
        raise BadValue(f"{text!r} is no address to listen on; write one such as 127.0.0.1 or ::1")
    return bare

"""What must not be shown: names that say so, passwords in addresses, the values themselves."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from pywats_trio.config.options import Config

MASK: Final = "***"
_NAMES: Final = re.compile(r"token|passw|passcode|authorization|secret|credential|api_?key", re.I)


def looks_secret(name: str) -> bool:
    """Whether a key of this name is better not shown."""
    return _NAMES.search(name) is not None


def masked(text: str) -> str:
    """A secret as it may be shown: of an address all but the password, of anything else nothing."""
    parts = urlsplit(text)
    if not parts.hostname:
        return MASK if text else ""
    if parts.password is None:
        return text
    user, _, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user.partition(':')[0]}:{MASK}@{host}").geturl()


def secret_values(config: Config) -> tuple[str, ...]:
    """The secrets of `config` in every form in which they could get into a log."""
    password = urlsplit(config.server.proxy).password or ""
    return tuple({config.server.token, password, unquote(password)} - {""})

"""The way to the running service: where it answers by the configuration, and a connection to it.

Commands that ask the service need three values of the configuration, so only those are read and
only what is wrong with them is told: a service goes on with its former configuration when its file
is broken, and must be reachable then more than ever.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pywats_trio.config import places
from pywats_trio.errors import ConfigError, NotFoundError
from pywats_trio.ipc.plain import CHUNK, PlainClient

if TYPE_CHECKING:
    from pywats_trio.cli.main import Globals

KEYS: Final = ("instance", "ipc", "shutdown")
"""What is read of the configuration."""
GRACE_SECONDS: Final = 25.0
"""The default of `shutdown.grace_seconds`."""


class Address(NamedTuple):
    """Where the service answers, and how long it may take to stop."""

    socket: Path
    grace_seconds: float


def address(options: Globals) -> Address:
    """By the configuration that `options` and the environment name; by the defaults without one.

    Raises:
        ConfigError: the file cannot be read, one of `KEYS` is wrong, or `ipc.enabled` is false.
        NotFoundError: a file was named and is not there.
    """
    try:
        file = places.find(options.config_path, os.environ)
    except NotFoundError:
        if options.config_path is not None or os.environ.get(places.FILE_VARIABLE):
            raise
        file = None
    return quickly(file, options.instance) or carefully(file, options.instance)


def quickly(file: Path | None, instance: str | None) -> Address | None:
    """As `carefully` with the same arguments, in half the time, where nothing is out of the way.

    None where something is: then the rooms of the configuration have to be loaded.
    """
    if any(name.upper().startswith("PYWATS_TRIO__") for name in os.environ):
        return None
    values = _values(file) if file else {}
    name = values.get("instance", "default") if instance is None else instance
    ipc = values.get("ipc", {})
    if values.get("shutdown") or not isinstance(ipc, dict) or ipc.keys() - {"socket"}:
        return None
    socket = ipc.get("socket", "")
    if not (isinstance(name, str) and name.isalnum() and isinstance(socket, str)):
        return None
    path = Path(socket) if socket else places.default_socket(name)
    plain = path.is_absolute() and os.path.normpath(path) == str(path)
    return Address(path, GRACE_SECONDS) if plain else None


def _values(file: Path) -> dict[str, Any]:
    """What stands in it; whoever reads it carefully says what is wrong with it."""
    import tomllib  # noqa: PLC0415

    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {"shutdown": "unreadable"}


def carefully(file: Path | None, instance: str | None) -> Address:
    """By the file and the environment, read as the service reads them.

    Raises:
        ConfigError: the file cannot be read, one of `KEYS` is wrong, or `ipc.enabled` is false.
    """
    from pywats_trio.config import environment, source  # noqa: PLC0415 - these cost 30 ms
    from pywats_trio.config.mistakes import InvalidConfig, Located, dotted  # noqa: PLC0415
    from pywats_trio.config.options import Config  # noqa: PLC0415
    from pywats_trio.config.tables import TableReader  # noqa: PLC0415

    document = source.read(file) if file else source.Document(Path("config.toml"), {}, {})
    reader = TableReader(Path(os.path.abspath(document.file)).parent)  # noqa: PTH100 - keep links
    environment.override(document, os.environ)
    if instance is not None:
        document.put(("instance",), instance, "--instance")
    config = reader.read(Config, {k: v for k, v in document.values.items() if k in KEYS})
    problems = [
        Located(document.place(mistake.path), dotted(mistake.path), mistake.message)
        for mistake in reader.mistakes
        if mistake.path[0] in KEYS
    ]
    if problems:
        raise InvalidConfig(document.file, problems)
    if not config.ipc.enabled:
        raise ConfigError(
            f"{document.place(('ipc', 'enabled'))}: ipc.enabled is false, so the service cannot be "
            "asked; set it to true and restart the service"
        )
    return Address(config.socket, config.shutdown.grace_seconds)


class Link(PlainClient):
    """A connection that also notices when the service hangs up."""

    def hung_up(self, seconds: float) -> bool:
        """Whether the service closes the connection within `seconds`; waits no longer than that.

        It does when it stops, and when nothing was asked for half a minute.
        """
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            try:
                self._socket.settimeout(left)
                data = self._socket.recv(CHUNK)
            except TimeoutError:
                return False
            except OSError:
                return True
            if not data:
                return True
            self._decoder.feed(data)
        return False

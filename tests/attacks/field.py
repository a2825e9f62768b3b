"""Where attacks take place, seen from the service: what there is to take, and is it whole."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
from pathlib import Path
from typing import Any, Final

TOKEN: Final = "the token of the service"
VARIABLE: Final = "PYWATS_TRIO__SERVER__TOKEN"
CONVERTER: Final = Path(__file__).with_name("converter.py")


class Field:
    """A folder with the files of a service, and sockets that must hear nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.scratch = self.data / "scratch"
        self.watch = folder / "watch"
        self.outside = folder / "outside"
        self.token = folder / "token"
        self.database = self.data / "queue.db"
        self.other_input = folder / "other" / "input.txt"
        self.code = folder / "converters" / "attacker.py"
        self.modules = folder / "modules"
        self.good = self.watch / "good.txt"
        self.bad = self.watch / "bad.txt"
        self.waiting = self.watch / "waiting.txt"
        folder.mkdir(exist_ok=True)
        for place in (self.data, self.watch, self.outside, self.modules):
            place.mkdir()
        self.other_input.parent.mkdir()
        self.code.parent.mkdir()
        shutil.copy(CONVERTER, self.code)
        self.token.write_text(TOKEN)
        self.database.write_bytes(b"reports of all")
        self.other_input.write_text("another converter's")
        (self.outside / "kept").write_text("kept")
        self.good.write_text("good")
        self.waiting.write_text("wait")
        os.environ[VARIABLE] = TOKEN
        self._abstract = f"pywats-trio-attacks-{os.getpid()}"
        self._tcp = socket.create_server(("127.0.0.1", 0))
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", 0))
        self._ipc = _listening(os.fspath(folder / "ipc.sock"))
        self._named = _listening("\0" + self._abstract)
        self._sockets = (self._tcp, self._udp, self._ipc, self._named)
        for one in self._sockets:
            one.setblocking(False)

    def close(self) -> None:
        """Close the sockets, and take back what the service's environment was said to hold."""
        os.environ.pop(VARIABLE, None)
        for one in self._sockets:
            one.close()

    @property
    def secrets(self) -> list[str]:
        """What no worker may read: as `convert.conversion` says it."""
        places = (self.data, self.token, self.watch, self.other_input.parent)
        return [os.fspath(place) for place in places]

    def arm(self, attack: str, **pids: int) -> None:
        """Write the file that has the converter attack."""
        paths = ("token", "database", "other_input", "outside", "code", "modules")
        facts: dict[str, Any] = {name: os.fspath(getattr(self, name)) for name in paths}
        facts |= {
            "attack": attack,
            "source": os.fspath(self.bad),
            "ipc": os.fspath(self.folder / "ipc.sock"),
            "abstract": self._abstract,
            "tcp": self._tcp.getsockname()[1],
            "udp": self._udp.getsockname()[1],
            "service": os.getpid(),
            "number": 1,
            **pids,
        }
        self.bad.write_text(json.dumps(facts))

    def state(self) -> dict[str, str]:
        """Every file outside of the scratch folders, with its content and its rights."""
        found = {}
        for root, folders, files in os.walk(self.folder):
            if Path(root) == self.data and self.scratch.name in folders:
                folders.remove(self.scratch.name)
            for name in (*folders, *files):
                found[os.path.join(root, name)] = _seen(Path(root, name))  # noqa: PTH118
        return found

    def heard(self) -> list[str]:
        """What came in from the network; nothing should."""
        found = []
        for one in self._sockets:
            try:
                if one.type == socket.SOCK_DGRAM:
                    one.recv(100)
                else:
                    one.accept()[0].close()
            except BlockingIOError:
                continue
            found.append(f"{one.family.name} {one.type.name} heard something")
        return found


def _listening(address: str) -> socket.socket:
    server = socket.socket(socket.AF_UNIX)
    server.bind(address)
    server.listen()
    return server


def _seen(path: Path) -> str:
    status = path.lstat()
    content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
    return f"{status.st_mode:o} {status.st_nlink if content else ''} {content}"

"""The system calls of the command in their order, as strace writes them down."""

from __future__ import annotations

import math
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

from attrs import define, frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

TRACED = (
    "pwrite64,pwritev,write,writev,fsync,fdatasync,sendto,sendmsg,"
    "rename,renameat,renameat2,link,linkat,unlink,unlinkat"
)
LONGEST = 16_384
"""Bytes of a buffer that are written down: a page of the database, or a report with its head."""
FRAME_HEADER = 24
"""Bytes before each page in the write-ahead log; bytes 4 to 7 are not zero at the end of a
transaction (SQLite, file format, section 4.1)."""

_LINE = re.compile(r"(\d+) +(?:<\.\.\. \w+ resumed>|(\w+)\()(.*)")
_DESCRIPTOR = re.compile(r"\d+<((?:\\x[0-9a-f]{2})*)>")
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


def strace(output: Path) -> list[str]:
    """What has to stand before a command. `-D`: the command stays the process that is started."""
    options = ["-D", "-f", "--seccomp-bpf", "-qq", "-y", "-xx", "-s", str(LONGEST)]
    return ["strace", *options, "-e", f"trace={TRACED}", "-o", str(output)]


def why_not() -> str:
    """Why strace cannot be used here; empty if it can."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    tried = subprocess.run(
        ["strace", "-o", "/dev/null", "true"], capture_output=True, text=True, check=False
    )
    return f"strace cannot trace here: {tried.stderr.strip()}" if tried.returncode else ""


@define
class Call:
    """One system call; `begin` and `end` are numbers of lines, hence an order."""

    name: str
    begin: int
    end: float
    path: str
    """Of the file behind its first descriptor, as far as there is one."""
    strings: tuple[bytes, ...]
    """Buffers and paths among its arguments."""


def read(output: Path) -> list[Call]:
    """The calls in the order in which they began."""
    calls: list[Call] = []
    open_calls: dict[str, Call] = {}
    for number, line in enumerate(output.read_text("ascii").splitlines()):
        found = _LINE.fullmatch(line)
        if found is None:
            continue  # a signal, or an exit
        process, name, rest = found.groups()
        if name is None:
            open_calls.pop(process).end = number
            continue
        call = _call(name, number, rest)
        calls.append(call)
        if rest.endswith("<unfinished ...>"):
            call.end = math.inf
            open_calls[process] = call
    return calls


def _call(name: str, number: int, rest: str) -> Call:
    descriptor = _DESCRIPTOR.match(rest)
    path = _bytes(descriptor.group(1)).decode("utf-8", "replace") if descriptor else ""
    strings = tuple(_bytes(text) for text in _STRING.findall(rest))
    return Call(name, number, number, path, strings)


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


@frozen
class Deed:
    """Something that may be done only once the rows that it rests on are safe."""

    what: str
    begin: int
    row: tuple[bytes, ...]
    """What the page of the database that has the row contains."""


class Log:
    """The write-ahead log of the queue, as the calls wrote it."""

    def __init__(self, calls: Iterable[Call]) -> None:
        mine = [call for call in calls if call.path.endswith("/queue.db-wal")]
        self._syncs = [call for call in mine if call.name in ("fsync", "fdatasync")]
        self._frames = list(_frames([call for call in mine if call.name == "pwrite64"]))

    def safe_since(self, row: tuple[bytes, ...]) -> float:
        """The end of the first sync that began after the transaction with `row` was written."""
        written = self._committed(row)
        return min((sync.end for sync in self._syncs if sync.begin > written), default=math.inf)

    def _committed(self, row: tuple[bytes, ...]) -> float:
        found = False
        for page, ends_transaction in self._frames:
            found = found or all(part in page.strings[0] for part in row)
            if found and ends_transaction:
                return page.end
        return math.inf

    def too_early(self, deeds: Iterable[Deed]) -> list[str]:
        """Those that were begun before their row was safe."""
        return [deed.what for deed in deeds if not self.safe_since(deed.row) < deed.begin]


def _frames(writes: list[Call]) -> Iterator[tuple[Call, bool]]:
    """Each page written to the log, and whether a transaction ends with it."""
    header = b""
    for write in writes:
        if len(write.strings[0]) == FRAME_HEADER:
            header = write.strings[0]
        elif header:
            yield write, any(header[4:8])
            header = b""

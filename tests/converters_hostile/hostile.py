"""Converters that do what a converter must not do; each must cost only its own file."""

# Test data: doing what the rules forbid is what it is for.
# ruff: noqa: BLE001, PTH109, PTH110, PTH115, PTH208, SIM115, T201, TID251

from __future__ import annotations

import _thread
import ctypes
import json
import os
import select
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pywats_trio.converters import Argument, Context, Converter, Reject, Report, Retry, Source
from pywats_trio.worker.channel import Channel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

FOREVER = 3600


def report(serial: str, **more: object) -> Report:
    return Report(
        {
            "type": "T",
            "pn": "PN-1",
            "sn": serial,
            "rev": "A",
            "processCode": 10,
            "result": "P",
            "start": "2026-03-02T08:15:30.250+01:00",
            "root": {"status": "P", "stepType": "SequenceCall", "name": "Main"},
            **more,
        }
    )


class Hostile(Converter):
    """Misbehaves for a file that says `bad`, else converts it."""

    id = "hostile"
    arguments: ClassVar[Mapping[str, Argument]] = {
        "tell": Argument(str, default="", help="a file for what the test must know")
    }

    def convert(self, source: Source, context: Context) -> Iterable[Report]:
        if source.read_text().startswith("bad"):
            self.misbehave(source, context)
        return [report(source.name)]

    def misbehave(self, source: Source, context: Context) -> None:
        raise NotImplementedError


def tell(context: Context, what: object) -> None:
    Path(context.arguments["tell"]).write_text(json.dumps(what))


class Exits(Hostile):
    def misbehave(self, source: Source, context: Context) -> None:
        print("last words")
        os._exit(7)


class RaisesSystemExit(Hostile):
    def misbehave(self, source: Source, context: Context) -> None:
        sys.exit("enough")


class RaisesKeyboardInterrupt(Hostile):
    def misbehave(self, source: Source, context: Context) -> None:
        raise KeyboardInterrupt


class RaisesUnprintable(Hostile):
    def misbehave(self, source: Source, context: Context) -> None:
        class Unprintable(Exception):
            def __str__(self) -> str:
                raise SystemExit

        raise Unprintable


class Allocates(Hostile):
    def misbehave(self, source: Source, context: Context) -> None:
        hoard = []
        while True:
            hoard.append(bytearray(8 << 20))


class Loops(Hostile):
    def misbehave(self, source: Source, context: Context) -> None:
        while True:
            pass


class Burns(Hostile):
    """Uses as much processor time as the file says, in seconds."""

    def misbehave(self, source: Source, context: Context) -> None:
        end = time.process_time() + float(source.read_text()[4:])
        while time.process_time() < end:
            pass


class LoopsAndSwallows(Hostile):
    def misbehave(self, source: Source, context: Context) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGXCPU, signal.SIGIO):
            signal.signal(number, signal.SIG_IGN)
        while True:
            try:
                while True:
                    pass
            except BaseException:
                continue


class ClosesDescriptors(Hostile):
    def misbehave(self, source: Source, context: Context) -> None:
        os.closerange(0, 256)


class Prints(Hostile):
    def misbehave(self, source: Source, context: Context) -> None:
        for number in range(400):
            print(str(number % 10) * 10_000)
        print("the end of it")


class PrintsAndExits(Prints):
    def misbehave(self, source: Source, context: Context) -> None:
        super().misbehave(source, context)
        os._exit(3)


class LeavesChild(Hostile):
    def misbehave(self, source: Source, context: Context) -> None:
        child = subprocess.Popen(["sleep", str(FOREVER)])
        tell(context, [child.pid])


def daemon(and_then: str = "") -> int:
    """A grandchild in a session of its own, whose parent has ended."""
    read, write = os.pipe()
    if os.fork() == 0:
        os.setsid()
        grandchild = os.fork()
        if grandchild == 0:
            time.sleep(FOREVER)
        os.write(write, str(grandchild).encode())
        os._exit(0)
    os.wait()
    return int(os.read(read, 100))


class LeavesDaemon(Hostile):
    def misbehave(self, source: Source, context: Context) -> None:
        tell(context, [daemon()])


class ExitsAndLeavesDaemon(Hostile):
    def misbehave(self, source: Source, context: Context) -> None:
        sibling = subprocess.Popen(["sleep", str(FOREVER)])
        tell(context, [daemon(), sibling.pid])
        os._exit(0)


class LoopsWithDaemon(Hostile):
    def misbehave(self, source: Source, context: Context) -> None:
        child = subprocess.Popen(["sleep", str(FOREVER)])
        tell(context, [os.getpid(), child.pid, daemon()])
        while True:
            pass


class ReturnsTwice(Hostile):
    def misbehave(self, source: Source, context: Context) -> None:
        os.fork()


class RaisesTwice(Hostile):
    def misbehave(self, source: Source, context: Context) -> None:
        os.fork()
        raise ValueError("twice")


def job_socket() -> socket.socket:
    """The worker's own socket, found as any hostile code could find it."""
    for number in range(3, 64):
        try:
            mode = os.fstat(number).st_mode
        except OSError:
            continue
        if stat.S_ISSOCK(mode):
            return socket.socket(fileno=os.dup(number))
    raise RuntimeError("no socket")


class Babbles(Hostile):
    def misbehave(self, source: Source, context: Context) -> None:
        job_socket().sendall(b"\xff" * 64)


class ClaimsHugeFrame(Hostile):
    def misbehave(self, source: Source, context: Context) -> None:
        job_socket().sendall(b"\x00\x00\x00\x02\xff\xff\xff\xff{}")


class ForgesReport(Hostile):
    def misbehave(self, source: Source, context: Context) -> None:
        head = json.dumps({"job": 1, "kind": "report", "report_id": "../../etc/passwd"}).encode()
        job_socket().sendall(len(head).to_bytes(4, "big") + b"\x00\x00\x00\x01" + head + b"x")


def forged_ending(job: int) -> bytes:
    ending = {"kind": "rejected", "why": "forged", "hint": "", "size": 3, "mtime_ns": 0}
    head = json.dumps({"job": job, **ending}).encode()
    return len(head).to_bytes(4, "big") + bytes(4) + head


class GoesOn(Hostile):
    def misbehave(self, source: Source, context: Context) -> None:
        job_socket().sendall(forged_ending(1) + b"x")


class AnswersInOurPlace(Hostile):
    """The worker's own answer comes while the next file is converted."""

    def misbehave(self, source: Source, context: Context) -> None:
        connection = job_socket()
        connection.sendall(forged_ending(1))
        select.select([connection], [], [])  # until the next job has come


class AnswersAnotherJob(Hostile):
    def misbehave(self, source: Source, context: Context) -> None:
        job_socket().sendall(forged_ending(2))


class Endless(Hostile):
    """Reports without end: more than the service takes."""

    def convert(self, source: Source, context: Context) -> Iterator[Report]:
        number = 0
        bad = source.read_text().startswith("bad")
        while bad or number == 0:
            yield report(f"SN-{number}", text="x" * 500_000 if bad else "")
            number += 1


class Recurses(Hostile):
    def misbehave(self, source: Source, context: Context) -> None:
        self.misbehave(source, context)


class Segfaults(Hostile):
    def misbehave(self, source: Source, context: Context) -> None:
        ctypes.string_at(0)


class LeavesThread(Hostile):
    def misbehave(self, source: Source, context: Context) -> None:
        threading.Thread(target=time.sleep, args=(FOREVER,)).start()


class LeavesRawThread(Hostile):
    def misbehave(self, source: Source, context: Context) -> None:
        begun = threading.Event()

        def sleep() -> None:
            begun.set()
            time.sleep(FOREVER)

        _thread.start_new_thread(sleep, ())
        begun.wait()


class LeaksDescriptors(Hostile):
    kept: ClassVar[list[int]] = []

    def misbehave(self, source: Source, context: Context) -> None:
        self.kept.extend(
            os.open("/dev/null", os.O_RDONLY) for _ in range(int(source.read_text()[4:]))
        )


class LeaksUntilRefused(Hostile):
    def misbehave(self, source: Source, context: Context) -> None:
        kept = []
        while True:
            kept.append(Path("/dev/null").open())


class ClosesOutput(Hostile):
    def misbehave(self, source: Source, context: Context) -> None:
        os.close(1)


class KeepsMemory(Hostile):
    kept: ClassVar[list[bytearray]] = []

    def misbehave(self, source: Source, context: Context) -> None:
        self.kept.append(bytearray(int(source.read_text()[4:]) << 20))


class WritesFile(Hostile):
    def misbehave(self, source: Source, context: Context) -> None:
        size = int(source.read_text()[4:])
        with (context.scratch / "big").open("wb") as file:
            for _ in range(size >> 20):
                file.write(bytes(1 << 20))
            file.write(bytes(size % (1 << 20)))


class FillsScratch(Hostile):
    def misbehave(self, source: Source, context: Context) -> None:
        tell(context, [os.fspath(context.scratch), os.getcwd(), os.listdir(context.scratch)])
        Path("in-the-working-folder").write_text("x")
        (context.scratch / "folder").mkdir()
        (context.scratch / "folder" / "file").write_text("x")
        os.chdir("/")


class Stumbles(Hostile):
    """Ends its process while it is imported a second time in the same process, for tests of it."""

    def misbehave(self, source: Source, context: Context) -> None:
        raise ValueError("the \udcff\x00 of it\nand more")


class Rejects(Hostile):
    def misbehave(self, source: Source, context: Context) -> None:
        raise Reject("line 3: no serial number", hint="Scan the unit first.")


class AsksForRetry(Hostile):
    def misbehave(self, source: Source, context: Context) -> None:
        raise Retry("the other half is not there yet", after=12.5)


class AsksForOddRetry(Hostile):
    def misbehave(self, source: Source, context: Context) -> None:
        raise Retry("later", after=float("nan"))


class SaysNothing(Hostile):
    def convert(self, source: Source, context: Context) -> Iterable[Report]:
        return []


class ReturnsNone(Hostile):
    def convert(self, source: Source, context: Context) -> Iterable[Report]:
        return None  # type: ignore[return-value]


class GivesMappings(Hostile):
    def convert(self, source: Source, context: Context) -> Iterable[Report]:
        return [{"sn": "1"}]  # type: ignore[list-item]


class Repeats(Hostile):
    def convert(self, source: Source, context: Context) -> Iterable[Report]:
        same = "11111111-2222-4333-8444-555555555555"
        return [report("A"), report("B", id=same), report("C", id=same.upper())]


class Talks(Hostile):
    def misbehave(self, source: Source, context: Context) -> None:
        count = int(source.read_text()[4:])
        for number in range(count):
            context.logger.warning("record %d\nof many", number)
        context.progress(0.25)


class Exposes(Hostile):
    """Says what a worker can see."""

    def misbehave(self, source: Source, context: Context) -> None:
        tell(
            context,
            {
                "environment": dict(os.environ),
                "modules": sorted(sys.modules),
                "descriptors": {n: os.readlink(f"/proc/self/fd/{n}") for n in _descriptors()},
                "source": [source.path, source.name, source.size, source.mtime],
                "session": os.getsid(0) == os.getpid(),
                "oom": Path("/proc/self/oom_score_adj").read_text().strip(),
                "limits": Path("/proc/self/limits").read_text(),
                "stdin": sys.stdin.read(),
            },
        )


def _descriptors() -> list[str]:
    return [n for n in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{n}")]


class Appends(Hostile):
    """The file grows while it is read: the test's hand, held by the converter."""

    def misbehave(self, source: Source, context: Context) -> None:
        with Path(source.path).open("a") as file:
            file.write("more")


class AppendsAndRejects(Appends):
    def misbehave(self, source: Source, context: Context) -> None:
        super().misbehave(source, context)
        raise Reject("half a file")


class CallsItsFileChanged(Hostile):
    """What it says of its file is forged; the file is as it was."""

    def convert(self, source: Source, context: Context) -> Iterable[Report]:
        def lie(channel: Channel, header: dict[str, Any], body: bytes = b"") -> None:
            put(channel, {**header, "size": 1, "mtime_ns": 1}, body)

        put = Channel.put
        Channel.put = lie  # type: ignore[assignment, method-assign]
        return super().convert(source, context)

    def misbehave(self, source: Source, context: Context) -> None:
        raise Reject("line 3: no serial number")


class CallsItsFileTheSame(Appends):
    """It hides that the file has grown."""

    def misbehave(self, source: Source, context: Context) -> None:
        def lie(channel: Channel, header: dict[str, Any], body: bytes = b"") -> None:
            known = {"size": source.size, "mtime_ns": mtime_ns}
            put(channel, {**header, **{key: known[key] for key in known if key in header}}, body)

        mtime_ns = Path(source.path).stat().st_mtime_ns
        put = Channel.put
        Channel.put = lie  # type: ignore[assignment, method-assign]
        super().misbehave(source, context)


class NamesModules(Hostile):
    """Says which modules about WATS its process has."""

    def misbehave(self, source: Source, context: Context) -> None:
        raise Reject(" ".join(name for name in sys.modules if "pywats" in name))


class Waits(Hostile):
    """Says who it is, then waits for the end of the world."""

    def misbehave(self, source: Source, context: Context) -> None:
        context.logger.info("%d", os.getpid())
        time.sleep(FOREVER)


class NotAConverter:
    id = "no"


class NoId(Converter):
    def convert(self, source: Source, context: Context) -> Iterable[Report]:
        return []


class WritesMany(Hostile):
    """Writes as many files of a MiB as the file says, and stays until it is ended, or not."""

    def misbehave(self, source: Source, context: Context) -> None:
        words = source.read_text().split()
        for number in range(int(words[1])):
            (context.scratch / f"{number}").write_bytes(b"x" * (1 << 20))
        if "done" not in words:
            time.sleep(FOREVER)


class WritesNameless(Hostile):
    """The same with files that have lost their names."""

    def misbehave(self, source: Source, context: Context) -> None:
        words = source.read_text().split()
        kept = []
        for number in range(int(words[1])):
            path = context.scratch / f"{number}"
            kept.append(path.open("wb", buffering=0))
            kept[-1].write(b"x" * (1 << 20))
            path.unlink()
        if "done" not in words:
            time.sleep(FOREVER)

"""Lines on their way to a target that is slow, broken, full or gone."""

from __future__ import annotations

import errno
import io
import os
import threading
from collections import deque

import pytest

from pywats_trio.observe.sink import Sink, Stream


class Gate:
    """A target that writes nothing until it is opened, and fails while it is told to."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.entered = threading.Semaphore(0)
        self.open = threading.Semaphore(0)
        self.error: OSError | None = None
        self.closed = False

    def write(self, lines: deque[bytes]) -> None:
        self.entered.release()
        assert self.open.acquire(timeout=10)
        if self.error is not None:
            raise self.error
        self.lines += lines
        lines.clear()

    def close(self) -> None:
        self.closed = True


class Listener:
    def __init__(self) -> None:
        self.errors: list[OSError] = []

    def __call__(self, error: OSError) -> None:
        self.errors.append(error)


def sink_on(gate: Gate, *, limit: int = 10_000) -> tuple[Sink, Listener]:
    heard = Listener()
    sink = Sink(
        gate, note_dropped=lambda count: f"dropped {count}\n".encode(), complain=heard, limit=limit
    )
    return sink, heard


def hold(gate: Gate, sink: Sink) -> None:
    """Keep the writing thread busy with one line, so that all further ones wait."""
    sink.put(b"held\n")
    assert gate.entered.acquire(timeout=10)


def free(gate: Gate) -> None:
    gate.open.release(1000)


@pytest.mark.parametrize(("count", "dropped"), [(4, 0), (5, 0), (6, 1), (9, 4)])
def test_what_is_over_the_limit_is_dropped_and_counted(count: int, dropped: int) -> None:
    gate = Gate()
    sink, _heard = sink_on(gate, limit=5)
    hold(gate, sink)
    for number in range(count):
        sink.put(b"%d\n" % number)
    assert sink.dropped == dropped
    free(gate)
    sink.close()
    kept = [b"%d\n" % number for number in range(min(count, 5))]
    note = [b"dropped %d\n" % dropped] if dropped else []
    assert gate.lines == [b"held\n", *kept, *note]
    assert gate.closed


def test_a_target_that_fails_is_complained_about_once_until_it_works_again() -> None:
    gate = Gate()
    sink, heard = sink_on(gate)
    gate.error = OSError(errno.ENOSPC, "No space left on device")
    for _round in range(2):
        hold(gate, sink)
        gate.open.release()
    hold(gate, sink)  # the second round is over
    assert heard.errors == [gate.error]
    assert sink.dropped == 2
    gate.error = None
    gate.open.release()
    sink.put(b"later\n")
    free(gate)
    sink.close()
    assert gate.lines == [b"held\n", b"dropped 2\n", b"later\n"]


def test_it_complains_again_about_a_new_failure() -> None:
    gate = Gate()
    sink, heard = sink_on(gate)
    for error in (OSError("a"), None, OSError("b")):
        hold(gate, sink)
        gate.error = error
        gate.open.release()
    free(gate)
    sink.close()
    assert [str(error) for error in heard.errors] == ["a", "b"]


def test_a_thousand_lines_at_most_go_in_one_piece() -> None:
    gate = Gate()
    sink, _heard = sink_on(gate)
    hold(gate, sink)
    for number in range(2500):
        sink.put(b"%d\n" % number)
    free(gate)
    sink.close()
    assert gate.lines[1:] == [b"%d\n" % number for number in range(2500)]


def test_a_target_that_hangs_does_not_hold_up_the_end() -> None:
    gate = Gate()
    sink, _heard = sink_on(gate)
    hold(gate, sink)
    sink.close(seconds=0.01)
    assert not gate.closed
    free(gate)


def test_a_stream_in_memory_is_written_as_text() -> None:
    stream = io.StringIO()
    Stream(stream).write(deque([b"\xc3\xa4\n", b"b\n"]))
    assert stream.getvalue() == "ä\nb\n"


def test_a_stream_with_a_descriptor_is_written_past_its_buffer() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as reader, os.fdopen(writing, "w") as stream:
        Stream(stream).write(deque([b"a\n", b"b\n"]))
        assert os.read(reader.fileno(), 100) == b"a\nb\n"


def test_a_reader_that_is_gone_is_an_os_error() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream:
        os.close(reading)
        with pytest.raises(BrokenPipeError):
            Stream(stream).write(deque([b"a\n"]))

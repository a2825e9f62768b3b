"""What one worker may say about a file, and how fast; its side is this test."""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import termios
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from pywats_trio.convert.answer import Answer
from pywats_trio.convert.child import AT_ONCE, FREE_TURNS, OUTPUT_PAUSE, SMALL, TURN_PAUSE, Child
from pywats_trio.convert.said import Detected, Rejected
from pywats_trio.converters.registry import parse
from pywats_trio.errors import FrameError
from pywats_trio.worker.frames import FrameDecoder, encode
from tests.convert.kit import type_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pywats_trio.convert.said import Ending

SPEC = parse(type_of("good:Good"))
READY = encode({"job": 0, "kind": "ready"})
LOADED = encode({"job": 1, "kind": "loaded", "version": "1"})
REJECTED = encode({"job": 1, "kind": "rejected", "why": "x", "hint": "", "size": 0, "mtime_ns": 0})
DETECTED = encode({"job": 1, "kind": "detected", "certainty": 0.5})
PROGRESS = encode({"job": 1, "kind": "progress", "fraction": 0.5})


@contextmanager
def connected(most: int = 1 << 20, output: int = -1) -> Iterator[tuple[Child, socket.socket]]:
    """A worker without a process, and its end of the connection."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    decoder = FrameDecoder()
    with ours, theirs:
        # What it has besides is not touched.
        yield Child("", None, "", ours, -1, output, decoder, most, alone=True), theirs  # type: ignore[arg-type]


def unread(descriptor: int) -> int:
    """Bytes that came and are not read."""
    told = fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4))
    return int(struct.unpack("i", told)[0])


@pytest.fixture
def still() -> MockClock:
    """No time passes but what a test lets pass."""
    return MockClock()


async def hear(said: bytes, *, do: str = "convert", most: int = 1 << 20) -> Ending:
    """The answer of a worker that says all of this at once."""
    with connected(most) as (child, theirs):
        theirs.sendall(said)
        answer = Answer(1 << 20, lambda _said: None)
        return await child.ask(SPEC, {"do": do}, None, answer)


async def test_it_is_greeted_once_and_answers() -> None:
    assert isinstance(await hear(READY + LOADED + REJECTED), Rejected)
    assert isinstance(await hear(READY + LOADED + DETECTED, do="detect"), Detected)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (READY + READY + REJECTED, "answered to another job"),
        (READY + LOADED + LOADED + REJECTED, "unknown kind of frame: 'loaded'"),
        (READY + LOADED + REJECTED + PROGRESS, "went on after the end"),
        (READY + LOADED + DETECTED, "what it was not asked"),
    ],
)
async def test_what_it_may_not_say_is_a_frame_error(said: bytes, words: str) -> None:
    with pytest.raises(FrameError, match=words):
        await hear(said)


@pytest.mark.parametrize(("do", "said"), [("detect", REJECTED), ("describe", DETECTED)])
async def test_it_answers_what_it_was_asked(do: str, said: bytes) -> None:
    with pytest.raises(FrameError, match="what it was not asked"):
        await hear(READY + LOADED + said, do=do)


@pytest.mark.parametrize(("more", "refused"), [(-1, True), (0, False), (1, False)])
async def test_what_it_says_about_a_file_has_a_limit(more: int, refused: bool) -> None:
    said = READY + LOADED + 100 * PROGRESS + REJECTED
    if refused:
        with pytest.raises(FrameError, match=f"said more than {len(said) + more} bytes"):
            await hear(said, most=len(said) + more)
    else:
        assert isinstance(await hear(said, most=len(said) + more), Rejected)


async def test_others_get_their_turn_while_many_frames_are_read() -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(count)
        await trio.lowlevel.checkpoint()
        before = turns
        await hear(READY + LOADED + 10 * AT_ONCE * PROGRESS + REJECTED)
        nursery.cancel_scope.cancel()
    assert turns - before >= 10


@pytest.mark.parametrize(("size", "followed"), [(SMALL - 1, False), (SMALL, True)])
async def test_who_sends_in_many_small_pieces_is_not_followed_piece_by_piece(
    still: MockClock, size: int, followed: bool
) -> None:
    with connected() as (child, theirs):
        async with trio.open_nursery() as nursery:
            answer = Answer(1 << 20, lambda _said: None)
            nursery.start_soon(child.ask, SPEC, {"do": "convert"}, None, answer)
            theirs.sendall(READY + LOADED + b"\0\0\0\2\0\x0f\0\0")  # the head of a long frame
            await wait_all_tasks_blocked()
            for _ in range(FREE_TURNS):
                theirs.sendall(bytes(size))
                await wait_all_tasks_blocked()
                assert unread(child._socket.fileno()) == 0  # noqa: SLF001 - the kernel knows
            theirs.sendall(bytes(size))
            await wait_all_tasks_blocked()
            assert (unread(child._socket.fileno()) == 0) == followed  # noqa: SLF001
            still.jump(TURN_PAUSE)
            await wait_all_tasks_blocked()
            assert unread(child._socket.fileno()) == 0  # noqa: SLF001
            nursery.cancel_scope.cancel()


async def test_who_prints_byte_by_byte_is_not_followed_byte_by_byte(still: MockClock) -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    with connected(output=reading) as (child, _theirs):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(child.read_output)
            os.write(writing, b"a")
            await wait_all_tasks_blocked()
            assert unread(reading) == 0
            os.write(writing, b"b")
            await wait_all_tasks_blocked()
            assert unread(reading) == 1
            still.jump(OUTPUT_PAUSE)
            await wait_all_tasks_blocked()
            assert unread(reading) == 0
            nursery.cancel_scope.cancel()
        assert child.output == "ab"
    os.close(reading)
    os.close(writing)


def test_what_is_printed_and_on_its_way_belongs_to_the_answer() -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    with connected(output=reading) as (child, _theirs):
        assert child.output_now() == ""
        os.write(writing, b"said")
        assert (child.output, child.output_now(), child.output) == ("", "said", "said")
    os.close(reading)
    with connected(output=reading) as (child, _theirs):
        child.gone.set()  # its pipe is closed, and the number may be another's
        assert child.output_now() == ""
    os.close(writing)

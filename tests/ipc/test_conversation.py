"""One client, in memory: every time-out to the second, and every way to leave."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
import structlog
import trio
import trio.testing
from trio.testing import lockstep_stream_pair

from pywats_trio.ipc import wire
from pywats_trio.ipc.answers import REQUEST_SECONDS
from pywats_trio.ipc.conversation import (
    CHUNK,
    IDLE_SECONDS,
    LEAVING_SECONDS,
    WRITE_SECONDS,
)
from pywats_trio.ipc.limits import Limiter
from tests.ipc.kit import ME, framed, talking

if TYPE_CHECKING:
    from trio.testing import MockClock

ALMOST = 0.001
"""Seconds before a deadline."""


async def test_the_service_speaks_first(autojump_clock: MockClock) -> None:
    async with talking() as talk:
        assert await talk.client.next() == {
            "protocol_version": "2.1",
            "server_version": "1.2.3",
            "instance_id": "line-1",
            "requires_auth": False,
            "capabilities": ["rate_limit", "queue", "sync"],
        }


async def test_a_request_gets_one_response(autojump_clock: MockClock) -> None:
    async with talking() as talk:
        await talk.client.expect()
        answer = await talk.client.ask("echo", a=1)
        assert answer == wire.success("1", {"a": 1})
        await talk.client.stream.aclose()
        await talk.ended.wait()
        assert talk.door.done == [("echo", {"a": 1}, ME.who)]


async def test_requests_sent_at_once_are_answered_in_their_order(autojump_clock: MockClock) -> None:
    async with talking() as talk:
        await talk.client.expect()
        seconds = [0.3, 0.1, 0.2, 0.0, 0.05]
        await talk.client.send(
            *(wire.request("sleep", f"r{n}", {"seconds": s}) for n, s in enumerate(seconds))
        )
        answers = [await talk.client.expect() for _ in seconds]
        assert [answer["request_id"] for answer in answers] == ["r0", "r1", "r2", "r3", "r4"]
        assert [answer["data"]["slept"] for answer in answers] == seconds


async def test_the_service_hangs_up_when_the_client_has_said_all_it_wants(
    autojump_clock: MockClock,
) -> None:
    async with talking() as talk:
        await talk.client.expect()
        await talk.client.send(*(wire.request("echo", str(n), {}) for n in range(3)))
        await talk.client.stream.send_eof()  # type: ignore[attr-defined]  # memory streams can
        assert [(await talk.client.expect())["request_id"] for _ in range(3)] == ["0", "1", "2"]
        assert await talk.client.ended()
        assert not talk.broken


# Frames that are none


async def test_bad_json_is_answered_and_the_connection_stays(autojump_clock: MockClock) -> None:
    async with talking() as talk:
        await talk.client.expect()
        await talk.client.stream.send_all(framed(b"{") + framed(b"[" * 500_000))
        for _ in range(2):
            answer = await talk.client.expect()
            assert answer["error"].startswith("Invalid JSON: ")
            assert (answer["success"], answer["data"]) == (False, None)
            assert (answer["error_code"], answer["request_id"]) == ("bad_request", "")
        assert (await talk.client.ask("echo"))["success"]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (framed(b"[]"), "a message must be a JSON object"),
        (struct.pack(">I", wire.MAX_FRAME + 1), "a frame of 1048577 bytes"),
        (b"GET / HTTP/1.1\r\n\r\n", "a frame of 1195725856 bytes"),
    ],
    ids=["no object", "too long", "HTTP"],
)
async def test_what_breaks_the_protocol_ends_the_connection(
    said: bytes, why: str, autojump_clock: MockClock
) -> None:
    with structlog.testing.capture_logs() as logs:
        async with talking() as talk:
            await talk.client.expect()
            await talk.client.stream.send_all(said)
            assert await talk.client.ended()
    assert [(entry["event"], entry["uid"]) for entry in logs] == [
        ("local control: a client was cut off", ME.uid)
    ]
    assert why in logs[0]["why"]


# Time-outs of the client


async def test_who_is_silent_is_cut_off(autojump_clock: MockClock) -> None:
    async with talking() as talk:
        await talk.client.expect()
        began = trio.current_time()
        assert await talk.client.ended()
        assert trio.current_time() - began == IDLE_SECONDS


async def test_who_asks_just_in_time_is_answered(autojump_clock: MockClock) -> None:
    async with talking() as talk:
        await talk.client.expect()
        for _ in range(5):
            await trio.sleep(IDLE_SECONDS - ALMOST)
            assert (await talk.client.ask("echo"))["success"]


@pytest.mark.parametrize("so_far", [1, 3, 4, 10])
async def test_who_sends_half_a_frame_is_cut_off(so_far: int, autojump_clock: MockClock) -> None:
    async with talking() as talk:
        await talk.client.expect()
        began = trio.current_time()
        await talk.client.stream.send_all(framed(b'{"command": "ping"}')[:so_far])
        assert await talk.client.ended()
        assert trio.current_time() - began == IDLE_SECONDS


async def test_who_dribbles_gains_no_time(autojump_clock: MockClock) -> None:
    async with talking() as talk, trio.open_nursery() as nursery:
        await talk.client.expect()
        began = trio.current_time()

        async def dribble() -> None:
            for byte in framed(b'{"command": "ping"}'):
                await talk.client.stream.send_all(bytes([byte]))
                await trio.sleep(IDLE_SECONDS / 4)

        nursery.start_soon(dribble)
        assert await talk.client.ended()
        assert trio.current_time() - began == IDLE_SECONDS
        nursery.cancel_scope.cancel()


async def test_who_does_not_take_hello_is_cut_off(autojump_clock: MockClock) -> None:
    with structlog.testing.capture_logs() as logs:
        async with talking(pair=lockstep_stream_pair) as talk:
            began = trio.current_time()
            await talk.ended.wait()
            assert trio.current_time() - began == WRITE_SECONDS
    assert [entry["why"] for entry in logs] == ["it does not read its answers"]


async def test_who_does_not_take_an_answer_is_cut_off(autojump_clock: MockClock) -> None:
    async with talking(pair=lockstep_stream_pair) as talk:
        await talk.client.expect()
        await talk.client.send(wire.request("echo", "1", {}))
        began = trio.current_time()
        await talk.ended.wait()
        assert trio.current_time() - began == WRITE_SECONDS


async def test_who_takes_an_answer_just_in_time_is_served(autojump_clock: MockClock) -> None:
    async with talking(pair=lockstep_stream_pair) as talk:
        await talk.client.expect()
        await talk.client.send(wire.request("echo", "1", {}))
        await trio.sleep(WRITE_SECONDS - ALMOST)
        assert (await talk.client.expect())["request_id"] == "1"
        assert (await talk.client.ask("echo"))["success"]


# Time-out of the request


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(REQUEST_SECONDS - ALMOST, None), (REQUEST_SECONDS + ALMOST, "timeout")],
)
async def test_a_command_has_a_minute(
    seconds: float, code: str | None, autojump_clock: MockClock
) -> None:
    async with talking() as talk:
        await talk.client.expect()
        began = trio.current_time()
        answer = await talk.client.ask("sleep", seconds=seconds)
        assert answer["error_code"] == code
        assert trio.current_time() - began == pytest.approx(min(seconds, REQUEST_SECONDS))
        if code:
            assert answer["error"] == "Request processing timeout after 60.0s"
            assert talk.door.cancelled == ["sleep"]
        assert (await talk.client.ask("echo"))["success"]


async def test_a_command_that_waits_has_all_the_time_it_wants(autojump_clock: MockClock) -> None:
    async with talking() as talk, trio.open_nursery() as nursery:
        await talk.client.expect()

        async def release() -> None:
            await trio.sleep(1000 * REQUEST_SECONDS)
            talk.door.released.set()

        nursery.start_soon(release)
        assert (await talk.client.ask("wait"))["data"] == {"released": True}


# Hanging up


async def test_nobody_waits_for_a_client_that_hung_up(autojump_clock: MockClock) -> None:
    async with talking() as talk:
        await talk.client.expect()
        await talk.client.send(wire.request("wait", "1", {}))
        await talk.door.begun.wait()
        await talk.client.stream.aclose()
        await talk.ended.wait()
        assert talk.door.cancelled == ["wait"]


async def test_what_is_sent_during_a_wait_is_answered_after_it(autojump_clock: MockClock) -> None:
    async with talking() as talk:
        await talk.client.expect()
        later = wire.encode(wire.request("echo", "2", {"a": 1}))
        await talk.client.send(wire.request("wait", "1", {}))
        await talk.door.begun.wait()
        await talk.client.stream.send_all(later[:7])
        await trio.testing.wait_all_tasks_blocked()
        await talk.client.stream.send_all(later[7:] + later)
        await trio.testing.wait_all_tasks_blocked()
        talk.door.released.set()
        answers = [await talk.client.expect() for _ in range(3)]
        assert [answer["request_id"] for answer in answers] == ["1", "2", "2"]
        assert [answer["data"] for answer in answers] == [{"released": True}, {"a": 1}, {"a": 1}]


async def test_a_client_that_hangs_up_after_sending_ahead_is_noticed(
    autojump_clock: MockClock,
) -> None:
    async with talking() as talk:
        await talk.client.expect()
        await talk.client.send(wire.request("wait", "1", {}))
        await talk.door.begun.wait()
        await talk.client.send(wire.request("echo", "2", {}))
        await talk.client.stream.aclose()
        await talk.ended.wait()
        assert (talk.door.cancelled, talk.door.done) == (["wait"], [])


async def test_what_is_read_ahead_during_a_wait_is_bounded(autojump_clock: MockClock) -> None:
    async with talking(pair=lockstep_stream_pair) as talk, trio.open_nursery() as nursery:
        await talk.client.expect()
        await talk.client.send(wire.request("wait", "0", {}))
        await talk.door.begun.wait()
        sent = 0
        frame = wire.encode(wire.request("echo", "1", {"a": "x" * (CHUNK - 1000)}))

        async def flood() -> None:
            nonlocal sent
            for _ in range(40):
                await talk.client.stream.send_all(frame)
                sent += len(frame)

        nursery.start_soon(flood)
        await trio.testing.wait_all_tasks_blocked()
        assert wire.MAX_FRAME < sent < wire.MAX_FRAME + 2 * CHUNK
        talk.door.released.set()
        assert [(await talk.client.expect())["request_id"] for _ in range(41)] == ["0"] + 40 * ["1"]


async def test_a_command_is_finished_for_a_client_that_hung_up(autojump_clock: MockClock) -> None:
    async with talking() as talk:
        await talk.client.expect()
        await talk.client.send(wire.request("work", "1", {}))
        await talk.door.begun.wait()
        await talk.client.stream.aclose()
        await trio.testing.wait_all_tasks_blocked()
        assert not talk.ended.is_set()
        talk.door.released.set()
        await talk.ended.wait()
        assert [command for command, _args, _who in talk.door.done] == ["work"]
        assert talk.broken


async def test_half_a_request_and_the_end_is_no_request(autojump_clock: MockClock) -> None:
    async with talking() as talk:
        await talk.client.expect()
        await talk.client.stream.send_all(wire.encode(wire.request("echo", "1", {}))[:-1])
        await talk.client.stream.aclose()
        await talk.ended.wait()
        assert (talk.door.done, talk.broken) == ([], False)


# Leaving


async def test_an_idle_client_is_left_at_once(autojump_clock: MockClock) -> None:
    async with talking() as talk:
        await talk.client.expect()
        began = trio.current_time()
        talk.conversation.leave()
        assert await talk.client.ended()
        assert trio.current_time() == began


async def test_a_client_with_half_a_frame_is_left_at_once(autojump_clock: MockClock) -> None:
    async with talking() as talk:
        await talk.client.expect()
        await talk.client.stream.send_all(b"\0\0")
        await trio.testing.wait_all_tasks_blocked()
        began = trio.current_time()
        talk.conversation.leave()
        assert await talk.client.ended()
        assert trio.current_time() == began


async def test_a_client_that_was_not_greeted_yet_is_greeted_and_left(
    autojump_clock: MockClock,
) -> None:
    async with talking() as talk:
        talk.conversation.leave()
        assert (await talk.client.expect())["instance_id"] == "line-1"
        assert await talk.client.ended()


async def test_the_answer_under_way_is_given_before_leaving(autojump_clock: MockClock) -> None:
    async with talking() as talk:
        await talk.client.expect()
        await talk.client.send(wire.request("work", "1", {}), wire.request("echo", "2", {}))
        await talk.door.begun.wait()
        talk.conversation.leave()
        await trio.testing.wait_all_tasks_blocked()
        assert not talk.ended.is_set()
        talk.door.released.set()
        assert (await talk.client.expect())["data"] == {"released": True}
        assert await talk.client.ended()
        assert [command for command, _args, _who in talk.door.done] == ["work"]


async def test_who_waits_is_told_before_leaving(autojump_clock: MockClock) -> None:
    async with talking() as talk:
        await talk.client.expect()
        await talk.client.send(wire.request("wait", "1", {}))
        await talk.door.begun.wait()
        began = trio.current_time()
        talk.conversation.leave()
        answer = await talk.client.expect()
        assert (answer["request_id"], answer["error_code"]) == ("1", "not_ready")
        assert answer["error"] == "the service stops; ask again when it runs"
        assert await talk.client.ended()
        assert trio.current_time() == began
        assert talk.door.cancelled == ["wait"]


async def test_who_does_not_read_is_left_soon(autojump_clock: MockClock) -> None:
    async with talking(pair=lockstep_stream_pair) as talk:
        await talk.client.expect()
        await talk.client.send(wire.request("echo", "1", {}))
        await trio.testing.wait_all_tasks_blocked()
        began = trio.current_time()
        talk.conversation.leave()
        await talk.ended.wait()
        assert trio.current_time() - began == pytest.approx(LEAVING_SECONDS)


async def test_who_does_not_read_what_is_answered_while_leaving_is_left_soon(
    autojump_clock: MockClock,
) -> None:
    async with talking(pair=lockstep_stream_pair) as talk:
        await talk.client.expect()
        await talk.client.send(wire.request("work", "1", {}))
        await talk.door.begun.wait()
        talk.conversation.leave()
        talk.door.released.set()
        began = trio.current_time()
        await talk.ended.wait()
        assert trio.current_time() - began == pytest.approx(LEAVING_SECONDS)


async def test_a_cancelled_conversation_cancels_its_command(autojump_clock: MockClock) -> None:
    async with talking() as talk:
        await talk.client.expect()
        await talk.client.send(wire.request("work", "1", {}))
        await talk.door.begun.wait()
    assert talk.door.cancelled == ["work"]


# How much


async def test_who_asks_too_fast_is_told_when_to_come_again(autojump_clock: MockClock) -> None:
    async with talking(limiter=Limiter(100, 20)) as talk:
        await talk.client.expect()
        for _ in range(20):
            assert (await talk.client.ask("ping"))["success"]
        refused = await talk.client.ask("ping")
        assert (refused["success"], refused["error_code"]) == (False, "rate_limited")
        assert refused["retry_after"] == pytest.approx(0.6)
        await trio.sleep(refused["retry_after"])
        assert (await talk.client.ask("ping"))["success"]
        assert (await talk.client.ask("ping"))["error_code"] == "rate_limited"

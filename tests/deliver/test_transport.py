"""Both transports against a real server that misbehaves in every way; one suite for the two."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
import trio
import trio.testing

from pywats_trio.deliver.transport import (
    KEEP_IDLE,
    MAX_ANSWER,
    FailureKind,
    Phase,
    TransportError,
)
from tests.deliver.asking import (
    answer_of,
    failure,
    linked,
    make,
    post,
    using,
)
from tests.deliver.loopback import (
    Seen,
    close,
    hang,
    http,
    serving,
    then_close,
    then_hang,
    then_reset,
    wats,
)


async def test_the_body_goes_out_unchanged_with_its_headers(kind: str) -> None:
    body = bytes(range(256)) * 3
    async with serving() as server:
        url = f"http://127.0.0.1:{server.port}"
        async with using(make(kind, url)) as transport:
            assert (await post(transport, body)).status == 200
    (seen,) = server.requests
    assert (seen.method, seen.target, seen.body) == ("POST", "/wats/api/Report/WSJF", body)
    assert seen.headers["host"] == f"127.0.0.1:{server.port}"
    assert seen.headers["authorization"] == "Basic abc="
    assert seen.headers["content-type"] == "application/json"
    assert seen.headers["content-length"] == str(len(body))
    assert seen.headers["accept-encoding"] == "identity"
    assert "transfer-encoding" not in seen.headers


@pytest.mark.parametrize("size", [0, 64 * 1024 - 1, 64 * 1024, 64 * 1024 + 1, 3_000_000])
async def test_bodies_of_every_size_arrive_whole(kind: str, size: int) -> None:
    async with linked(kind, lambda _seen: http(200)) as (server, transport):
        await post(transport, b"x" * size)
    assert [len(seen.body) for seen in server.requests] == [size]


async def test_a_request_without_a_body_has_no_length(kind: str) -> None:
    async with linked(kind, wats) as (server, transport):
        answer = await transport.request("GET", "/api/App/Version", None, {})
    assert answer.body == b'"2025.3.9.824"'
    assert "content-length" not in server.requests[0].headers


async def test_one_connection_is_kept_for_one_sender(kind: str) -> None:
    async with linked(kind, wats) as (server, transport):
        for _ in range(5):
            await post(transport)
    assert server.connections == 1
    assert len(server.requests) == 5


async def test_senders_at_the_same_time_have_a_connection_each(kind: str) -> None:
    async with linked(kind, wats) as (server, transport):
        for _ in range(2):
            async with trio.open_nursery() as nursery:
                for _ in range(3):
                    nursery.start_soon(post, transport)
    assert server.connections <= 3
    assert len(server.requests) == 6


@pytest.mark.parametrize(
    "answer",
    [
        http(200, b"{}", "Connection: close"),
        http(200, b"{}", version="1.0"),
        http(200, b"{}", "Connection: close", length=False),
    ],
)
async def test_a_connection_that_may_not_be_kept_is_not_kept(kind: str, answer: bytes) -> None:
    async with linked(kind, lambda _seen: then_close(answer)) as (server, transport):
        for _ in range(3):
            assert (await post(transport)).body == b"{}"
    assert server.connections == 3
    assert len(server.requests) == 3


async def test_a_connection_closed_while_idle_is_replaced_without_a_word(kind: str) -> None:
    async with linked(kind, lambda _seen: then_close(http(200, b"{}"))) as (server, transport):
        for _ in range(3):
            assert (await post(transport)).status == 200
            await trio.testing.wait_all_tasks_blocked()
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n" + http(200, b"{}"),
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 5 + http(200, b"{}"),
        http(200, b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", "Transfer-Encoding: chunked", length=False),
    ],
)
async def test_interim_and_chunked_answers_are_read(kind: str, raw: bytes) -> None:
    answer = await answer_of(kind, lambda _seen: raw)
    assert (answer.status, answer.body) == (200, b"{}")


async def test_a_slow_answer_in_single_bytes_is_read(kind: str) -> None:
    async def trickle(stream: trio.abc.Stream) -> bool:
        for byte in http(200, b"{}"):
            await stream.send_all(bytes([byte]))
        return True

    assert (await answer_of(kind, lambda _seen: trickle)).body == b"{}"


async def test_header_names_are_lower_case(kind: str) -> None:
    answer = await answer_of(kind, lambda _seen: http(429, b"", "RETRY-After: 7"))
    assert (answer.status, answer.headers["retry-after"]) == (429, "7")


async def test_a_redirect_is_an_answer(kind: str) -> None:
    async with linked(kind, lambda _seen: http(302, b"", "Location: /login")) as (
        server,
        transport,
    ):
        assert (await post(transport)).status == 302
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "reply",
    [
        close,
        then_close(b"HTTP/1.1 200 OK\r\nContent-"),
        then_close(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{"),
        then_reset(b""),
        then_reset(b"HTTP/1.1 200 OK\r\n"),
        then_close(http(200, b"5\r\n{", "Transfer-Encoding: chunked", length=False)),
        b"SMTP ready\r\n\r\n",
        http(200, b"zz\r\n", "Transfer-Encoding: chunked", length=False),
        http(200, b"{}", "X: " + "y" * 200_000),
        http(200, b"", "Content-Length: -1", length=False),
        http(200, b"", "Content-Length: 5", "Content-Length: 6", length=False),
    ],
    ids=[
        "none",
        "head",
        "body",
        "reset",
        "reset in head",
        "chunk",
        "garbage",
        "size",
        "huge head",
        "negative",
        "two",
    ],
)
async def test_a_damaged_or_cut_answer_is_a_protocol_failure(kind: str, reply: Any) -> None:
    error = await failure(kind, lambda _seen: reply)
    assert error.kind is FailureKind.PROTOCOL
    assert "127.0.0.1" in str(error)


@pytest.mark.parametrize("size", [MAX_ANSWER - 1, MAX_ANSWER])
async def test_an_answer_up_to_a_mebibyte_is_read(kind: str, size: int) -> None:
    answer = await answer_of(kind, lambda _seen: http(200, b"x" * size))
    assert len(answer.body) == size


@pytest.mark.parametrize("length", [True, False])
async def test_a_longer_answer_is_a_protocol_failure(kind: str, length: bool) -> None:
    raw = http(200, b"x" * (MAX_ANSWER + 1), length=length)
    error = await failure(kind, lambda _seen: then_close(raw))
    assert error.kind is FailureKind.PROTOCOL


@pytest.mark.parametrize("reply", [hang, then_hang(http(200, b"{}")[:-1]), then_hang(b"HTTP/1")])
async def test_no_answer_in_time_is_a_timeout_of_the_reading(kind: str, reply: Any) -> None:
    error = await failure(kind, lambda _seen: reply, timeout=0.2)
    assert (error.kind, error.phase) == (FailureKind.TIMEOUT, Phase.READ)


async def test_an_answer_that_trickles_in_does_not_hold_a_sender(kind: str) -> None:
    async def drip(stream: trio.abc.Stream) -> bool:
        while True:
            await stream.send_all(b"HTTP/1.1 103 Early Hints\r\n\r\n")
            with trio.move_on_after(0.05):  # the server's own pace, nothing is waited for
                await trio.sleep_forever()

    error = await failure(kind, lambda _seen: drip, timeout=0.2)
    assert (error.kind, error.phase) == (FailureKind.TIMEOUT, Phase.READ)


async def test_a_server_that_does_not_read_is_a_timeout_of_the_writing(kind: str) -> None:
    with trio.socket.socket() as listener:
        await listener.bind(("127.0.0.1", 0))
        listener.listen()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with using(make(kind, url, timeout=0.2)) as transport:
            with pytest.raises(TransportError) as caught:
                await post(transport, b"x" * 30_000_000)
    assert (caught.value.kind, caught.value.phase) == (FailureKind.TIMEOUT, Phase.WRITE)


async def test_an_early_answer_to_a_body_that_is_not_read_is_heard() -> None:
    connections = 0

    async def refuse(stream: trio.SocketStream) -> None:
        nonlocal connections
        connections += 1
        await stream.receive_some(1)
        await stream.send_all(http(413))  # and closing with unread data resets

    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, refuse, [listener])
        url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
        async with using(make("post", url)) as transport:
            for _ in range(2):
                assert (await post(transport, b"x" * 30_000_000)).status == 413
        nursery.cancel_scope.cancel()
    assert connections == 2


async def test_what_a_server_says_on_an_idle_connection_is_no_answer() -> None:
    idle, said = trio.Event(), trio.Event()

    async def answer_and_hang_up(stream: trio.abc.Stream) -> bool:
        await stream.send_all(http(200, b"{}"))
        await idle.wait()
        await stream.send_all(http(408))
        said.set()
        await trio.sleep_forever()

    def answer(seen: Seen) -> Any:
        return answer_and_hang_up if seen.connection == 1 else http(200, b"{}")

    async with linked("post", answer) as (server, transport):
        await post(transport)
        idle.set()
        await said.wait()
        assert (await post(transport)).status == 200
    assert [seen.connection for seen in server.requests] == [1, 2]


async def test_a_connection_reset_while_the_body_is_written_is_a_protocol_failure(
    kind: str,
) -> None:
    async def refuse(stream: trio.SocketStream) -> None:
        await stream.receive_some(1)  # closing with unread data resets

    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, refuse, [listener])
        url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
        async with using(make(kind, url)) as transport:
            with pytest.raises(TransportError) as caught:
                await post(transport, b"x" * 30_000_000)
        nursery.cancel_scope.cancel()
    assert caught.value.kind is FailureKind.PROTOCOL


async def test_nobody_listening_is_a_connect_failure(kind: str) -> None:
    with trio.socket.socket() as unused:
        await unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        async with using(make(kind, url)) as transport:
            with pytest.raises(TransportError, match=r"no connection to 127\.0\.0\.1") as caught:
                await post(transport)
    assert (caught.value.kind, caught.value.phase) == (FailureKind.CONNECT, Phase.CONNECT)


async def test_an_unknown_host_is_a_connect_failure(kind: str) -> None:
    async with using(make(kind, "http://no-such-host.invalid")) as transport:
        with pytest.raises(TransportError, match="no-such-host") as caught:
            await post(transport)
    assert caught.value.kind is FailureKind.CONNECT


async def test_a_full_backlog_is_a_timeout_of_the_connecting(kind: str) -> None:
    with contextlib.ExitStack() as sockets:
        listener = sockets.enter_context(trio.socket.socket())
        await listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        waiting = [sockets.enter_context(trio.socket.socket()) for _ in range(4)]
        with trio.move_on_after(0.2):  # the kernel takes one or two, the others never get through
            async with trio.open_nursery() as nursery:
                for client in waiting:
                    nursery.start_soon(client.connect, address)
        async with using(make(kind, f"http://127.0.0.1:{address[1]}", timeout=0.2)) as transport:
            with pytest.raises(TransportError) as caught:
                await post(transport)
    assert (caught.value.kind, caught.value.phase) == (FailureKind.TIMEOUT, Phase.CONNECT)


async def test_a_cancelled_request_closes_its_connection(kind: str) -> None:
    gone = trio.Event()

    async def until_gone(stream: trio.abc.Stream) -> bool:
        with contextlib.suppress(trio.BrokenResourceError):
            await stream.receive_some(1)
        gone.set()
        return False

    async with linked(kind, lambda _seen: until_gone) as (server, transport):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(post, transport)
            while not server.requests:
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
        with trio.fail_after(5):
            await gone.wait()


# What only the own path does


async def test_a_kept_connection_that_dies_under_the_request_is_retried_once() -> None:
    def answer(seen: Seen) -> Any:
        first_on_later = seen.connection == 1 and len(server.requests) > 1
        return close if first_on_later else http(200, b"{}")

    async with linked("post", answer) as (server, transport):
        await post(transport)
        assert (await post(transport)).status == 200
    assert [seen.connection for seen in server.requests] == [1, 1, 2]
    assert server.requests[1].body == server.requests[2].body


async def test_the_retry_on_a_fresh_connection_is_the_last() -> None:
    def answer(_seen: Seen) -> Any:
        return close if len(server.requests) > 1 else http(200, b"{}")

    async with linked("post", answer) as (server, transport):
        await post(transport)
        with pytest.raises(TransportError, match="without an answer") as caught:
            await post(transport)
    assert caught.value.kind is FailureKind.PROTOCOL
    assert len(server.requests) == 3


async def test_a_fresh_connection_is_not_retried() -> None:
    async with linked("post", lambda _seen: close) as (server, transport):
        with pytest.raises(TransportError):
            await post(transport)
    assert len(server.requests) == 1


async def test_once_a_byte_of_the_answer_came_nothing_is_retried() -> None:
    def answer(_seen: Seen) -> Any:
        return then_close(b"H") if len(server.requests) > 1 else http(200, b"{}")

    async with linked("post", answer) as (server, transport):
        await post(transport)
        with pytest.raises(TransportError):
            await post(transport)
    assert len(server.requests) == 2


@pytest.mark.parametrize(("seconds", "connections"), [(KEEP_IDLE - 1, 1), (KEEP_IDLE + 1, 2)])
async def test_a_connection_idle_for_too_long_is_replaced(
    seconds: float, connections: int, mock_clock: trio.testing.MockClock
) -> None:
    async with linked("post", wats) as (server, transport):
        await post(transport)
        mock_clock.jump(seconds)
        await post(transport)
    assert server.connections == connections


async def test_a_token_that_is_no_header_is_said_so() -> None:
    async with using(make("post", "http://127.0.0.1:9")) as transport:
        with pytest.raises(TransportError, match=r"server\.token"):
            await transport.request("GET", "/", None, {"Authorization": "Basic a\nb"})


async def test_bytes_beyond_the_answer_are_never_taken_for_the_next_one() -> None:
    forged = http(200, b'{"forged":1}')
    async with linked("post", lambda _seen: http(200, b"{}") + forged) as (server, transport):
        for _ in range(3):
            assert (await post(transport)).body == b"{}"
    assert server.connections == 3

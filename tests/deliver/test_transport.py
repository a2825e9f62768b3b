"""Both transports against a real server that misbehaves in every way; one suite for the two."""

from __future__ import annotations

import contextlib
import ssl
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing
import trustme
from attrs import frozen

from pywats_trio.deliver.api import HttpxTransport
from pywats_trio.deliver.post import PostTransport
from pywats_trio.deliver.transport import (
    KEEP_IDLE,
    MAX_ANSWER,
    Answer,
    FailureKind,
    Phase,
    Transport,
    TransportError,
    parse_address,
)
from pywats_trio.deliver.trust import Trust
from pywats_trio.errors import ConfigError
from tests.deliver.loopback import (
    Loopback,
    Seen,
    close,
    hang,
    http,
    serving,
    then_close,
    then_hang,
    wats,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

HEADERS = {"Authorization": "Basic abc=", "Content-Type": "application/json"}
BODY = b'{"id":"0b9f6c1e-0000-4000-8000-00000000000a"}'


def make(
    kind: str, url: str, *, timeout: float = 5.0, trust: Trust | None = None, proxy: str = ""
) -> Transport:
    trust = trust or Trust()
    if kind == "post":
        return PostTransport(parse_address(url), timeout=timeout, trust=trust)
    return HttpxTransport(
        parse_address(url), timeout=timeout, trust=trust, max_connections=4, proxy=proxy
    )


@contextlib.asynccontextmanager
async def using(transport: Transport) -> AsyncIterator[Transport]:
    try:
        yield transport
    finally:
        await transport.aclose()


@contextlib.asynccontextmanager
async def linked(
    kind: str, answer: Callable[[Seen], Any], **options: Any
) -> AsyncIterator[tuple[Loopback, Transport]]:
    """A server and a transport to it."""
    async with serving(answer) as server:
        url = f"http://127.0.0.1:{server.port}"
        async with using(make(kind, url, **options)) as transport:
            yield server, transport


@pytest.fixture(params=["post", "httpx"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def post(transport: Transport, body: bytes = BODY) -> Answer:
    return await transport.request("POST", "/wats/api/Report/WSJF", body, HEADERS)


async def failure(kind: str, answer: Callable[[Seen], Any], **options: Any) -> TransportError:
    """What a single POST to such a server raises."""
    async with linked(kind, answer, **options) as (server, transport):
        with pytest.raises(TransportError) as caught:
            await post(transport)
    return caught.value


async def answer_of(kind: str, answer: Callable[[Seen], Any], body: bytes = BODY) -> Answer:
    async with linked(kind, answer) as (server, transport):
        return await post(transport, body)


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
        then_close(http(200, b"5\r\n{", "Transfer-Encoding: chunked", length=False)),
        b"SMTP ready\r\n\r\n",
        http(200, b"zz\r\n", "Transfer-Encoding: chunked", length=False),
        http(200, b"{}", "X: " + "y" * 200_000),
        http(200, b"", "Content-Length: -1", length=False),
        http(200, b"", "Content-Length: 5", "Content-Length: 6", length=False),
    ],
    ids=["none", "head", "body", "chunk", "garbage", "size", "huge head", "negative", "two"],
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
    async def refuse(stream: trio.SocketStream) -> None:
        # Reads everything after answering, as nginx does, so that no reset drops the answer.
        await stream.send_all(http(413, b"", "Connection: close"))
        await stream.send_eof()
        async for _ in stream:
            pass

    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, refuse, [listener])
        url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
        async with using(make("post", url)) as transport:
            assert (await post(transport, b"x" * 2_000_000)).status == 413
        nursery.cancel_scope.cancel()


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


# TLS


@frozen
class Authority:
    ca: trustme.CA
    file: Path

    def server(self, *names: str, **options: Any) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.ca.issue_cert(*names, **options).configure_cert(context)
        return context


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    ca = trustme.CA()
    file = tmp_path_factory.mktemp("ca") / "ca.pem"
    ca.cert_pem.write_to_path(str(file))
    return Authority(ca, file)


async def test_tls_with_an_own_authority_delivers_and_keeps_the_connection(
    kind: str, authority: Authority
) -> None:
    async with serving(wats, authority.server("127.0.0.1")) as server:
        url = f"https://127.0.0.1:{server.port}"
        async with using(make(kind, url, trust=Trust(ca_file=authority.file))) as transport:
            for _ in range(3):
                assert (await post(transport)).status == 200
    assert server.connections == 1


async def tls_failure(kind: str, tls: ssl.SSLContext, trust: Trust) -> TransportError:
    async with serving(wats, tls) as server:
        url = f"https://127.0.0.1:{server.port}"
        async with using(make(kind, url, trust=trust)) as transport:
            with pytest.raises(TransportError) as caught:
                await post(transport)
    assert server.requests == []
    return caught.value


async def test_another_hosts_certificate_is_refused(kind: str, authority: Authority) -> None:
    trust = Trust(ca_file=authority.file)
    error = await tls_failure(kind, authority.server("other.example"), trust)
    assert (error.kind, error.phase) == (FailureKind.TLS, Phase.TLS)
    assert "127.0.0.1" in str(error)


async def test_an_expired_certificate_is_refused(kind: str, authority: Authority) -> None:
    now = datetime.now(UTC)
    expired = authority.server(
        "127.0.0.1", not_before=now - timedelta(9), not_after=now - timedelta(1)
    )
    error = await tls_failure(kind, expired, Trust(ca_file=authority.file))
    assert error.kind is FailureKind.TLS
    assert "expired" in str(error)


async def test_an_unknown_authority_is_refused(kind: str, authority: Authority) -> None:
    error = await tls_failure(kind, authority.server("127.0.0.1"), Trust())
    assert error.kind is FailureKind.TLS


async def test_verify_tls_false_takes_any_certificate(kind: str, authority: Authority) -> None:
    async with serving(wats, authority.server("other.example")) as server:
        url = f"https://127.0.0.1:{server.port}"
        async with using(make(kind, url, trust=Trust(verify=False))) as transport:
            assert (await post(transport)).status == 200


async def test_plain_http_on_the_tls_port_is_a_tls_failure(kind: str) -> None:
    async def answer_hello(stream: trio.SocketStream) -> None:
        await stream.receive_some(1)
        await stream.send_all(http(400))

    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, answer_hello, [listener])
        url = f"https://127.0.0.1:{listener.socket.getsockname()[1]}"
        async with using(make(kind, url, trust=Trust(verify=False))) as transport:
            with pytest.raises(TransportError) as caught:
                await post(transport)
        nursery.cancel_scope.cancel()
    assert caught.value.kind is FailureKind.TLS


async def test_a_handshake_without_an_answer_is_a_timeout() -> None:
    with trio.socket.socket() as listener:
        await listener.bind(("127.0.0.1", 0))
        listener.listen()
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        trust = Trust(verify=False)
        async with using(make("post", url, timeout=0.2, trust=trust)) as transport:
            with pytest.raises(TransportError) as caught:
                await post(transport)
    assert (caught.value.kind, caught.value.phase) == (FailureKind.TIMEOUT, Phase.TLS)


@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_an_unusable_ca_file_is_named(kind: str, content: str | None, tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    async with using(make(kind, "https://127.0.0.1:9", trust=Trust(ca_file=file))) as transport:
        with pytest.raises(TransportError, match=r"ca\.pem") as caught:
            await post(transport)
    assert caught.value.kind is FailureKind.TLS


async def test_a_tls_connection_closed_while_idle_is_replaced(authority: Authority) -> None:
    answer = partial(then_close, http(200, b"{}"))
    tls = authority.server("127.0.0.1")
    async with serving(lambda _seen: answer(), tls) as server:
        url = f"https://127.0.0.1:{server.port}"
        async with using(make("post", url, trust=Trust(ca_file=authority.file))) as transport:
            for _ in range(3):
                assert (await post(transport)).status == 200
                await trio.testing.wait_all_tasks_blocked()
    assert len(server.requests) == 3


async def test_the_context_is_made_once(authority: Authority) -> None:
    trust = Trust(ca_file=authority.file)
    assert await trust.context() is await trust.context()


# Proxies and addresses


async def test_a_proxy_gets_the_request() -> None:
    async with serving(lambda _seen: http(200, b"{}")) as proxy:
        transport = make(
            "httpx", "http://wats.invalid", proxy=f"http://user:word@127.0.0.1:{proxy.port}"
        )
        async with using(transport):
            assert (await post(transport)).status == 200
    assert proxy.requests[0].target == "http://wats.invalid/wats/api/Report/WSJF"
    assert "proxy-authorization" in proxy.requests[0].headers


async def test_a_proxy_that_refuses_the_tunnel_is_a_connect_failure() -> None:
    async with serving(lambda _seen: http(403)) as proxy:
        transport = make("httpx", "https://wats.invalid", proxy=f"http://127.0.0.1:{proxy.port}")
        async with using(transport):
            with pytest.raises(TransportError) as caught:
                await post(transport)
    assert caught.value.kind is FailureKind.CONNECT
    assert proxy.requests[0].method == "CONNECT"


async def test_a_proxy_behind_tls_is_checked_like_the_server(authority: Authority) -> None:
    async with serving(lambda _seen: http(200, b"{}"), authority.server("127.0.0.1")) as proxy:
        url = f"https://127.0.0.1:{proxy.port}"
        trust = Trust(ca_file=authority.file)
        async with using(make("httpx", "http://wats.invalid", trust=trust, proxy=url)) as transport:
            assert (await post(transport)).status == 200
        async with using(make("httpx", "http://wats.invalid", proxy=url)) as transport:
            with pytest.raises(TransportError) as caught:
                await post(transport)
    assert caught.value.kind is FailureKind.TLS


async def test_an_unusable_proxy_is_said_without_its_password() -> None:
    async with using(make("httpx", "http://127.0.0.1:9", proxy="gopher://u:word@p")) as transport:
        with pytest.raises(TransportError, match=r"server\.proxy") as caught:
            await post(transport)
    assert "word" not in str(caught.value)


async def test_the_environment_does_not_choose_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert (await answer_of("httpx", lambda _seen: http(200))).status == 200


@pytest.mark.parametrize(
    ("url", "authority_", "port", "base"),
    [
        ("https://wats.example.com", "wats.example.com", 443, ""),
        ("https://wats.example.com/", "wats.example.com", 443, ""),
        ("https://wats.example.com/api/", "wats.example.com", 443, ""),
        ("http://wats.example.com/api", "wats.example.com", 80, ""),
        ("http://wats.example.com:8080/site/api", "wats.example.com:8080", 8080, "/site"),
        ("http://[::1]:81/", "[::1]:81", 81, ""),
        ("https://bücher.example", "xn--bcher-kva.example", 443, ""),
    ],
)
def test_addresses_are_taken_apart(url: str, authority_: str, port: int, base: str) -> None:
    address = parse_address(url)
    assert (address.authority, address.port, address.base_path) == (authority_, port, base)


@pytest.mark.parametrize("url", ["", "wats.example.com", "ftp://x", "http://", "http://x:99999"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match=r"server\.url"):
        parse_address(url)

"""Certificates, proxies and addresses, for both transports."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing
import trustme
from attrs import frozen

from pywats_trio.deliver.transport import (
    FailureKind,
    Phase,
    TransportError,
    parse_address,
)
from pywats_trio.deliver.trust import Trust
from pywats_trio.errors import ConfigError
from tests.deliver.asking import (
    answer_of,
    make,
    post,
    using,
)
from tests.deliver.loopback import (
    http,
    serving,
    then_close,
    wats,
)

if TYPE_CHECKING:
    from pathlib import Path


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

"""What pre-flight says of the server: a warning in its own words, and never late."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
from attrs import evolve

from pywats_trio.config.options import Config, ServerOptions
from pywats_trio.service import preflight
from tests.deliver.loopback import Loopback, hang, http, serving, wats
from tests.deliver.test_tls import authority  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pywats_trio.service.preflight import Finding
    from tests.deliver.loopback import Reply, Seen
    from tests.deliver.test_tls import Authority


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path


async def of_server(base: Path, server: ServerOptions, seconds: float = 10) -> list[Finding]:
    config = Config(data_dir=base / "data", server=server)
    findings = await preflight.examine(config, server_seconds=seconds)
    found = [one for one in findings if one.check == "server"]
    assert {one.severity for one in found} <= {"warning"}
    return found


def at(server: Loopback, **more: Any) -> ServerOptions:
    return ServerOptions(**{"url": f"http://127.0.0.1:{server.port}", "token": "dG9r", **more})


async def test_a_server_that_answers_as_one_is_well(base: Path) -> None:
    async with serving(wats) as server:
        assert await of_server(base, at(server)) == []
    [seen] = server.requests
    assert (seen.method, seen.target) == ("GET", "/api/App/Version")
    assert seen.headers["authorization"] == "Basic dG9r"


def answering(reply: Reply) -> Callable[[Seen], Reply]:
    return lambda _seen: reply


@pytest.mark.parametrize(
    ("reply", "message", "hint"),
    [
        (http(401), "the server does not accept the token (401)", "check server.token"),
        (http(200, b"<html>hello</html>"), "the address answers, but not", "check server.url"),
        (http(404), "there is no WATS server at this address (404)", "check server.url"),
        (http(503), "the server cannot work at the moment (503)", "look at the server's log"),
    ],
)
async def test_a_server_that_is_not_well_is_a_warning(
    reply: bytes, message: str, hint: str, base: Path
) -> None:
    async with serving(answering(reply)) as server:
        [one] = await of_server(base, at(server))
    assert one.message.startswith(message)
    assert one.hint.startswith(hint)
    assert one.subject == f"http://127.0.0.1:{server.port}"


async def test_a_server_that_is_not_there_is_a_warning(base: Path) -> None:
    [one] = await of_server(base, ServerOptions(url="http://127.0.0.1:9", token="dG9r"))
    assert one.message.startswith("no connection to 127.0.0.1:9")


async def test_a_certificate_that_is_not_trusted_is_a_warning(
    base: Path,
    authority: Authority,  # noqa: F811
) -> None:
    async with serving(wats, authority.server("127.0.0.1")) as server:
        url = f"https://127.0.0.1:{server.port}"
        [one] = await of_server(base, at(server, url=url))
        assert one.message.startswith("no secure connection to")
        assert "server.ca_file" in one.hint
        assert await of_server(base, at(server, url=url, ca_file=authority.file)) == []


async def test_a_server_that_does_not_answer_is_not_waited_for(base: Path) -> None:
    async with serving(answering(hang)) as server:
        with trio.fail_after(10):
            [one] = await of_server(base, at(server), seconds=0.2)
    assert "has not answered yet" in one.message


async def test_without_an_address_or_a_token_reports_wait(base: Path) -> None:
    [one] = await of_server(base, ServerOptions())
    assert one.message.startswith("no server.url is set")
    async with serving(wats) as server:
        [one] = await of_server(base, at(server, token=""))
    assert one.message.startswith("no token is set")


async def test_an_address_that_is_none_is_an_error(base: Path) -> None:
    server = ServerOptions(url="ftp://wats", token="dG9r")
    findings = await preflight.examine(
        Config(data_dir=base / "data", server=server), server_seconds=0.2
    )
    [one] = [finding for finding in findings if finding.check == "server"]
    assert (one.severity, one.exit_code) == ("error", 20)


async def test_at_a_reload_a_changed_server_is_asked(base: Path) -> None:
    async with serving(answering(http(401))) as server:
        before = Config(data_dir=base / "data", server=at(server, token="b2xk"))
        after = evolve(before, server=at(server))
        [one] = await preflight.examine(after, before=before, server_seconds=10)
    assert one.check == "server"
    assert len(server.requests) == 1

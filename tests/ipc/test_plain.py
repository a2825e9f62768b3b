"""The blocking client, against the service and against others that answer in its place."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import pkgutil
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
import trio

import pywats_trio
from pywats_trio import errors
from pywats_trio.ipc import plain, wire
from pywats_trio.ipc.bind import bind
from pywats_trio.ipc.plain import PlainClient, error_of
from tests.ipc.kit import site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HEAVY = {
    "trio",
    "httpx",
    "asyncio",
    "apsw",
    "structlog",
    "attrs",
    "attr",
    "cattrs",
    "prometheus_client",
    "psutil",
    "pywats_trio.commands",
    "pywats_trio.observe",
    "pywats_trio.config",
}
HELLO = wire.hello("line-1", "1.2.3", requires_auth=False)


# With the service


async def test_it_is_greeted_and_answered(tmp_path: Path) -> None:
    def talk(path: Path) -> tuple[str, dict[str, Any], dict[str, Any]]:
        with PlainClient(path) as client:
            return client.hello["instance_id"], client.ask("echo", {"a": 1}), client.ask("echo")

    async with site(tmp_path) as served:
        told = await trio.to_thread.run_sync(talk, served.path)
        assert told == ("line-1", {"a": 1}, {})


async def test_a_refusal_is_raised_and_the_connection_stays(tmp_path: Path) -> None:
    def talk(path: Path) -> dict[str, Any]:
        with PlainClient(path) as client:
            with pytest.raises(errors.NotReady, match=r"^not now; ask again$"):
                client.ask("refuse")
            with pytest.raises(errors.FrameError, match="does not fit into a frame"):
                client.ask("echo", {"a": "x" * wire.MAX_FRAME})
            return client.ask("echo", {"a": 1})

    async with site(tmp_path) as served:
        assert await trio.to_thread.run_sync(talk, served.path) == {"a": 1}


async def test_it_asks_again_where_it_was_too_fast(tmp_path: Path) -> None:
    def talk(path: Path) -> int:
        with PlainClient(path) as client:
            answers = [client.ask_patiently("echo", {"n": n}) for n in range(4)]
        return sum(answer["n"] for answer in answers)

    async with site(tmp_path, burst=1, requests_per_minute=3000) as served:
        assert await trio.to_thread.run_sync(talk, served.path) == 6
        assert len(served.door.done) == 4


async def test_impatient_it_is_told_when_to_come_again(tmp_path: Path) -> None:
    def talk(path: Path) -> float:
        with PlainClient(path) as client:
            client.ask("echo")
            with pytest.raises(errors.RateLimited) as caught:
                client.ask("echo")
            return caught.value.retry_after

    async with site(tmp_path, burst=1, requests_per_minute=1) as served:
        assert 0 < await trio.to_thread.run_sync(talk, served.path) <= 60


async def test_a_service_that_leaves_no_room_is_told_from_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plain, "HELLO_SECONDS", 0.05)
    async with site(tmp_path, max_connections=1) as served:
        await served.greeted()
        with pytest.raises(errors.TookTooLong, match="all its connections are taken") as caught:
            await trio.to_thread.run_sync(PlainClient, served.path)
        assert caught.value.exit_code == 33


# With nobody


def test_where_nobody_answers_it_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(errors.NotRunning, match=r"no service answers at .* `pywats-trio run`"):
        PlainClient(tmp_path / "ipc.sock")


def test_what_a_dead_service_left_is_nobody(tmp_path: Path) -> None:
    path = tmp_path / "ipc.sock"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
    with pytest.raises(errors.NotRunning) as caught:
        PlainClient(path)
    assert caught.value.exit_code == 32


def test_a_path_that_is_too_long_is_nobody(tmp_path: Path) -> None:
    with pytest.raises(errors.NotRunning):
        PlainClient(tmp_path / ("x" * 200))


@pytest.mark.skipif(os.geteuid() != 0, reason="root can become another user")
def test_a_socket_of_another_user_is_named_as_such(tmp_path: Path) -> None:
    path = tmp_path / "ipc.sock"
    with contextlib.closing(bind(path)):
        pid = os.fork()
        if pid == 0:
            os._exit(code_as_nobody(path))
        _pid, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == errors.NotAllowed.exit_code


def code_as_nobody(path: Path) -> int:
    """The exit code of somebody else's attempt."""
    os.chdir(path.parent)
    os.setresuid(65_534, 65_534, 65_534)
    try:
        PlainClient(path)
    except errors.PywatsTrioError as error:
        return error.exit_code
    return 0


def test_a_full_backlog_is_a_busy_service(tmp_path: Path) -> None:
    path = tmp_path / "ipc.sock"
    with contextlib.ExitStack() as sockets:
        server = sockets.enter_context(socket.socket(socket.AF_UNIX))
        server.bind(str(path))
        server.listen(0)
        while True:
            client = sockets.enter_context(socket.socket(socket.AF_UNIX))
            client.setblocking(False)
            try:
                client.connect(str(path))
            except BlockingIOError:
                break
        with pytest.raises(errors.TookTooLong, match="it is busy"):
            PlainClient(path)


# With somebody else


@contextlib.contextmanager
def impostor(folder: Path, act: Callable[[socket.socket], None]) -> Iterator[Path]:
    """Somebody who accepts one client, does `act`, and hangs up."""
    path = folder / "ipc.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def run() -> None:
            conversation, _ = server.accept()
            with conversation:
                act(conversation)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield path
        finally:
            thread.join()


def asked(conversation: socket.socket) -> wire.Message:
    """The next request."""
    decoder = wire.Decoder()
    while (message := decoder.next_message()) is None:
        decoder.feed(conversation.recv(65_536))
    return message


def say(*messages: wire.Message, conversation: socket.socket) -> None:
    conversation.sendall(b"".join(map(wire.encode, messages)))


def until_hung_up(conversation: socket.socket) -> None:
    while conversation.recv(65_536):
        pass


@pytest.mark.parametrize("said", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0\0\0\x02[]"])
def test_who_answers_and_is_no_service_is_named_as_such(said: bytes, tmp_path: Path) -> None:
    with (
        impostor(tmp_path, lambda conversation: conversation.sendall(said)) as path,
        pytest.raises(errors.FrameError, match="is no WATS service") as caught,
    ):
        PlainClient(path)
    assert caught.value.exit_code == 1


@pytest.mark.parametrize(
    ("version", "told"), [("3.0", "3.0"), ("1.0", "1.0"), (None, "1.0"), ("x", "x")]
)
def test_a_hello_of_another_protocol_is_refused(
    version: str | None, told: str, tmp_path: Path
) -> None:
    hello = {k: v for k, v in {**HELLO, "protocol_version": version}.items() if v}
    with (
        impostor(tmp_path, lambda c: say(hello, conversation=c)) as path,
        pytest.raises(errors.FrameError, match=rf"speaks protocol {told}, and this program 2\.1"),
    ):
        PlainClient(path)


@pytest.mark.parametrize("version", ["2.0", "2.1", "2.9"])
def test_a_hello_of_version_two_is_taken(version: str, tmp_path: Path) -> None:
    hello = {**HELLO, "protocol_version": version}
    with (
        impostor(tmp_path, lambda c: say(hello, conversation=c)) as path,
        PlainClient(path) as client,
    ):
        assert client.hello == hello


def test_who_hangs_up_instead_of_a_hello_is_nobody(tmp_path: Path) -> None:
    with (
        impostor(tmp_path, lambda _conversation: None) as path,
        pytest.raises(errors.NotRunning),
    ):
        PlainClient(path)


def test_a_service_that_vanishes_in_the_middle_is_told(tmp_path: Path) -> None:
    def act(conversation: socket.socket) -> None:
        say(HELLO, conversation=conversation)
        asked(conversation)
        conversation.sendall(wire.encode(wire.success("1", {}))[:20])

    with (
        impostor(tmp_path, act) as path,
        PlainClient(path) as client,
        pytest.raises(errors.NotRunning, match="went away before it answered") as caught,
    ):
        client.ask("ping")
    assert caught.value.exit_code == 32


def test_a_service_that_vanished_before_the_question_is_told(tmp_path: Path) -> None:
    with impostor(tmp_path, lambda c: say(HELLO, conversation=c)) as path:
        client = PlainClient(path)
    with client:
        for _ in range(2):
            with pytest.raises(errors.NotRunning):
                client.ask("ping")


def test_a_service_that_does_not_answer_is_not_waited_for_longer(tmp_path: Path) -> None:
    def act(conversation: socket.socket) -> None:
        say(HELLO, conversation=conversation)
        until_hung_up(conversation)

    with (
        impostor(tmp_path, act) as path,
        PlainClient(path) as client,
        pytest.raises(errors.TookTooLong, match=r"no answer to 'ping' within 0\.05 s") as caught,
    ):
        client.ask("ping", seconds=0.05)
    assert caught.value.exit_code == 33


def test_other_answers_do_not_prolong_the_wait(tmp_path: Path) -> None:
    """A service that sends no end of what was not asked for."""

    def act(conversation: socket.socket) -> None:
        say(HELLO, conversation=conversation)
        with contextlib.suppress(OSError):
            while True:
                say(wire.success("another", {}), conversation=conversation)

    with (
        impostor(tmp_path, act) as path,
        PlainClient(path) as client,
        pytest.raises(errors.TookTooLong),
    ):
        client.ask("ping", seconds=0.1)


def test_a_service_that_does_not_read_is_not_waited_for_longer(tmp_path: Path) -> None:
    finished = threading.Event()

    def act(conversation: socket.socket) -> None:
        say(HELLO, conversation=conversation)
        finished.wait()

    with impostor(tmp_path, act) as path, PlainClient(path) as client:
        with pytest.raises(errors.TookTooLong):
            client.ask("echo", {"a": "x" * 1_000_000}, seconds=0.05)
        finished.set()


def test_the_answer_that_came_too_late_is_not_taken_for_the_next(tmp_path: Path) -> None:
    late = threading.Event()

    def act(conversation: socket.socket) -> None:
        say(HELLO, conversation=conversation)
        first = asked(conversation)
        late.wait()
        say(wire.success(first["request_id"], {"n": 1}), conversation=conversation)
        second = asked(conversation)
        say(wire.success(second["request_id"], {"n": 2}), conversation=conversation)

    with impostor(tmp_path, act) as path, PlainClient(path) as client:
        with pytest.raises(errors.TookTooLong):
            client.ask("ping", seconds=0.05)
        late.set()
        assert client.ask("ping") == {"n": 2}


def test_the_double_answers_of_pywats_are_dropped(tmp_path: Path) -> None:
    def act(conversation: socket.socket) -> None:
        say({**HELLO, "protocol_version": "2.0"}, conversation=conversation)
        for number in range(3):
            request_id = asked(conversation)["request_id"]
            answer = {
                "success": True,
                "data": {"n": number},
                "error": None,
                "request_id": request_id,
                "protocol_version": "2.0",
            }
            say(answer, answer, conversation=conversation)

    with impostor(tmp_path, act) as path, PlainClient(path) as client:
        assert [client.ask("ping") for _ in range(3)] == [{"n": 0}, {"n": 1}, {"n": 2}]


def test_a_refusal_of_pywats_has_only_a_sentence() -> None:
    error = error_of({"success": False, "data": None, "error": "Unknown command: x"})
    assert (str(error), error.exit_code) == ("Unknown command: x", 1)


# What an error code stands for


def all_codes() -> dict[str, int]:
    """The exit code of every class of this program's own that a service could answer with."""
    for found in pkgutil.walk_packages(pywats_trio.__path__, "pywats_trio."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
    codes: dict[str, int] = {}
    classes = [errors.PywatsTrioError]
    for kind in classes:
        classes += kind.__subclasses__()
        if kind.__module__.startswith("pywats_trio."):
            assert codes.setdefault(kind.code, kind.exit_code) == kind.exit_code, kind
    return codes


def test_every_code_of_the_program_comes_back_with_its_exit_code() -> None:
    asked_for = all_codes()
    assert asked_for.pop(errors.PartKeepsFailing.code) == 35  # ends a service, answers nothing
    told = {code: error_of(wire.failure("1", "no", code)).exit_code for code in asked_for}
    assert told == asked_for


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("not_ready", errors.NotReady),
        ("unauthorized", errors.NotAllowed),
        ("unknown_command", errors.UsageError),
        ("bad_request", errors.InvalidInputError),
        ("config", errors.ConfigError),
        ("reload_failed", errors.PywatsTrioError),
        ("internal", errors.PywatsTrioError),
        ("version", errors.PywatsTrioError),
        ("of a newer service", errors.PywatsTrioError),
        (None, errors.PywatsTrioError),
        (["odd"], errors.PywatsTrioError),
    ],
)
def test_a_code_comes_back_as_its_class_and_one_that_is_unknown_as_a_plain_error(
    code: Any, kind: type[errors.PywatsTrioError]
) -> None:
    error = error_of(wire.failure("1", "what to do", code))
    assert type(error) is kind
    assert str(error) == "what to do"


def test_the_wait_of_a_refusal_comes_back() -> None:
    error = error_of(wire.failure("1", "x", "rate_limited", retry_after=0.25))
    assert isinstance(error, errors.RateLimited)
    assert error.retry_after == 0.25


# What it costs


def test_it_loads_nothing_heavy() -> None:
    code = "import json, sys, pywats_trio.ipc.plain; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    loaded = set(json.loads(done.stdout))
    assert "pywats_trio.ipc.wire" in loaded
    assert not loaded & HEAVY

"""What a request is answered with: the order of the checks, who, and what of its failures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import structlog

from pywats_trio.commands.table import TABLE
from pywats_trio.ipc import wire
from pywats_trio.ipc.answers import LONGEST_ID, Answers
from pywats_trio.ipc.limits import Limiter
from pywats_trio.ipc.peer import Peer
from pywats_trio.observe.board import Board
from tests.ipc.kit import ME, STRANGER, Door

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trio.testing import MockClock


class Asked:
    """`Answers` as one peer sees them."""

    def __init__(self, peer: Peer = ME, burst: int = 1000) -> None:
        self.board, self.door, self.peer = Board("line-1", "1.2.3"), Door(), peer
        self._answers = Answers(self.door, self.board, Limiter(60, burst), frozenset({"wait"}))

    async def raw(self, message: Mapping[str, Any]) -> wire.Message:
        return only_message(await self._answers.to(dict(message), self.peer))

    async def ask(self, command: str, args: object = None, **more: object) -> wire.Message:
        request = {"command": command, "request_id": "1", "protocol_version": "2.1", "args": args}
        return await self.raw({**request, **more})

    def counted(self) -> dict[tuple[str, str], float]:
        """`pywats_ipc_requests_total` by command and outcome."""
        [metric] = self.board.metrics.ipc_requests.collect()
        return {
            (sample.labels["command"], sample.labels["outcome"]): sample.value
            for sample in metric.samples
            if sample.name.endswith("_total")
        }


def only_message(frame: bytes) -> wire.Message:
    decoder = wire.Decoder()
    decoder.feed(frame)
    message = decoder.next_message()
    assert message is not None
    assert decoder.next_message() is None
    return message


@pytest.mark.parametrize("version", ["2.0", "2.1", "2.9"])
async def test_a_version_from_two_on_is_served(version: str) -> None:
    assert (await Asked().ask("ping", protocol_version=version))["success"]


@pytest.mark.parametrize("version", ["1.9", "3.0", "nonsense"])
async def test_another_version_is_refused_as_pywats_does(version: str) -> None:
    answer = await Asked().ask("ping", protocol_version=version)
    assert answer["error"] == f"Protocol version {version} not supported. Minimum: 2.0"
    assert (answer["error_code"], answer["request_id"]) == ("version", "1")


async def test_a_request_without_a_version_is_refused_as_one_of_version_one() -> None:
    answer = await Asked().raw({"command": "ping"})
    assert answer["error"] == "Protocol version 1.0 not supported. Minimum: 2.0"
    assert answer["request_id"] == ""


async def test_the_version_is_looked_at_before_the_rate() -> None:
    asked = Asked(burst=1)
    for _ in range(3):
        assert (await asked.ask("ping", protocol_version="1.0"))["error_code"] == "version"
    assert (await asked.ask("ping"))["success"]


@pytest.mark.parametrize("command", ["ping", "auth", "echo", "no such thing", None])
async def test_the_rate_is_looked_at_before_the_command(
    command: str, autojump_clock: MockClock
) -> None:
    asked = Asked(burst=1)
    await asked.ask("ping")
    answer = await asked.ask(command)
    assert (answer["error_code"], answer["retry_after"]) == ("rate_limited", pytest.approx(1.0))


async def test_a_process_has_one_bucket_however_often_it_connects(
    autojump_clock: MockClock,
) -> None:
    asked = Asked(burst=1)
    await asked.ask("ping")
    asked.peer = Peer(ME.pid, ME.uid)
    assert (await asked.ask("ping"))["error_code"] == "rate_limited"
    asked.peer = Peer(ME.pid + 1, ME.uid)
    assert (await asked.ask("ping"))["success"]


# Who


async def test_a_stranger_may_ping_and_nothing_else() -> None:
    asked = Asked(STRANGER)
    assert (await asked.ask("ping"))["data"] == {"pong": True, "authenticated": False}
    for command in (*TABLE.keys() - {"ping"}, "echo", "no such thing"):
        answer = await asked.ask(command)
        assert answer["error"].startswith("Authentication required")
        assert (answer["success"], answer["error_code"]) == (False, "unauthorized")
    assert asked.door.done == []


async def test_the_services_own_user_is_known() -> None:
    asked = Asked()
    assert (await asked.ask("ping"))["data"] == {"pong": True, "authenticated": True}
    assert (await asked.ask("echo", {"a": 1}))["data"] == {"a": 1}
    assert asked.door.done == [("echo", {"a": 1}, ME.who)]


@pytest.mark.parametrize("args", [{"token": "f" * 64}, {}, None, [], "token"])
async def test_who_is_known_need_not_authenticate(args: object) -> None:
    answer = await Asked().ask("auth", args)
    assert answer["data"] == {"authenticated": True, "message": "Auth not required"}


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ({"token": "f" * 64}, "Invalid token"),
        ({"token": ""}, "Token required"),
        ({}, "Token required"),
        (None, "Token required"),
        ("token", "Token required"),
    ],
)
async def test_a_stranger_cannot_authenticate_yet(args: object, told: str) -> None:
    answer = await Asked(STRANGER).ask("auth", args)
    assert answer["error"].startswith(told)
    assert answer["data"] == {"authenticated": False}
    assert (answer["success"], answer["error_code"]) == (False, "unauthorized")


# What is no request


@pytest.mark.parametrize("request_id", ["", "7", 7, 0, "x" * LONGEST_ID])
async def test_a_request_id_comes_back_as_it_was(request_id: object) -> None:
    answer = await Asked().ask("echo", request_id=request_id)
    assert answer["success"]
    assert answer["request_id"] == request_id


@pytest.mark.parametrize("request_id", ["x" * (LONGEST_ID + 1), None, [], {"a": 1}, 1.5])
async def test_a_request_id_that_is_none_is_refused(request_id: object) -> None:
    answer = await Asked().ask("echo", request_id=request_id)
    assert (answer["error_code"], answer["request_id"]) == ("bad_request", "")


async def test_a_request_without_an_id_is_answered_without_one() -> None:
    answer = await Asked().raw({"command": "echo", "protocol_version": "2.1"})
    assert (answer["success"], answer["request_id"]) == (True, "")


@pytest.mark.parametrize("command", [None, 7, ["ping"], {"ping": 1}, True])
async def test_a_command_that_is_no_text_is_refused(command: Any) -> None:
    answer = await Asked().ask(command)
    assert (answer["error_code"], answer["request_id"]) == ("bad_request", "1")
    assert "'command' must be a text" in answer["error"]


async def test_arguments_may_be_left_out() -> None:
    asked = Asked()
    assert (await asked.raw({"command": "echo", "protocol_version": "2.0"}))["data"] == {}
    assert (await asked.ask("echo", None))["data"] == {}


# What fails


async def test_a_refusal_has_its_code_and_its_sentence() -> None:
    answer = await Asked().ask("refuse")
    assert answer == wire.failure("1", "not now; ask again", "not_ready")


@pytest.mark.parametrize("command", ["crash", "crash in a nursery"])
async def test_a_defect_is_answered_and_logged_with_its_traceback(command: str) -> None:
    with structlog.testing.capture_logs() as logs:
        answer = await Asked().ask(command)
    told = f"{command!r} failed: ZeroDivisionError: by zero; see the log"
    assert answer == wire.failure("1", told, "internal")
    assert [(entry["event"], entry["command"]) for entry in logs] == [("a command failed", command)]
    assert isinstance(logs[0]["exc_info"], ZeroDivisionError)


async def test_an_answer_that_is_too_large_is_a_refusal() -> None:
    answer = await Asked().ask("huge")
    assert (answer["success"], answer["request_id"]) == (False, "1")
    assert "does not fit into a frame" in answer["error"]


async def test_an_answer_that_json_cannot_hold_is_a_refusal() -> None:
    answer = await Asked().ask("nan")
    assert (answer["success"], answer["request_id"]) == (False, "1")
    assert "cannot be written as JSON" in answer["error"]


# What is counted


async def test_requests_are_counted_by_command_and_outcome() -> None:
    asked = Asked()
    await asked.ask("ping")
    await asked.ask("ping")
    await asked.ask("auth")
    await asked.ask("ping", protocol_version="1.0")
    assert asked.counted() == {
        ("ping", "ok"): 2,
        ("auth", "ok"): 1,
        ("ping", "version"): 1,
    }


@pytest.mark.parametrize("peer", [ME, STRANGER], ids=["known", "stranger"])
async def test_a_client_cannot_make_as_many_series_as_it_likes(peer: Peer) -> None:
    asked = Asked(peer, burst=20)
    with structlog.testing.capture_logs():
        for number in range(40):
            await asked.ask(f"x{number}", protocol_version="2.1" if number % 2 else "1.0")
    assert {command for command, _outcome in asked.counted()} == {"unknown"}
    assert sum(asked.counted().values()) == 40

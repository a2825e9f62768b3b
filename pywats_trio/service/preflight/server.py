"""Whether the WATS server answers and takes the token. Never a reason not to start."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import trio

from pywats_trio.deliver.classes import Class
from pywats_trio.deliver.transport import parse_address
from pywats_trio.deliver.wats import WatsServer
from pywats_trio.errors import ConfigError
from pywats_trio.service.preflight.finding import CONFIG, Finding, error, warning

if TYPE_CHECKING:
    from pywats_trio.config.options import ServerOptions
    from pywats_trio.deliver.transport import Address
    from pywats_trio.deliver.verdict import Verdict

CLOSE_SECONDS = 0.1


class ServerQuestion:
    """One question to the server; `findings` says what is known, at any moment."""

    def __init__(self, options: ServerOptions) -> None:
        self._options = options
        self._asked_at = trio.current_time()
        self._answer: Finding | Verdict | None = None

    async def ask(self) -> None:
        """Ask for the version. Cancelled, it has not answered."""
        if not self._options.url:
            self._answer = _no_address()
            return
        try:
            address = parse_address(self._options.url)
        except ConfigError as cause:
            hint = "correct server.url"
            self._answer = error("server", self._options.url, str(cause), hint, CONFIG)
            return
        self._answer = await self._version(address)

    async def _version(self, address: Address) -> Verdict:
        server = WatsServer(self._options, address, wall=time.time)
        try:
            return await server.ask_version()
        finally:
            with trio.move_on_after(CLOSE_SECONDS, shield=True):
                await server.aclose()

    def findings(self) -> list[Finding]:
        """What is wrong with the address or the token, as far as it is known by now."""
        answer = self._answer
        if isinstance(answer, Finding):
            return [answer]
        found = [] if self._options.token else [_no_token(self._options.url)]
        if answer is None:
            found.append(self._no_answer())
        elif answer.kind is not Class.DELIVERED:
            problem = answer.problem
            found.append(warning("server", self._options.url, problem.message, problem.hint))
        return found

    def _no_answer(self) -> Finding:
        seconds = trio.current_time() - self._asked_at
        url = self._options.url
        return warning(
            "server",
            url,
            f"the server {url} has not answered yet, after {seconds:.1f} s",
            "nothing, if reports are delivered soon; else check server.url, the network and the "
            "server",
        )


def _no_address() -> Finding:
    message = "no server.url is set: files are converted, and their reports wait"
    return warning("server", "server.url", message, "set server.url and server.token")


def _no_token(url: str) -> Finding:
    message = "no token is set for the server: it will hardly take reports"
    return warning(
        "server", url, message, "set server.token, server.token_file or server.token_env"
    )

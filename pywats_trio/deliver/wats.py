"""What is said to a WATS server: the few requests that delivery needs, each judged.

Paths, headers and answers are those of the server's OpenAPI description and the WATS support
article "Post WSJF".
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import trio

from pywats_trio import __version__
from pywats_trio.config import texts
from pywats_trio.deliver.post import PostTransport
from pywats_trio.deliver.transport import Address, Answer, Transport, TransportError
from pywats_trio.deliver.trust import Trust
from pywats_trio.deliver.verdict import Verdict, judge, judge_presence, judge_version

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pywats_trio.config.options import ServerOptions

SUBMIT: Final = "/api/Report/WSJF"
READ_BACK: Final = "/api/Report/Wsjf/{id}?detailLevel=0"
VERSION: Final = "/api/App/Version"


class WatsServer:
    """One server as the configuration describes it. Every method gives a verdict, never an error.

    Cancelling a request closes its connection; whether the server took the report is then unknown,
    and a resend under the same id is harmless.
    """

    def __init__(
        self, options: ServerOptions, address: Address, *, wall: Callable[[], float]
    ) -> None:
        self._options = options
        self._address = address
        self._wall = wall
        self._trust = Trust(verify=options.verify_tls, ca_file=options.ca_file)
        self._transport: Transport | None = None
        self._lock = trio.Lock()
        self._base = quote(address.base_path, safe="/%~!$&'()*+,;=:@")
        self._use_token(options.token)

    async def submit(self, payload: bytes, report_id: str) -> Verdict:
        """Post one report, its bytes unchanged; after a 409 ask whether it is there."""
        result = await self._request("POST", SUBMIT, payload)
        verdict = judge(result, report_id, self._wall())
        if verdict.ask_back:
            path = READ_BACK.format(id=quote(report_id, safe=""))
            return judge_presence(
                await self._request("GET", path), report_id, verdict, self._wall()
            )
        return verdict

    async def ask_version(self) -> Verdict:
        """Whether this is a WATS server; its version is then the verdict's receipt."""
        return judge_version(await self._request("GET", VERSION), self._wall())

    async def renew_token(self) -> bool:
        """Read `server.token_file` again; whether the token is another one now."""
        if self._options.token_file is None:
            return False
        try:
            text = await trio.to_thread.run_sync(_read, self._options.token_file)
            token = texts.token(text.strip())
        except (OSError, ValueError):
            return False  # being written, perhaps; the next probe looks again
        before = self._get_headers
        self._use_token(token)
        return self._get_headers != before

    async def aclose(self) -> None:
        """Close the idle connections."""
        if self._transport is not None:
            await self._transport.aclose()

    def _use_token(self, token: str) -> None:
        self._get_headers = {
            "Accept": "application/json",
            "User-Agent": f"pywats-trio/{__version__}",
        }
        if token:  # it is Base64 already and sent as it is
            self._get_headers["Authorization"] = f"Basic {token}"
        self._post_headers = {**self._get_headers, "Content-Type": "application/json"}

    async def _request(
        self, method: str, path: str, body: bytes | None = None
    ) -> Answer | TransportError:
        headers = self._get_headers if body is None else self._post_headers
        try:
            transport = self._transport or await self._open()
            return await transport.request(method, self._base + path, body, headers)
        except TransportError as error:
            return error

    async def _open(self) -> Transport:
        """Own HTTP/1.1 straight to the server; httpx through a proxy or if it is asked for."""
        options = self._options
        async with self._lock:
            if self._transport is None and not options.proxy and options.transport == "auto":
                self._transport = PostTransport(
                    self._address, timeout=options.timeout_seconds, trust=self._trust
                )
            elif self._transport is None:
                api = await trio.to_thread.run_sync(
                    importlib.import_module, "pywats_trio.deliver.api"
                )
                self._transport = api.HttpxTransport(
                    self._address,
                    timeout=options.timeout_seconds,
                    trust=self._trust,
                    max_connections=options.max_connections,
                    proxy=options.proxy,
                )
        return self._transport


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8")

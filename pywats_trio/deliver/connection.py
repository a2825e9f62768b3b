"""One kept-alive HTTP/1.1 connection: h11 on a Trio stream."""

from __future__ import annotations

import select
from typing import Final

import h11
import trio

from pywats_trio import faultpoint
from pywats_trio.deliver.transport import CHUNK, KEEP_IDLE, MAX_ANSWER, Answer, Phase

Stream = trio.SocketStream | trio.SSLStream[trio.SocketStream]

PEER_CLOSED: Final[int] = getattr(select, "POLLRDHUP", getattr(select, "POLLIN", 0))


class NoAnswer(Exception):
    """The connection ended before the first byte of an answer."""


class Connection:
    """One connection and where it stands in HTTP."""

    def __init__(self, stream: Stream, seconds: float) -> None:
        """`seconds`: the time-out of each 64 KiB written, and of the whole answer."""
        self._stream = stream
        self._seconds = seconds
        self._http = h11.Connection(h11.CLIENT)
        self._idle_since = 0.0
        self._answered = False
        self.phase = Phase.WRITE

    async def exchange(
        self, request: h11.Request, body: bytes | None, scope: trio.CancelScope
    ) -> Answer:
        """One request and its answer; moves the deadline of `scope` from phase to phase."""
        self._answered = False
        self.phase = Phase.WRITE
        try:
            await self._write(request, body, scope)
        except trio.BrokenResourceError:
            # Some servers answer and close before they have read everything (413): look for it.
            pass
        else:
            if body is not None:
                faultpoint.hit("deliver.sent")
        self.phase = Phase.READ
        scope.deadline = trio.current_time() + self._seconds
        return await self._read()

    async def _write(
        self, request: h11.Request, body: bytes | None, scope: trio.CancelScope
    ) -> None:
        """Head and first part of the body in one call, hence, if small, in one packet."""
        pieces = [self._http.send(request) or b""]
        if body:
            pieces.append(self._http.send(h11.Data(data=body)) or b"")
        self._http.send(h11.EndOfMessage())
        data = memoryview(b"".join(pieces))
        for start in range(0, len(data), CHUNK):
            scope.deadline = trio.current_time() + self._seconds
            await self._stream.send_all(data[start : start + CHUNK])

    async def _read(self) -> Answer:
        head: h11.Response | None = None
        body = bytearray()
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                await self._receive()
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > MAX_ANSWER:
                    raise h11.RemoteProtocolError(f"more than {MAX_ANSWER} bytes")
            elif isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                break
            # Else 1xx: the answer proper follows.
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
        return Answer(head.status_code, headers, bytes(body))

    async def _receive(self) -> None:
        try:
            data = await self._stream.receive_some(CHUNK)
        except trio.BrokenResourceError:
            if self._answered:
                raise
            data = b""
        if data:
            self._answered = True
        elif not self._answered:
            raise NoAnswer
        self._http.receive_data(bytes(data))

    def recycle(self) -> bool:
        """Whether another request may follow; False: close it (`Connection: close`, HTTP/1.0)."""
        states = self._http.our_state, self._http.their_state
        # Bytes beyond the answer would be taken for the answer to the next report.
        if states != (h11.DONE, h11.DONE) or self._http.trailing_data[0]:
            return False
        self._http.start_next_cycle()
        self._idle_since = trio.current_time()
        return True

    def reusable(self) -> bool:
        """Neither old nor, as far as the kernel knows, closed by the server."""
        if trio.current_time() - self._idle_since > KEEP_IDLE:
            return False
        return not (hasattr(select, "poll") and self._closed_by_peer())

    def _closed_by_peer(self) -> bool:
        poll = select.poll()
        if isinstance(self._stream, trio.SSLStream):
            # TLS may have a session ticket waiting: only the end of the stream counts.
            poll.register(self._stream.transport_stream.socket.fileno(), PEER_CLOSED)
        else:
            poll.register(self._stream.socket.fileno(), select.POLLIN)
        return bool(poll.poll(0))

    async def close(self) -> None:
        """Without a goodbye: there is nothing to be said any more."""
        await trio.aclose_forcefully(self._stream)

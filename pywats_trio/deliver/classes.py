"""The classes of contract section 8 as data.

`TABLE` is the one place that says which class suspends deliveries, which uses up attempts and which
statuses belong to it; the documentation prints it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

SUCCESS: Final = range(200, 300)
REDIRECT: Final = range(300, 400)
CLIENT_ERROR: Final = range(400, 500)
SERVER_ERROR: Final = range(500, 600)


class Class(StrEnum):
    """What became of a request."""

    DELIVERED = "delivered"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    THROTTLED = "throttled"
    SERVER = "server"
    AUTH = "auth"
    MISDIRECTED = "misdirected"
    PROTOCOL = "protocol"
    REJECTED = "rejected"
    TOO_LARGE = "too_large"


@frozen
class Row:
    """A class of the table."""

    recognised_by: str
    attempt: str
    """Whether it uses up one of the report's attempts, in words."""
    then: str
    statuses: Container[int] = ()
    suspends: bool = True
    """Whether nothing is sent until the server is right again."""
    needs_version: bool = False
    """Whether the server must answer the version request before another report is sent."""
    hint: str = ""
    """What the user can do."""


_NEVER: Final = "no"
_ALONE: Final = "no, unless the server takes another report right after"
_NETWORK: Final = "check server.url, the network and the server"

TABLE: Final[Mapping[Class, Row]] = {
    Class.DELIVERED: Row(
        "2xx, no page, no other id than the report's own", _NEVER, "COMPLETED", SUCCESS,
        suspends=False,
    ),
    Class.CONNECT: Row(
        "no connection", _NEVER, "suspend the server, growing intervals",
        needs_version=True, hint=_NETWORK,
    ),
    Class.TLS: Row(
        "bad certificate", _NEVER, "suspend the server, growing intervals",
        needs_version=True,
        hint="set server.ca_file to your own authority's certificate, or mend the server's",
    ),
    Class.TIMEOUT: Row(
        "no answer in time", _ALONE + " (read time-out)", "suspend the server, growing intervals",
        needs_version=True, hint=_NETWORK,
    ),
    Class.THROTTLED: Row(
        "429, 503 with Retry-After", _NEVER, "wait as told", (429,),
        hint="lower server.requests_per_minute if this happens often",
    ),
    Class.SERVER: Row(
        "other 5xx, 408, 425", _ALONE + " (500)", "suspend the server, growing intervals",
        (408, 425, *SERVER_ERROR), hint="look at the server's log",
    ),
    Class.AUTH: Row(
        # 407 is a proxy's 401: no word about the report.
        "401, 403, 407", _NEVER,
        "suspend until the token changes or an operator says so; a slow probe",
        (401, 403, 407), needs_version=True,
        hint="check server.token (407: the user and password in server.proxy)",
    ),
    Class.MISDIRECTED: Row(
        # 421 says by its name that the request went to the wrong server.
        "3xx, 404, 405, 421, 2xx with a page, an address that does not answer the version request "
        "as WATS does",
        _NEVER, "suspend, say that the address is wrong", (*REDIRECT, 404, 405, 421),
        needs_version=True, hint="check server.url",
    ),
    Class.PROTOCOL: Row(
        "malformed or cut answer, 2xx that names another id", _NEVER,
        "suspend; a resend is harmless", needs_version=True,
        hint="look at what stands between here and the server",
    ),
    Class.REJECTED: Row(
        "400, 409, 415, 422, other 4xx",
        "yes; 400 and 422 with a reason are permanent at once; at 409 the id is asked back: "
        "present = delivered",
        "FAILED with the server's reason", suspends=False,
        hint="mend the source or its converter, then retry the item",
    ),
    Class.TOO_LARGE: Row(
        "413", "permanent", "FAILED", (413,), suspends=False,
        hint="make the report smaller or let the server take larger ones, then retry the item",
    ),
}  # fmt: skip


def class_of(status: int) -> Class:
    """The class by the status alone."""
    for kind, row in TABLE.items():
        if status in row.statuses:
            return kind
    return Class.REJECTED if status in CLIENT_ERROR else Class.PROTOCOL

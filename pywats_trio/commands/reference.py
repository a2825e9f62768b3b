"""The reference page of local control, made from the table of commands.

`python -m pywats_trio.commands.reference > docs/reference/commands.md`; a test compares the two.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final, get_type_hints

import attrs

from pywats_trio.commands.command import When
from pywats_trio.commands.table import TABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pywats_trio.commands.command import Command

HEAD: Final = """\
# Local control: commands

<!-- Made by `python -m pywats_trio.commands.reference`; change the table, not this page. -->

A running service listens at a Unix socket (`ipc.socket`, mode 0600) and does what it is asked. The
command line is one client of it; any program that can write JSON to a socket is another.

A frame is a length, 4 bytes, big endian, and so many bytes of UTF-8 JSON, one object, at most
1 MiB. The service speaks first:

```json
{"protocol_version": "2.1", "server_version": "0.1.0", "instance_id": "default",
 "requires_auth": false, "capabilities": ["rate_limit", "queue", "sync"]}
```

Then each request gets exactly one response, in the order of the requests:

```json
{"command": "ping", "request_id": "1", "protocol_version": "2.1", "args": {}}
```

```json
{"success": true, "data": {"pong": true, "authenticated": true}, "error": null,
 "error_code": null, "request_id": "1", "protocol_version": "2.1"}
```

Clients of pyWATS 2.0 are served, too; a request that names no version, or one before 2.0, is
refused.

## Who may ask, and how much

Processes of the service's own user and of root are `admin` (the kernel says who they are). To
others HELLO says `requires_auth`, and all they may do is `ping`; tokens are not built yet.

| limit | value |
|---|---|
| requests of one process | `ipc.requests_per_minute` (100), `ipc.burst` (20) at once |
| connections | `ipc.max_connections` (64); who comes later waits |
| a request that does not come, or not whole | 30 s, then the connection is closed |
| an answer that is not taken | 10 s, then the connection is closed |
| a request's work, unless it waits for an item | 60 s, then `timeout` |

A frame that is too long, or JSON that is no object, closes the connection.

## Refusals

`success` is false, `error` is a sentence for people, `error_code` is one of these:

| code | meaning |
|---|---|
| `version` | the protocol version of the request is not spoken here |
| `rate_limited` | too many requests; the next one is taken in `retry_after` seconds |
| `unauthorized` | who asks may not |
| `bad_request` | no JSON, or wrong arguments; each one is named |
| `unknown_command` | there is no such command |
| `not_ready` | not in the state that the service is in |
| `timeout` | it took too long; it may have had an effect |
| `not_found`, `invalid` | what the arguments name is not there, or cannot be used |
| `config`, `reload_failed` | the configuration cannot be used; the former one goes on |
| `queue_full`, `store` | nothing more is accepted now |
| `internal` | a defect of the service; its log has more |

## Commands

`viewer` reads; `operator` also works the queue; `admin` may do everything.

| command | role | when | changes something | what it does |
|---|---|---|---|---|
"""
AUTH: Final = (
    "\n`auth` is answered as pyWATS clients expect: `authenticated` for those who need not, "
    "`unauthorized` for others.\n"
)
_WHEN: Final = {
    When.ALWAYS: "always",
    When.WITH_STORE: "once the queue is open",
    When.AT_WORK: "at work",
    When.AT_WORK_OR_PAUSED: "at work or paused",
}
_TYPES: Final = {str: "text", int: "whole number", float: "number"}


def reference() -> str:
    """The whole page."""
    rows = "".join(map(_row, TABLE.values()))
    return HEAD + rows + AUTH + "".join(map(_section, TABLE.values()))


def _row(command: Command) -> str:
    changes = "yes" if command.changes else "no"
    name, when = command.name, _WHEN[command.when]
    return f"| [`{name}`](#{name}) | {command.role} | {when} | {changes} | {command.doc} |\n"


def _section(command: Command) -> str:
    return "".join((f"\n### {command.name}\n\n", *_arguments(command), f"{command.result}\n"))


def _arguments(command: Command) -> Iterator[str]:
    if not (fields := attrs.fields(command.args)):
        return
    yield "| argument | type | default | range | meaning |\n|---|---|---|---|---|\n"
    kinds = get_type_hints(command.args)
    for field in fields:
        yield _argument(field, _TYPES.get(kinds[field.name], "object"))
    yield "\n"


def _argument(field: attrs.Attribute[Any], kind: str) -> str:
    default = "" if field.default is attrs.NOTHING else f"`{_json(field.default)}`"
    low, high = field.metadata["low"], field.metadata["high"]
    limits = f"{low:,} to {high:,}" if high is not None else ""
    return f"| `{field.name}` | {kind} | {default} | {limits} | {field.metadata['doc']} |\n"


def _json(value: object) -> str:
    return {"": '""', "None": "null"}.get(str(value), str(value))


if __name__ == "__main__":
    sys.stdout.write(reference())

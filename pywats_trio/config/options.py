"""The configuration as attrs classes: one class a table, one field a key (contract section 4).

A field's metadata is what `check`, `show` and the reference page read: `doc` (one sentence), `unit`
(`bytes`, `seconds` or nothing), `low` and `high` (inclusive), `choices`, `required`, `built` (False
means: the part behind the key does not exist yet, so setting it is an error that says so),
`secret`, `listed` (a list with one value is taken, too) and `clean` (text to its normal form;
raises BadValue).
Sizes are `int` bytes, durations `float` seconds, paths `pathlib.Path`, after `load` absolute.
"""

# ruff: noqa: RUF009 - `option` makes an attrs field, as `attrs.field` does

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import platformdirs
from attrs import Factory, field, frozen

from pywats_trio.config import texts
from pywats_trio.config.places import default_socket

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEMA_VERSION: Final = 1
KIB: Final = 1024
MIB: Final = 1024 * KIB
GIB: Final = 1024 * MIB
DAY: Final = 86_400.0


CHECKS: Final = (
    "api_connected",
    "api_authorized",
    "queue_accessible",
    "converters_loaded",
    "folders_accessible",
    "intake_open",
)
"""What /ready tells, and `health.required_checks` may ask for."""


def option(
    default: Any,  # noqa: ANN401 - one helper for every type of field
    doc: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    unit: str = "",
    required: bool = False,
    built: bool = True,
    secret: bool = False,
    listed: bool = False,
    clean: Callable[[str], str] | None = None,
) -> Any:  # noqa: ANN401 - attrs fields are untyped by nature
    """An attrs field with what the user is told about it."""
    metadata = {
        "doc": doc,
        "low": low,
        "high": high,
        "choices": choices,
        "unit": unit,
        "required": required,
        "built": built,
        "secret": secret,
        "listed": listed,
        "clean": clean,
    }
    return field(default=default, metadata=metadata)


@frozen
class ServerOptions:
    """`[server]`: where reports go."""

    url: str = option(
        "",
        "address of the WATS server, such as https://wats.example.com",
        required=True,
        listed=True,
        clean=texts.server_address,
    )
    token: str = option(
        "", "the API token, as the Control Panel shows it", secret=True, clean=texts.token
    )
    token_file: Path | None = option(None, "a file that holds the token")
    token_env: str = option("", "the name of an environment variable that holds the token")
    verify_tls: bool = option(True, "check the server's certificate")
    ca_file: Path | None = option(None, "a PEM file with the certificates of your own authority")
    proxy: str = option(
        "", "an HTTP proxy, such as http://proxy:3128", secret=True, clean=texts.proxy_address
    )
    timeout_seconds: float = option(
        30.0, "longest wait in each phase of a request", low=0.1, high=600, unit="seconds"
    )
    max_connections: int = option(8, "most reports in flight at once", low=1, high=64)
    requests_per_minute: int = option(
        500, "most reports in any 60 seconds; 0 = no limit", low=0, high=1_000_000
    )
    transport: str = option(
        "auto",
        "auto: own HTTP/1.1 path for reports, httpx through a proxy; httpx: httpx for all",
        choices=("auto", "httpx"),
    )
    register: bool = option(False, "register as a client of the server", built=False)


@frozen
class StationOptions:
    """`[station]`: what a report says of its station where its file says nothing."""

    name: str = option(Factory(socket.gethostname), "name of the station; default: host name")
    location: str = option("", "where it stands")
    purpose: str = option("", "what it is for")


@frozen
class QueueOptions:
    """`[queue]`: the store."""

    url: str = option("", "a shared PostgreSQL queue instead of SQLite", built=False)
    synchronous: str = option(
        "full",
        "full: every commit is synced; normal: the last milliseconds may be lost on power loss",
        choices=("full", "normal"),
    )
    max_items: int = option(
        10_000,
        "high-water mark of unfinished items; intake resumes at 90 %; 0 = none",
        low=0,
        high=100_000_000,
    )
    max_bytes: int = option(
        4 * GIB,
        "high-water mark of stored bytes; intake resumes at 90 %; 0 = none",
        low=0,
        high=1024 * 1024 * GIB,
        unit="bytes",
    )
    min_free_disk: int = option(
        512 * MIB,
        "free disk below which intake stops, and below a quarter of which nothing new is claimed; "
        "both resume at 110 %; 0 = none",
        low=0,
        high=1024 * 1024 * GIB,
        unit="bytes",
    )
    min_free_memory: int = option(
        64 * MIB,
        "available memory below which intake stops; it resumes at 110 %; 0 = none",
        low=0,
        high=1024 * GIB,
        unit="bytes",
    )
    reserve: int = option(
        8 * MIB,
        "kept on disk so that outcomes fit when it is full; 0 = none",
        low=0,
        high=GIB,
        unit="bytes",
    )
    completed_retention: float = option(
        7 * DAY,
        "how long delivered items are kept, and events of the service",
        low=1.0,
        high=3650 * DAY,
        unit="seconds",
    )
    failed_retention: float = option(
        90 * DAY,
        "how long failed items are kept; then they leave for files in data_dir/failed",
        low=1.0,
        high=3650 * DAY,
        unit="seconds",
    )
    history_per_item: int = option(100, "history rows kept for an item", low=10, high=100_000)
    aging_minutes: int = option(
        0,
        "0 = by priority alone; n = an item gains one level for n minutes of waiting",
        low=0,
        high=525_600,
    )

    @property
    def hard_floor(self) -> int:
        """Free bytes of the disk below which nothing new is claimed."""
        return self.min_free_disk // 4


@frozen
class RetryOptions:
    """`[retry]`: when a failed delivery or conversion is tried again."""

    max_attempts: int = option(3, "attempts of a delivery", low=1, high=1000)
    base_seconds: float = option(
        1.0, "first interval; it doubles, with full jitter", low=0.01, high=3600, unit="seconds"
    )
    max_seconds: float = option(300.0, "longest interval", low=0.01, high=86_400, unit="seconds")
    budget: float = option(
        0.2,
        "retries at most this share of first attempts, beside one a second",
        low=0.0,
        high=100.0,
    )


@frozen
class WorkerOptions:
    """`[workers]`: the processes that run converters."""

    max: int = option(0, "most processes; 0 = number of processors", low=0, high=256)
    timeout_seconds: float = option(
        60.0,
        "longest conversion of one file; one of more than 16 MiB has as much for each 16 MiB",
        low=0.1,
        high=86_400,
        unit="seconds",
    )
    memory_mb: int = option(512, "memory of one process, MiB", low=64, high=1_048_576)
    cpu_seconds: int = option(
        60,
        "processor time of one conversion, seconds; for larger files as timeout_seconds",
        low=1,
        high=86_400,
        unit="seconds",
    )
    max_input_mb: int = option(256, "largest file that is converted, MiB", low=1, high=65_536)
    recycle_after_jobs: int = option(
        1000, "conversions before a process is replaced", low=1, high=1_000_000_000
    )
    idle_seconds: float = option(
        60.0, "how long an idle process is kept", low=0.1, high=86_400, unit="seconds"
    )
    scratch_mb: int = option(
        1024, "most that one conversion may write to its own folder, MiB", low=1, high=1_048_576
    )
    sandbox: str = option(
        "standard",
        "standard: shut in by the kernel, warm; strict: that, and a fresh process for each file; "
        "basic: clean environment and resource limits only; off: no limits",
        choices=("strict", "standard", "basic", "off"),
    )
    adaptive: bool = option(
        True,
        "whether there are fewer processes while memory is short, or while more than there are "
        "processors bring nothing",
    )
    nice: int = option(
        10,
        "how far converters stand back behind other programs, as of nice(1); `run` itself stands "
        "back by half of it; 0 = not at all",
        low=0,
        high=19,
    )
    sandbox_fallback: bool = option(
        False, "whether a level that the kernel cannot give falls back to basic, with a warning"
    )


@frozen
class ConverterOptions:
    """`[[converters]]`: a watch folder and what happens to its files."""

    name: str = option(
        "",
        "unique name; part of the ids of reports, so do not change it lightly",
        required=True,
        clean=texts.name,
    )
    type: str = option(
        "",
        "a standard id, package.module:Class or path/to/file.py:Class, with `pywats:` before one "
        "that was written for pyWATS; see `converters ls`",
        required=True,
    )
    watch: Path = option(Path(), "the folder where files are dropped", required=True)
    patterns: tuple[str, ...] = option((), "which names are taken; default: what the type says")
    ignore: tuple[str, ...] = option(("*.tmp", "*.part", "~*"), "which names are never taken")
    recursive: bool = option(False, "take files in folders below, too")
    priority: int = option(5, "1 first … 10 last", low=1, high=10)
    settle: str = option(
        "quiet",
        "when a file is complete: quiet = unchanged for settle_seconds; marker = NAME.done lies "
        "beside it; renamed = it was moved in",
        choices=("quiet", "marker", "renamed"),
    )
    settle_seconds: float = option(
        0.25, "how long size and time must stand still", low=0.0, high=86_400, unit="seconds"
    )
    marker: str = option(
        "",
        "of a folder converter: the file in a folder that says that it is complete; default: what "
        "the type says",
        clean=texts.file_name,
    )
    minimum_files: int = option(
        0,
        "of a folder converter: files that a folder has at least, beside the marker; 0 = what the "
        "type says",
        low=0,
        high=10_000,
    )
    quiet_seconds: float = option(
        0.0,
        "of a folder converter: how long nothing in a folder has changed; 0 = what the type says",
        low=0.0,
        high=86_400,
        unit="seconds",
    )
    scan_seconds: float = option(
        0.0,
        "how often the whole folder is read; 0 = 60 beside notifications, 2 without",
        low=0.0,
        high=86_400,
        unit="seconds",
    )
    post_action: str = option(
        "",
        "what happens to a converted file: move, delete, archive or keep; default: what its "
        "converter says, else move",
        choices=("", "move", "delete", "archive", "keep"),
    )
    done_dir: str = option("Done", "where converted files are moved, relative to watch")
    error_dir: str = option("Error", "where refused files are moved, relative to watch")
    archive_dir: str = option("Archive", "where converted files are archived, a folder a day")
    max_attempts: int = option(3, "attempts of a conversion", low=1, high=1000)
    enabled: bool = option(True, "false: the folder is left alone")
    strict: bool = option(
        False, "refuse what a WATS server would refuse, instead of sending it with findings"
    )
    arguments: dict[str, Any] = option(Factory(dict), "the converter's own arguments")


@frozen
class IpcOptions:
    """`[ipc]`: local control."""

    enabled: bool = option(True, "false: `status`, `submit`, `stop` and the like cannot be used")
    socket: Path | None = option(
        None, "the Unix socket; default: <runtime dir>/pywats-trio/<instance>.sock, mode 0600"
    )
    tcp: str = option("", "also listen on TCP with TLS, such as 127.0.0.1:0", built=False)
    requests_per_minute: int = option(
        100, "requests of one client in any minute", low=1, high=1_000_000
    )
    burst: int = option(20, "requests of one client at once", low=1, high=100_000)
    max_connections: int = option(64, "clients at once", low=1, high=10_000)
    pywats_compat: bool = option(False, "also listen where pyWATS 2.0 clients look", built=False)


@frozen
class HealthOptions:
    """`[health]`: the probes, the metrics and the dashboard."""

    host: str = option("127.0.0.1", "the address to listen on", clean=texts.host)
    port: int = option(
        8080,
        "0 = any free port; the address is written to <data_dir>/health.addr",
        low=0,
        high=65_535,
    )
    required_checks: tuple[str, ...] = option(
        ("queue_accessible", "converters_loaded"),
        f"which checks must pass for /ready: {', '.join(CHECKS)}",
        choices=CHECKS,
    )
    dashboard: bool = option(True, "serve the dashboard at /")
    max_connections: int = option(64, "connections at once; more wait", low=1, high=10_000)


@frozen
class LogOptions:
    """`[log]`: where the log goes."""

    level: str = option("info", "least severe level", choices=("debug", "info", "warning", "error"))
    format: str = option(
        "auto",
        "auto: console on a terminal, JSON otherwise",
        choices=("auto", "console", "json"),
    )
    file: Path | None = option(None, "log file; default: <data_dir>/logs/pywats-trio.jsonl")
    max_bytes: int = option(
        20 * MIB,
        "size at which the log file is rotated",
        low=64 * KIB,
        high=1024 * GIB,
        unit="bytes",
    )
    backups: int = option(5, "rotated files that are kept", low=1, high=1000)


@frozen
class ShutdownOptions:
    """`[shutdown]`"""

    grace_seconds: float = option(
        25.0, "longest time from the signal to the end", low=1.0, high=3600, unit="seconds"
    )


@frozen
class SupervisionOptions:
    """`[supervision]`: how often a part of the service may be started again."""

    max_restarts: int = option(5, "restarts of one part within the window", low=0, high=1000)
    window_seconds: float = option(60.0, "the window", low=1.0, high=86_400, unit="seconds")


def default_data_dir(instance: str) -> Path:
    """The user's data folder for `instance`, as platformdirs names it."""
    return Path(platformdirs.user_data_dir("pywats-trio", appauthor=False)) / instance


def default_log_file(data_dir: Path) -> Path:
    """Where the log goes if `log.file` says nothing."""
    return data_dir / "logs" / "pywats-trio.jsonl"


@frozen
class Config:
    """The whole configuration; immutable. `load.load` makes it from a file and the environment."""

    schema_version: int = option(
        SCHEMA_VERSION, "version of this file's layout", low=1, high=SCHEMA_VERSION
    )
    instance: str = option(
        "default", "name of this service; part of derived report ids", clean=texts.name
    )
    data_dir: Path = option(Path(), "queue.db, logs; default: the user's data folder")
    server: ServerOptions = option(Factory(ServerOptions), "where reports go")
    station: StationOptions = option(Factory(StationOptions), "what reports say of the station")
    queue: QueueOptions = option(Factory(QueueOptions), "the store")
    retry: RetryOptions = option(Factory(RetryOptions), "when failures are tried again")
    workers: WorkerOptions = option(Factory(WorkerOptions), "the converter processes")
    converters: tuple[ConverterOptions, ...] = option((), "the watch folders")
    ipc: IpcOptions = option(Factory(IpcOptions), "local control")
    health: HealthOptions = option(Factory(HealthOptions), "probes, metrics, dashboard")
    log: LogOptions = option(Factory(LogOptions), "where the log goes")
    shutdown: ShutdownOptions = option(Factory(ShutdownOptions), "how the service stops")
    supervision: SupervisionOptions = option(Factory(SupervisionOptions), "restarts of parts")
    file: Path | None = field(default=None, kw_only=True, eq=False, repr=False)
    """Where it was read, absolute: it may hold the token, so no worker may read it. No key."""

    @property
    def inbox(self) -> Path:
        """The folder with copies of files that were submitted."""
        return self.data_dir / "inbox"

    @property
    def withheld(self) -> tuple[Path, ...]:
        """Files and folders that no converter may read: tokens, the queue, files of others."""
        holders = [path for path in (self.file, self.server.token_file) if path]
        return (self.data_dir, *holders, *(options.watch for options in self.converters))

    @property
    def database(self) -> Path:
        """The queue's file."""
        return self.data_dir / "queue.db"

    @property
    def socket(self) -> Path:
        """Where local control listens."""
        return self.ipc.socket or default_socket(self.instance)

    @classmethod
    def load(cls, path: str | Path | None = None) -> Config:
        """From the file `path`, or where it is looked up, and the environment; see `config.load`.

        Raises:
            NotFoundError: there is no such file.
            ConfigError: its text has every problem, one a line.
        """
        from pywats_trio.config.load import load  # noqa: PLC0415 - it imports this module

        return load(None if path is None else Path(path))


UNBUILT_TABLES: Final = {
    "tracing": "tracing",
}
"""Tables of the contract whose part does not exist yet."""


def worker_count(options: WorkerOptions) -> int:
    """`workers.max`, with 0 resolved to the processors this process may use."""
    return options.max or _processors()


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):  # Linux: less than the machine has under a cpuset
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

"""`pywats-trio demo`: the main job with nothing to set up."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
import uuid
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from attrs import define, field

from pywats_trio.cli import demo_show
from pywats_trio.cli.output import json_option, print_json
from pywats_trio.cli.screen import Screen
from pywats_trio.errors import PywatsTrioError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pywats_trio.config.options import Config
    from pywats_trio.devserver import DevServer
    from pywats_trio.model import Counts, Item
    from pywats_trio.service.service import Service

FORMATS: Final = {"wats-json": ".json", "wats-xml": ".xml"}
SAMPLES: Final = resources.files("pywats_trio.cli") / "demo_files"


class DemoFailed(PywatsTrioError):
    """Not every report arrived, or not every broken file was explained."""


@define
class Demo:
    """One demonstration: its folder, what is dropped there, and what became of it."""

    folder: Path
    copies: int
    """Generated reports besides the samples."""
    quiet: bool = False
    keep: bool = False
    files: int = 0
    broken: set[str] = field(factory=set)
    items: list[Item] = field(factory=list)

    def say(self, line: str) -> None:
        """Tell the user, unless only the result is wanted."""
        if not self.quiet:
            click.echo(line)

    def watch(self, converter: str) -> Path:
        """The watch folder of a converter."""
        return self.folder / "drop" / converter

    def config(self, url: str) -> Config:
        """A service on the demonstration's folders, with the development server's address."""
        from pywats_trio.config.options import (  # noqa: PLC0415 - `--help` must be quick
            Config,
            ConverterOptions,
            HealthOptions,
            IpcOptions,
            ServerOptions,
        )

        converters = [
            ConverterOptions(name=name, type=name, watch=self.watch(name)) for name in FORMATS
        ]
        server = ServerOptions(url=url, token="ZGVtbzpkZW1v", requests_per_minute=0)  # noqa: S106
        return Config(
            data_dir=self.folder / "data",
            server=server,
            converters=tuple(converters),
            health=HealthOptions(port=0),
            ipc=IpcOptions(socket=self.folder / "control.sock"),
        )

    def drop(self) -> None:
        """Put the samples and the generated reports into the watch folders."""
        for name in FORMATS:
            self.watch(name).mkdir(parents=True)
        for kind in ("good", "broken"):
            for sample in (SAMPLES / kind).iterdir():
                self._put(sample.name, sample.read_bytes())
                if kind == "broken":
                    self.broken.add(sample.name)
        template = json.loads((SAMPLES / "good" / "minimal.json").read_bytes())
        for number in range(1, self.copies + 1):
            template["sn"] = f"DEMO-{number:04d}"
            template["id"] = str(uuid.uuid4())
            self._put(f"unit-{number:04d}.json", json.dumps(template).encode())

    def _put(self, name: str, content: bytes) -> None:
        converter = next(key for key, suffix in FORMATS.items() if name.endswith(suffix))
        (self.watch(converter) / name).write_bytes(content)
        self.files += 1

    def finished(self, counts: Counts) -> bool:
        """Whether every dropped file and all that came of it have come to an end."""
        from pywats_trio.model import Kind, State  # noqa: PLC0415

        return counts.unfinished == 0 and counts.of(Kind.FILE, *State) >= self.files


@click.command()
@click.option(
    "--files",
    type=click.IntRange(0, 100_000),
    default=200,
    show_default=True,
    help="Generated reports besides the samples.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(1, 3600),
    default=60,
    show_default=True,
    help="Give up after this long.",
)
@click.option("--keep", is_flag=True, help="Keep the folder with everything in it.")
@json_option
def demo(files: int, seconds: float, keep: bool, as_json: bool) -> None:
    """Drop sample files into a running service and watch their reports arrive.

    A development WATS server and the service run in a temporary folder. Good files are delivered,
    broken ones explained; exit code 0 only if that is true of every one.
    """
    import trio  # noqa: PLC0415 - `--help` must be quick

    from pywats_trio.observe.log import configure  # noqa: PLC0415

    with _folder(keep) as folder:
        showcase = Demo(folder, files, quiet=as_json, keep=keep)
        config = showcase.config("")
        with (
            (folder / "service.log").open("w") as stream,
            configure(
                config.log, instance="demo", data_dir=config.data_dir, terminal=False, stream=stream
            ),
        ):
            problems = trio.run(_run, showcase, seconds)
        if keep:
            demo_show.tell_what_is_kept(showcase)
        if as_json:
            print_json(demo_show.document(showcase, problems))
    if problems:
        raise DemoFailed("; ".join(problems))


@contextlib.contextmanager
def _folder(keep: bool) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="pywats-trio-demo-"))
    try:
        yield folder
    finally:
        if not keep:
            shutil.rmtree(folder)


async def _run(showcase: Demo, seconds: float) -> list[str]:
    """The demonstration; what went wrong, in words."""
    import trio  # noqa: PLC0415

    from pywats_trio.devserver import open_devserver  # noqa: PLC0415
    from pywats_trio.devserver.db import MEMORY  # noqa: PLC0415
    from pywats_trio.service.service import Service  # noqa: PLC0415

    db = str(showcase.folder / "wats.db") if showcase.keep else MEMORY
    async with open_devserver(db=db) as server:
        await trio.to_thread.run_sync(showcase.drop)
        showcase.say(f"{showcase.files} files dropped below {showcase.folder / 'drop'}")
        service = Service(showcase.config(server.url))
        with trio.move_on_after(seconds) as limit:
            async with trio.open_nursery() as nursery:
                await nursery.start(service.run)
                board = service.board
                demo_show.tell_where_to_look(showcase, server.url, board.health_url, board.socket)
                await _watch(showcase, service)
                service.stop()
        if limit.cancelled_caught:
            return [f"not everything came to an end within {seconds:.0f} s"]
        return await _verdict(showcase, server)


async def _watch(showcase: Demo, service: Service) -> None:
    """Until all is over; on a terminal with a table of how far it is."""
    with Screen() as screen:
        live = demo_show.Live(showcase, screen)
        await service.wait_until(live.show)


async def _verdict(showcase: Demo, server: DevServer) -> list[str]:
    """Compare what the queue says, what the server has and what lies in the folders."""
    from pywats_trio.queue.desk import open_desk  # noqa: PLC0415

    async with open_desk(showcase.folder / "data" / "queue.db") as desk:
        showcase.items = await desk.items(limit=1_000_000)
    received = await server.received()
    if not showcase.quiet:
        demo_show.print_result(showcase, len(received))
    problems = [
        f"report {record.id} arrived {record.receive_count} times"
        for record in received
        if record.receive_count != 1
    ]
    return problems + list(_disagreements(showcase, {record.id for record in received}))


def _disagreements(showcase: Demo, received: set[str]) -> Iterator[str]:
    from pywats_trio.model import Kind, State  # noqa: PLC0415

    for item in showcase.items:
        name = Path(item.source).name.removesuffix(".error.json")
        if item.kind is Kind.REPORT:
            if item.report_id not in received:
                yield f"{name}: report {item.report_id} did not arrive"
        elif (item.state is State.FAILED) != (name in showcase.broken):
            yield f"{name} ended as {item.state}: {item.last_error}"
        elif item.state is State.FAILED and not Path(item.source + ".error.json").exists():
            yield f"{name} was refused without an explanation"

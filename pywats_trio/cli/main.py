"""The command `pywats-trio`: its options and the table of its commands."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from pywats_trio import __version__
from pywats_trio.cli.group import Command, Main
from pywats_trio.priority import stand_back

if TYPE_CHECKING:
    from pywats_trio.config.load import Loaded
    from pywats_trio.config.options import Config

COMMANDS: Final = {
    "run": Command("pywats_trio.cli.run:run", "Run the service in the foreground."),
    "demo": Command("pywats_trio.cli.demo:demo", "Watch sample files become delivered reports."),
    "devserver": Command(
        "pywats_trio.cli.devserver:devserver", "Run a WATS server for development and tests."
    ),
    "config": Command(
        "pywats_trio.cli.config:config", "Begin, check or show the configuration, or its schema."
    ),
    "status": Command("pywats_trio.cli.status:status", "Show what the running service does."),
    "submit": Command("pywats_trio.cli.submit:submit", "Hand files over without a watch folder."),
    "queue": Command("pywats_trio.cli.queue.group:queue", "Look at the queue, and work on it."),
    "why": Command("pywats_trio.cli.why:why", "Tell a unit's whole life, and what it waits for."),
    "pause": Command("pywats_trio.cli.control:pause", "Begin nothing new until `resume`."),
    "resume": Command("pywats_trio.cli.control:resume", "End a pause."),
    "reload": Command("pywats_trio.cli.control:reload", "Read the configuration again."),
    "stop": Command("pywats_trio.cli.control:stop", "Finish what is in hand, and end."),
    "converters": Command(
        "pywats_trio.cli.converters.group:converters", "List converters, try one, or begin one."
    ),
}
UNBUILT: Final = (
    "logs",
    "events",
    "errors",
    "diagnose",
    "token",
    "secret",
    "audit",
    "service",
    "completion",
)
"""Commands of contract section 3 whose part does not exist yet."""
SERVING: Final = frozenset({"run", "demo", "devserver"})
"""Those that do the work, and not only ask for it."""
GIVES_WAY: Final = 10
"""How far the others stand back, as of `nice`: many operators at once must not take the processor
from the service and the test programs beside it."""


class Globals(NamedTuple):  # no attrs class, for `status` must be quick
    """The options that stand before the command; `ctx.obj` of every command."""

    config_path: Path | None
    instance: str | None
    log_level: str | None

    def load(self) -> Config:
        """The configuration. Raises ConfigError or NotFoundError (see `config.load`)."""
        return self.load_with_places().config

    def load_with_places(self) -> Loaded:
        """As `load`, with where each value came from."""
        from pywats_trio.config.load import load_with_places  # noqa: PLC0415 - `--version` is quick

        return load_with_places(self.config_path, instance=self.instance, log_level=self.log_level)


@click.group(
    "pywats-trio",
    cls=Main,
    commands=COMMANDS,
    unbuilt=UNBUILT,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--config",
    "config_path",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The configuration file.",
)
@click.option("--instance", metavar="NAME", help="The name of the service, if there are several.")
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    help="The least severe level that is logged; debug shows tracebacks.",
)
@click.version_option(__version__, prog_name="pywats-trio")
@click.pass_context
def cli(
    ctx: click.Context, config_path: Path | None, instance: str | None, log_level: str | None
) -> None:
    """Convert test files that are dropped in a folder, and deliver the reports to WATS."""
    ctx.obj = Globals(config_path, instance, log_level)


def main() -> None:
    """Run the command line; exits with the codes of contract section 3."""
    if SERVING.isdisjoint(sys.argv):
        stand_back(GIVES_WAY)
    cli(prog_name="pywats-trio")

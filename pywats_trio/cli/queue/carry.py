"""`queue export`, `import`: reports on their way between queues that no network connects."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from pywats_trio.cli.ask import asking
from pywats_trio.cli.output import json_option, print_json
from pywats_trio.cli.queue.change import numbers
from pywats_trio.cli.queue.filters import arguments, filtered
from pywats_trio.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable


Answer = dict[str, Any]


@click.command()
@click.argument("path", metavar="[PATH]", required=False)
@numbers
@filtered
@click.option("--keep", is_flag=True, help="Leave them as they are: they are delivered here, too.")
@click.option(
    "--receipts",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write what became of imported reports to FILE; PATH is the export, or its id.",
)
@click.option("--force", is_flag=True, help="With --receipts: replace FILE if it is there.")
@json_option
@click.pass_context
def export(
    ctx: click.Context,
    /,
    *,
    path: str | None,
    ids: tuple[int, ...],
    keep: bool,
    receipts: Path | None,
    force: bool,
    as_json: bool,
    **filters: Any,  # noqa: ANN401
) -> None:
    """Write reports to the folder or .zip PATH, to be imported elsewhere; here they are held.

    Which: by ID or filter, else all that is yet to be delivered or has failed. Cut off, the same
    command goes on.
    """
    if receipts is not None:
        if ids or keep or arguments(filters):
            raise UsageError("--receipts takes no items; name the export, or nothing for all")
        asked: Answer = {"path": str(receipts.absolute()), "export": _named(path), "force": force}
        _show(ctx, "export_receipts", asked, _tell_written, as_json=as_json)
        return
    if path is None:
        raise UsageError("say where to: a folder that is yet to be made, or a .zip")
    if force:
        raise UsageError("--force goes with --receipts; an export never replaces anything")
    asked = {"path": os.path.abspath(path), **arguments(filters)}  # noqa: PTH100 - links stay
    if ids:
        asked["ids"] = list(ids)
    if keep:
        asked["keep"] = True
    _show(ctx, "export_items", asked, _tell_exported, as_json=as_json)


def _named(path: str | None) -> str:
    """A path as the service understands it; what is none is an id."""
    if path is None or not (os.path.lexists(path) or os.sep in path):
        return path or ""
    return os.path.abspath(path)  # noqa: PTH100


@click.command("import")
@click.argument("path", metavar="[PATH]", required=False)
@click.option(
    "--from-pywats",
    metavar="DIR",
    help="Take the reports of a pyWATS queue folder; the files are renamed, never deleted.",
)
@json_option
@click.pass_context
def import_(
    ctx: click.Context, /, *, path: str | None, from_pywats: str | None, as_json: bool
) -> None:
    """Take the reports of the export PATH, a folder or .zip, each once, however often it is run.

    Or the receipts in the file PATH: what was delivered elsewhere is completed here.
    """
    if (path is None) == (from_pywats is None):
        raise UsageError("say what: the PATH of an export or of receipts, or --from-pywats DIR")
    named = os.path.abspath(path or from_pywats or "")  # noqa: PTH100
    if from_pywats is not None:
        _show(ctx, "import_pywats", {"path": named}, _tell_pywats, as_json=as_json)
    else:
        _show(ctx, "import_items", {"path": named}, _tell_imported, as_json=as_json)


def _show(
    ctx: click.Context,
    command: str,
    asked: Answer,
    tell: Callable[[Answer], Told],
    *,
    as_json: bool,
) -> None:
    """Ask, and print; the exit code says whether something was left out that was meant."""
    with asking(ctx.obj) as ask:
        answer = ask(command, asked)
    told = tell(answer)
    if as_json:
        print_json(answer)
    else:
        click.echo(told.done)
        for line in told.not_done:
            click.echo(line, err=True)
    ctx.exit(told.code)


class Told(NamedTuple):
    """What is said about an answer."""

    done: str
    not_done: list[str]
    code: int


def _tell_exported(answer: Answer) -> Told:
    done = f"{answer['exported']} reports exported to {answer['path']} as {answer['export']}"
    if not answer["kept"]:
        done += "; here they are held until their receipts come"
    if answer["resumed"]:
        done += " (an export that was cut off was finished; run it again for what came since)"
    left = _listed(answer, "skipped")
    code = NotFoundError.exit_code if answer["missing"] else int(answer["damaged_count"] > 0)
    return Told(done, left, code)


def _tell_written(answer: Answer) -> Told:
    done = (
        f"{answer['file']}: {answer['delivered']} delivered, {answer['failed']} failed; "
        f"{answer['waiting']} still wait"
    )
    gone = answer["gone"]
    return Told(done, [f"{gone} have left this queue since"] if gone else [], 0)


def _tell_imported(answer: Answer) -> Told:
    if "acknowledged" in answer:
        return _tell_acknowledged(answer)
    done = f"{answer['imported']} reports imported, {answer['already']} were imported before"
    return Told(done, _listed(answer, "refused"), int(answer["refused_count"] > 0))


def _tell_acknowledged(answer: Answer) -> Told:
    done = f"{answer['acknowledged']} items completed, {answer['already']} were completed before"
    failed = [
        f"item {one['item_id']} was not delivered there either: {one['why']}"
        for one in answer["failed"]
    ]
    if more := answer["failed_count"] - len(failed):
        failed.append(f"and {more} more")
    return Told(done, failed + _listed(answer, "refused"), int(answer["refused_count"] > 0))


def _tell_pywats(answer: Answer) -> Told:
    done = (
        f"{answer['imported']} reports imported, {answer['already']} were imported before; "
        f"{answer['delivered']} are delivered and left alone; {answer['renamed']} files renamed"
    )
    skipped = [f"{one['file']}: {one['why']}" for one in answer["skipped"]]
    if more := answer["skipped_count"] - len(skipped):
        skipped.append(f"and {more} more")
    return Told(done, skipped, int(bool(skipped)))


def _listed(answer: Answer, key: str) -> list[str]:
    """The reasons in the list `key`, and how many more there are."""
    lines = [one["why"] for one in answer[key]]
    if more := answer[f"{key}_count"] - len(lines):
        lines.append(f"and {more} more")
    return lines

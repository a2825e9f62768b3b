"""A backup of the queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import frozen

from pywats_trio.commands.command import Answer, Command, When, arg
from pywats_trio.commands.paths import absolute
from pywats_trio.control import Role
from pywats_trio.errors import InvalidInputError
from pywats_trio.queue.backup.snapshot import About, back_up
from pywats_trio.text import printable, shortened

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pywats_trio.commands.host import OpenQueue, QueueHost
    from pywats_trio.control import Who
    from pywats_trio.model import Kind, State

MOST_TOLD: Final = 100
"""Items of which an answer says what is wrong with them."""
LONGEST: Final = 500
"""Characters of a path or a sentence, so that all of them fit into any answer."""


@frozen
class BackupQueue:
    """The arguments of `backup_queue`."""

    path: str = arg("the file, absolute, as the service sees it")
    force: bool = arg("whether a file that is there already may be replaced", default=False)


async def _backup(host: QueueHost, args: BackupQueue, who: Who) -> Answer:
    queue, board = host.queue(), host.board
    target = absolute(args.path)
    _refuse_own(target, queue)
    about = About(board.instance, board.version)
    made = await back_up(queue.store, queue.database, target, about, replace=args.force)
    missing = [
        {
            "item_id": one.item_id,
            "source": shortened(one.source, LONGEST),
            "why": shortened(one.why, LONGEST),
        }
        for one in made.missing[:MOST_TOLD]
    ]
    answer = {
        "file": printable(str(target)),
        "bytes": made.bytes,
        "items": by_kind(made.contents.items),
        "sources": made.contents.sources,
        "missing_sources": missing,
        "missing_count": len(made.missing),
        "damaged": list(made.contents.damaged[:MOST_TOLD]),
        "damaged_count": len(made.contents.damaged),
    }
    told = {key: answer[key] for key in ("file", "bytes", "sources", "missing_count")}
    await queue.store.note("backup made", {**told, "who": who.name})
    return answer


def _refuse_own(target: Path, queue: OpenQueue) -> None:
    """Files of the queue itself must not be replaced, whatever the operator says."""
    database = queue.database
    same_folder = target.parent.resolve() == database.parent.resolve()
    if same_folder and target.name.startswith(database.name):
        raise InvalidInputError(
            f"{printable(str(target))} is a name of the queue's own files; choose another name"
        )


def by_kind(items: Mapping[tuple[Kind, State], int]) -> dict[str, dict[str, int]]:
    """How many items stand where: by kind, then by state."""
    shown: dict[str, dict[str, int]] = {}
    for (kind, state), count in sorted(items.items()):
        shown.setdefault(kind.value, {})[state.value] = count
    return shown


COMMANDS: Final = (
    Command(
        "backup_queue",
        Role.ADMIN,
        When.WITH_STORE,
        changes=True,
        doc="Copy the queue as it is now into one file, while the service goes on, with the source "
        "files of what is not converted yet; verified before it gets its name.",
        result="`file`; `bytes`; `items`: how many, by kind and state; `sources`: files that wait "
        "to be converted and are in it; `missing_sources`: those that could not be copied, each "
        f"with `item_id`, `source` and `why`, at most {MOST_TOLD} of `missing_count`; `damaged`: "
        "reports that are not what was put in, by number, likewise of `damaged_count`.",
        args=BackupQueue,
        run=_backup,
        offline=True,
        bounded=False,
    ),
)

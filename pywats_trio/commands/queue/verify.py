"""Looking the whole queue through: pages, tables, reports and totals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import trio

from pywats_trio.commands.command import Answer, Command, NoArgs, When
from pywats_trio.control import Role
from pywats_trio.observe.status import iso
from pywats_trio.queue.salvage.damage import SETTING, Damage
from pywats_trio.queue.verify import verify

if TYPE_CHECKING:
    from pywats_trio.commands.host import QueueHost
    from pywats_trio.control import Who

MOST_TOLD: Final = 100
"""Pages, and items, that are named."""


async def _verify(host: QueueHost, _args: NoArgs, who: Who) -> Answer:
    queue = host.queue()
    begun = trio.current_time()
    earlier = Damage.from_json(queue.store.remembered(SETTING))
    found = await verify(queue.store, queue.database, who.name)
    answer: Answer = {
        "whole": found.whole,
        "pages": found.pages,
        "bad_pages": found.bad_pages[:MOST_TOLD],
        "bad_page_count": len(found.bad_pages),
        "problems": found.problems + found.miscounts,
        "items": found.items,
        "reports": found.reports,
        "damaged": [
            {"id": item_id, "state": state.value} for item_id, state in found.damaged[:MOST_TOLD]
        ],
        "damaged_count": len(found.damaged),
        "quarantined": found.quarantined,
        "salvaged": None if earlier is None else _earlier(earlier),
        "seconds": round(trio.current_time() - begun, 3),
    }
    if not found.is_damaged:
        told = ("whole", "pages", "items", "reports", "damaged_count", "quarantined")
        await queue.store.note(
            "queue verified", {"who": who.name, **{key: answer[key] for key in told}}
        )
    if found.whole:
        await queue.store.damage_seen()
    return answer


def _earlier(damage: Damage) -> dict[str, Any]:
    return damage.facts() | {"at": iso(damage.at)}


COMMANDS: Final = (
    Command(
        "verify_queue",
        Role.OPERATOR,
        When.WITH_STORE,
        changes=True,
        doc="Look the whole queue through, beside the work that goes on: the checksums of all "
        "pages, all tables, the checksums of all reports that are not delivered, and the totals. "
        "What is damaged is quarantined; a damaged database is set aside and salvaged. If nothing "
        "is wrong, the warning of an earlier damage ends.",
        result="`whole`: whether nothing is wrong; `pages`, `items`, `reports`: how many were "
        f"looked at; `bad_pages`: the numbers of at most {MOST_TOLD} of `bad_page_count` pages; "
        "`problems`: what else is wrong with the database, a sentence each; `damaged`: `id` and "
        f"`state` of at most {MOST_TOLD} of `damaged_count` items whose report is not what was put "
        "in; `quarantined`: how many of these were so now; `salvaged`: the damage that was found "
        "before and was to be seen to, null if there was none: `what`, `at`, the `folder` of the "
        "old files, and of `total` items those that were `salvaged` or `lost`, of which some are "
        "`quarantined`; `seconds`.",
        args=NoArgs,
        run=_verify,
        offline=True,
        bounded=False,
    ),
)

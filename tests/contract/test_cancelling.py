"""Who is cancelled in the middle of a verb: it happened as a whole or not at all, and is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
from attrs import frozen

from pywats_trio.model import Converted, Delivered, Failed, Kind, Reason, State, Wait
from pywats_trio.queue.actions import Hold, Remove, Resume
from pywats_trio.queue.selection import Selection
from pywats_trio.queue.store import PutAway
from tests.contract.kit import PROBLEM, Bench, CancelAt, a_file, a_report, assert_counts

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pywats_trio.model import Claim
    from pywats_trio.queue.store import Desk, Store

STEPS = range(1, 8)
"""Of the caller's task: more than any verb takes."""

FILE, CLAIMED, SUSPENDED, PENDING = 1, 2, 3, 4


@frozen
class Scene:
    """A store with a finished file and three reports, and who looks at it."""

    store: Store
    desk: Desk
    claim: Claim
    """Of report `CLAIMED`."""


async def _set(store: Store, desk: Desk) -> Scene:
    await store.put([a_file(), a_report(), a_report(), a_report()])
    [file] = await store.claim(Kind.FILE, 1, "job")
    await store.finish(file, Converted((), "ab"))
    claim, other = await store.claim(Kind.REPORT, 2, "pump")
    await store.finish(other, Wait(60.0, Reason.SERVER, PROBLEM))
    return Scene(store, desk, claim)


@frozen
class Verb:
    call: Callable[[Scene], Awaitable[Any]]
    done: Callable[[Scene], Awaitable[bool]]
    """Whether its effect is there."""


def _state_is(item_id: int, state: State | None) -> Callable[[Scene], Awaitable[bool]]:
    async def done(scene: Scene) -> bool:
        item = await scene.desk.item(item_id)
        return (item and item.state) is state

    return done


async def _noted(scene: Scene) -> bool:
    return (await scene.desk.history(after=0, limit=999))[-1].event == "a mark"


async def _remembered(scene: Scene) -> bool:
    return scene.store.remembered("paused") == "Jane"


async def _away(scene: Scene) -> bool:
    return await scene.desk.to_put_away("ict", 1) == []


async def _forgotten(scene: Scene) -> bool:
    return await scene.desk.seen("ict") == {}


VERBS: dict[str, Verb] = {
    "put": Verb(lambda s: s.store.put([a_report(), a_report()]), _state_is(6, State.PENDING)),
    "finish": Verb(
        lambda s: s.store.finish(s.claim, Delivered("thanks")), _state_is(CLAIMED, State.COMPLETED)
    ),
    "fail": Verb(
        lambda s: s.store.finish(s.claim, Failed(PROBLEM)), _state_is(CLAIMED, State.FAILED)
    ),
    "resume": Verb(
        lambda s: s.store.change(Selection(), Resume(), "Jane"), _state_is(SUSPENDED, State.PENDING)
    ),
    "hold": Verb(
        lambda s: s.store.change(Selection(ids=(PENDING, SUSPENDED)), Hold(), "Jane"),
        _state_is(PENDING, State.HELD),
    ),
    "remove": Verb(
        lambda s: s.store.change(Selection(ids=(PENDING,)), Remove(), "Jane"),
        _state_is(PENDING, None),
    ),
    "put away": Verb(lambda s: s.store.put_away([PutAway(FILE, "/done/a.txt")]), _away),
    "forget": Verb(lambda s: s.store.forget(["/in/a.txt"]), _forgotten),
    "note": Verb(lambda s: s.store.note("a mark", {}), _noted),
    "remember": Verb(lambda s: s.store.remember("paused", "Jane"), _remembered),
    "recover": Verb(lambda s: s.store.recover("pump"), _state_is(CLAIMED, State.PENDING)),
}


async def _cancelled_after(steps: int, call: Callable[[], Awaitable[Any]]) -> bool:
    """Whether the call came to its end before it learned that it is cancelled."""
    with trio.CancelScope() as scope:
        instrument = CancelAt(steps, scope)
        trio.lowlevel.add_instrument(instrument)
        try:
            await call()
        finally:
            trio.lowlevel.remove_instrument(instrument)
        return True
    return False


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("name", VERBS)
async def test_a_cancelled_verb_is_done_or_was_never_begun(
    bench: Bench, name: str, steps: int
) -> None:
    verb = VERBS[name]
    async with bench.open() as store, bench.desk() as desk:
        scene = await _set(store, desk)
        before = bench.history()
        ended = await _cancelled_after(steps, lambda: verb.call(scene))
        assert_counts(bench, store)
        if ended or await verb.done(scene):
            assert await verb.done(scene)
        else:
            assert bench.history() == before
            await verb.call(scene)
            assert await verb.done(scene)
        assert_counts(bench, store)
        seqs = [entry.seq for entry in bench.history()]
        assert seqs == sorted(set(seqs))


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("limit", [1, 3])
async def test_a_cancelled_claim_leaves_nothing_in_hand(
    bench: Bench, steps: int, limit: int
) -> None:
    async with bench.open() as store, bench.desk() as desk:
        await _set(store, desk)
        await store.put([a_report(), a_report()])
        ended = await _cancelled_after(steps, lambda: store.claim(Kind.REPORT, limit, "pump"))
        taken = limit if ended else 0
        assert store.counts().of(Kind.REPORT, State.PROCESSING) == 1 + taken
        assert store.counts().of(Kind.REPORT, State.PENDING) == 3 - taken
        assert_counts(bench, store)
        assert len(await store.claim(Kind.REPORT, 9, "pump")) == 3 - taken


@pytest.mark.parametrize("steps", STEPS)
async def test_a_change_of_many_that_is_cancelled_changed_some_and_can_be_asked_again(
    bench: Bench, steps: int
) -> None:
    count = 450
    async with bench.open() as store:
        ids = tuple(n for n in await store.put([a_report() for _ in range(count)]) if n)
        asked = Selection(ids=ids)
        await _cancelled_after(steps, lambda: store.change(asked, Hold(), "Jane"))
        held = store.counts().of(Kind.REPORT, State.HELD)
        assert_counts(bench, store)
        assert await store.change(asked, Hold(), "Jane") == count - held
        assert store.counts().of(Kind.REPORT, State.HELD) == count
        assert_counts(bench, store)


@pytest.mark.parametrize("steps", range(1, 5))
async def test_a_reading_that_is_cancelled_does_not_disturb_the_next(
    bench: Bench, steps: int
) -> None:
    async with bench.open() as store, bench.desk() as desk:
        await store.put([a_report(), a_report()])
        await _cancelled_after(steps, lambda: desk.find(Selection()))
        page = await desk.find(Selection())
        assert [item.id for item in page.items] == [2, 1]

"""Files that are handed over: accepted durably or refused plainly, and never in between."""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio
import trio.lowlevel
from attrs import evolve

from pywats_trio import faultpoint
from pywats_trio.config.options import MIB
from pywats_trio.devserver import Fault, open_devserver
from pywats_trio.errors import InvalidInputError, NotFoundError, QueueFull, StoreError
from pywats_trio.faultpoint import VARIABLE
from pywats_trio.model import State
from tests.contract.kit import CancelAt
from tests.e2e.books import Books, files_in, lives
from tests.e2e.clients import peer
from tests.e2e.harness import daemon, write_config
from tests.e2e.plant import plant, stamping, with_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.e2e.plant import Plant

NAMES = [
    "with 'quotes', \"more\" and space.json",
    "line\nbreak.json",
    "ünïcode-\U0001f600.json",
    os.fsdecode(b"no-\xff-utf8.json"),
    "-rf.json",
]
REFUSING = """
from pywats_trio.converters import Converter, Reject


class Refuse(Converter):
    id = "refuse"
    patterns = ("*.json",)

    def detect(self, source):
        return 1.0

    def convert(self, source, context):
        raise Reject("I do not like it")


class Kill(Converter):
    id = "kill"
    patterns = ("*.json",)

    def convert(self, source, context):
        import os
        os._exit(9)
"""


@pytest.fixture
def arm() -> Iterator[Callable[[str], None]]:
    yield faultpoint.arm
    faultpoint.arm("")


def outside(here: Plant, tmp_path: Path, count: int = 1) -> list[Path]:
    """Files that lie in no watch folder; they are in the books."""
    books = Books(tmp_path / "outside")
    books.folder.mkdir(exist_ok=True)
    books.dropped = here.books.dropped
    new = books.drop(count)
    return [books.folder / file.name for file in new]


def inbox(tmp_path: Path) -> list[Path]:
    """The folders of the copies in the inbox."""
    folder = tmp_path / "data" / "inbox"
    return list(folder.iterdir()) if folder.exists() else []


def refusing(tmp_path: Path, name: str = "Refuse") -> str:
    (tmp_path / "refusing.py").write_text(REFUSING)
    return f"{tmp_path / 'refusing.py'}:{name}"


# Accepted


async def test_a_file_is_converted_and_its_copy_goes_while_the_file_stays(tmp_path: Path) -> None:
    async with plant(tmp_path, audited=False) as here:
        [path] = outside(here, tmp_path)
        before = path.stat(), path.read_bytes()
        item = await here.service.submit_file(path)
        assert (item.state, item.converter) in [
            (state, "line-1") for state in (State.PENDING, State.PROCESSING, State.COMPLETED)
        ]
        assert (await here.service.wait(item.id)).delivered
        await until_gone(tmp_path)
        assert (path.stat(), path.read_bytes()) == before
        assert files_in(here.site.watch / "Done") == {}
        assert 'pywats_intake_files_total{converter="line-1",outcome="submitted"} 1.0' in shown(
            here
        )


def shown(here: Plant) -> str:
    from prometheus_client import generate_latest

    return generate_latest(here.service.board.metrics.registry).decode()


async def until_gone(tmp_path: Path) -> None:
    """Putting away comes after the delivery, and nothing is told of it."""
    with trio.fail_after(20):
        while inbox(tmp_path):
            await trio.lowlevel.checkpoint()


@pytest.mark.parametrize("name", NAMES, ids=ascii)
async def test_a_file_keeps_its_name_whatever_it_is(tmp_path: Path, name: str) -> None:
    async with plant(tmp_path, audited=False) as here:
        [path] = outside(here, tmp_path)
        item = await here.service.submit_file(path.rename(path.with_name(name)))
        assert Path(item.source).name == name
        assert (await here.service.wait(item.id)).delivered
        await until_gone(tmp_path)


async def test_the_same_file_twice_is_sent_twice_under_one_id(tmp_path: Path) -> None:
    async with plant(tmp_path, audited=False) as here:
        [path] = outside(here, tmp_path)
        items = [await here.service.submit_file(path) for _ in range(2)]
        for item in items:
            assert (await here.service.wait(item.id)).delivered
        assert list(here.server.journal.sends().values()) == [2]


async def test_the_most_urgent_is_converted_first(tmp_path: Path) -> None:
    kind, slow = stamping(tmp_path), {"seconds": 0.4}
    async with plant(tmp_path, audited=False, type=kind, arguments=slow) as here:
        paths = outside(here, tmp_path, 3)
        first = await here.service.submit_file(paths[0])
        await here.site.until_event("a converter says")
        late = await here.service.submit_file(paths[1], priority=9)
        urgent = await here.service.submit_file(paths[2], priority=1)
        for item in (first, late, urgent):
            await here.service.wait(item.id)
        done = [record["item_id"] for record in here.site.events("file converted")]
        assert done == [first.id, urgent.id, late.id]


async def test_the_converter_may_be_named_or_is_the_surest(tmp_path: Path) -> None:
    async with plant(tmp_path, audited=False) as here:
        [line] = here.config.converters
        (tmp_path / "xml").mkdir()
        xml = evolve(line, name="xml", type="wats-xml", watch=tmp_path / "xml")
        await here.service.reload(evolve(here.config, converters=(xml, line)))
        paths = outside(here, tmp_path, 2)
        surest = await here.service.submit_file(paths[0])
        named = await here.service.submit_file(paths[1], converter="xml")
        assert (surest.converter, named.converter) == ("line-1", "xml")
        assert (await here.service.wait(surest.id)).delivered
        assert not (await here.service.wait(named.id)).delivered


async def test_a_submitted_file_outlives_restarts_with_a_watch_folder_beside_it(
    tmp_path: Path,
) -> None:
    # The watch folder's first look must not take the copy for a file that has gone.
    hanging = Fault(hang=True)
    async with open_devserver(faults=(hanging,)) as server:
        type_ = stamping(tmp_path)
        config = write_config(
            tmp_path, server.url, converter={"type": type_, "patterns": ["*.json"]}
        )
        away = "raise ImportError('not now')"
        (tmp_path / "stamping.py").write_text(away)
        books = Books(tmp_path / "outside")
        books.folder.mkdir()
        [file] = books.drop(1)
        for life in range(3):
            async with daemon(config) as running:
                if life == 0:
                    async with peer(running) as client:
                        path = str(books.folder / file.name)
                        await client.ask("submit_file", path=path, converter="line-1")
                # A file that comes makes the store forget what has gone from the folder.
                (tmp_path / "drop" / f"{life}.json").write_bytes(b"{}")
                await running.until_event("files accepted")
                running.kill()
                assert await running.end() == -9
            [copies] = inbox(tmp_path)
            assert set(files_in(copies)) == {file.name}
        server.faults.clear()
        stamping(tmp_path)
        async with daemon(config) as running:
            await running.until_true(partial(books.until_delivered, server))
            assert await running.stop() == 0


async def test_a_kill_after_a_file_was_accepted_delivers_it_once(tmp_path: Path) -> None:
    async with open_devserver() as server:
        config = write_config(tmp_path, server.url)
        books = Books(tmp_path / "outside")
        books.folder.mkdir()
        [file] = books.drop(1)
        fault = {VARIABLE: "convert.claimed=kill@1"}
        async with daemon(config, environment=fault) as running, peer(running) as client:
            await client.send("submit_file", path=str(books.folder / file.name))
            assert await running.end() == -9
        async with daemon(config) as running:
            await running.until_true(partial(books.until_delivered, server))
            assert await running.stop() == 0
        assert server.journal.sends() == {file.report_id: 1}
        assert {life.state for life in lives(tmp_path / "data")} == {"COMPLETED"}
        assert inbox(tmp_path) == []


# Refused


async def test_a_refused_file_lies_in_the_error_folder_with_its_reason(tmp_path: Path) -> None:
    kind = refusing(tmp_path)
    async with plant(tmp_path, audited=False, type=kind, patterns=("*.json",)) as here:
        [path] = outside(here, tmp_path)
        ended = await here.service.wait((await here.service.submit_file(path)).id)
        assert (ended.delivered, ended.item.state) == (False, State.FAILED)
        await here.site.until_event("file refused")
        errors = here.site.watch / "Error"
        assert set(files_in(errors)) == {path.name, f"{path.name}.error.json"}
        told = json.loads((errors / f"{path.name}.error.json").read_text())
        assert "I do not like it" in json.dumps(told)
        assert (errors / path.name).read_bytes() == path.read_bytes()
        await until_gone(tmp_path)


async def test_a_file_that_kills_its_workers_is_set_aside(tmp_path: Path) -> None:
    kind = refusing(tmp_path, "Kill")
    async with plant(tmp_path, audited=False, type=kind, patterns=("*.json",)) as here:
        [path] = outside(here, tmp_path)
        item = await here.service.submit_file(path, converter="line-1")
        ended = await here.service.wait(item.id)
        assert ended.item.state is State.QUARANTINED
        await here.site.until_event("file refused")
        assert path.name in files_in(here.site.watch / "Error")
        await until_gone(tmp_path)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("nobody", "there is no converter 'nobody'"),
        ("off", "the converter 'off' is disabled; set enabled = true in the configuration, and"),
    ],
)
async def test_a_converter_that_is_not_there_or_off_is_refused_with_those_that_are(
    tmp_path: Path, name: str, why: str
) -> None:
    async with plant(tmp_path, audited=False) as here:
        [line] = here.config.converters
        off = evolve(line, name="off", watch=tmp_path / "outside", enabled=False)
        [path] = outside(here, tmp_path)
        await here.service.reload(evolve(here.config, converters=(line, off)))
        with pytest.raises(NotFoundError, match=f"{why}.*; enabled are: line-1$"):
            await here.service.submit_file(path, converter=name)
        assert inbox(tmp_path) == []


async def test_without_any_converter_nothing_is_taken(tmp_path: Path) -> None:
    async with plant(tmp_path, audited=False) as here:
        [path] = outside(here, tmp_path)
        await here.service.reload(with_line(here.config, enabled=False))
        with pytest.raises(NotFoundError, match=r"^no converter is enabled$"):
            await here.service.submit_file(path)


async def test_a_format_that_nobody_knows_is_refused_by_its_name(tmp_path: Path) -> None:
    async with plant(tmp_path, audited=False) as here:
        [line] = here.config.converters
        (tmp_path / "xml").mkdir()
        xml = evolve(line, name="xml", type="wats-xml", watch=tmp_path / "xml")
        await here.service.reload(evolve(here.config, converters=(xml, line)))
        strange = tmp_path / "strange.bin"
        strange.write_bytes(b"\x00\x01\x02")
        with pytest.raises(InvalidInputError, match=r"knows the format of strange\.bin; name one"):
            await here.service.submit_file(strange)
        assert inbox(tmp_path) == []


@pytest.mark.parametrize("kind", ["too large", "empty", "missing", "folder", "pipe"])
async def test_what_cannot_be_taken_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    async with plant(tmp_path, audited=False, workers={"max_input_mb": 1}) as here:
        path = tmp_path / "strange.json"
        match kind:
            case "too large":
                path.write_bytes(b" " * (MIB + 1))
            case "empty":
                path.touch()
            case "folder":
                path.mkdir()
            case "pipe":
                os.mkfifo(path)
            case _:
                pass
        with trio.fail_after(10), pytest.raises((InvalidInputError, NotFoundError)):
            await here.service.submit_file(path)
        assert inbox(tmp_path) == []


@pytest.mark.parametrize("unfinished", [1, 2, 3])
async def test_at_the_mark_the_next_is_refused_until_there_is_room(
    tmp_path: Path, unfinished: int
) -> None:
    async with plant(tmp_path, audited=False) as here:
        config = here.config
        await here.service.reload(evolve(config, queue=evolve(config.queue, max_items=2)))
        here.server.faults.set(Fault(hang=True))
        paths = outside(here, tmp_path, 3)
        results: list[object] = []

        async def submit(path: Path) -> None:
            try:
                results.append((await here.service.submit_file(path)).id)
            except QueueFull as error:
                results.append(str(error))

        async with trio.open_nursery() as nursery:
            for path in paths[:unfinished]:
                nursery.start_soon(submit, path)
        taken = [one for one in results if isinstance(one, int)]
        assert len(taken) == min(unfinished, 2)
        here.server.faults.clear()
        for item_id in taken:
            assert (await here.service.wait(item_id)).delivered
        assert (await here.service.submit_file(paths[0])).id


async def test_a_store_that_does_not_commit_refuses_and_keeps_no_copy(
    tmp_path: Path, arm: Callable[[str], None]
) -> None:
    async with plant(tmp_path, audited=False) as here:
        [path] = outside(here, tmp_path)
        arm("store.before_commit=raise")
        with pytest.raises(StoreError):
            await here.service.submit_file(path)
        arm("")
        assert inbox(tmp_path) == []
        item = await here.service.submit_file(path)
        assert (await here.service.wait(item.id)).delivered


# Cancelled


@pytest.mark.parametrize("steps", range(1, 10))
async def test_a_submit_that_is_cancelled_is_accepted_or_leaves_nothing(
    tmp_path: Path, steps: int
) -> None:
    async with plant(tmp_path, audited=False) as here:
        [path] = outside(here, tmp_path)
        with trio.CancelScope() as scope:
            instrument = CancelAt(steps, scope)
            trio.lowlevel.add_instrument(instrument)
            try:
                await here.service.submit_file(path)
            finally:
                trio.lowlevel.remove_instrument(instrument)
        items = await here.service.items()
        accepted = [item for item in items if item.converter == "line-1" and not item.parent_id]
        assert len(accepted) <= 1
        for item in accepted:
            assert (await here.service.wait(item.id)).delivered
        await until_gone(tmp_path)
        assert path.exists()


async def test_submits_and_reloads_at_once_lose_nothing(tmp_path: Path) -> None:
    async with plant(tmp_path, audited=False) as here:
        paths = outside(here, tmp_path, 20)
        async with trio.open_nursery() as nursery:
            for path in paths:
                nursery.start_soon(here.service.submit_file, path)
            for number in range(1, 5):
                nursery.start_soon(here.service.reload, with_line(here.config, priority=number))
        await here.arrived()
        assert set(here.server.journal.sends().values()) == {1}
        await until_gone(tmp_path)

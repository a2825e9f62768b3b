"""A worker ends with the service, however that ends and whatever the worker does about it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest

from tests.attacks.runs import FREE
from tests.convert.kit import Told
from tests.sandbox.children import ROOT, kernel_layers

if TYPE_CHECKING:
    from pathlib import Path

SERVICE: Final = f"""
import json, os, sys
sys.path[:0] = [{str(ROOT)!r}]
import trio
from pathlib import Path
from tests.attacks.arena import ask, running
from tests.attacks.field import Field


async def main(folder: str, level: str, attack: str) -> None:
    field = Field(Path(folder))
    async def fight() -> None:
        raise AssertionError(await ask(pool, field.code, "attacker", field.bad))

    async with running(field, level) as pool, trio.open_nursery() as nursery:
        field.arm(attack, server=os.getpid(), sibling=os.getpid())
        nursery.start_soon(fight)
        path = field.scratch
        while not list(path.glob("*/begun")):
            await trio.sleep(0.01)
        print(json.dumps(pool.pids()), flush=True)
        await trio.sleep_forever()


trio.run(main, *sys.argv[1:])
"""


@pytest.mark.parametrize(
    ("level", "attack"),
    [
        (FREE, "read_the_lifeline"),
        pytest.param("standard", "read_the_lifeline", marks=kernel_layers),
        pytest.param("standard", "fight_for_life", marks=kernel_layers),
        pytest.param("strict", "fight_for_life", marks=kernel_layers),
    ],
)
def test_it_ends_with_a_service_that_is_killed(tmp_path: Path, level: str, attack: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SERVICE, str(tmp_path), level, attack], stdout=subprocess.PIPE
    ) as service:
        assert service.stdout is not None
        try:
            workers = [Told(pid) for pid in json.loads(service.stdout.readline())]
            assert workers
        finally:
            service.kill()
    assert all(worker.wait_gone() for worker in workers)

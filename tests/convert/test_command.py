"""What a worker is told that it may read, and a module that lies where it may not."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest
import structlog
import trio

from pywats_trio.config.options import WorkerOptions
from pywats_trio.convert import command
from pywats_trio.convert.pool import Pool
from pywats_trio.convert.request import describing
from pywats_trio.convert.said import Description, Unusable
from pywats_trio.converters.registry import parse
from tests.sandbox.children import kernel_layers

CODE = Path(__file__).parents[1] / "converters_hostile" / "good.py"


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of Python's path with a module, a package and a file."""
    folder = tmp_path / "lab"
    (folder / "lab_package").mkdir(parents=True)
    (folder / "lab_package" / "__init__.py").touch()
    (folder / "lab_package" / "inner.py").write_text(CODE.read_text())
    (folder / "lab_module.py").write_text(CODE.read_text())
    (folder / "station.toml").touch()
    monkeypatch.syspath_prepend(folder)
    return folder


def may_read(*secrets: Path) -> list[str]:
    return command.readable(shared=False, secrets=map(str, secrets))


@pytest.mark.parametrize("module", ["lab_module", "lab_package", "lab_package.inner"])
def test_the_folder_of_a_module_beside_a_secret_is_withheld(lab: Path, module: str) -> None:
    assert command.withheld(module, may_read()) == ""
    assert command.withheld(module, may_read(lab.with_name("other"))) == ""
    assert command.withheld(module, may_read(lab / "station.toml")) == str(lab)


@pytest.mark.parametrize("module", ["sys", "json.decoder", "nowhere", "loaded"])
def test_what_belongs_to_python_or_is_not_there_is_not_withheld(
    module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = ModuleType("loaded")  # without a spec, as `__main__` may be
    monkeypatch.setitem(sys.modules, "loaded", loaded)
    assert command.withheld(module, may_read()) == ""


@kernel_layers
@pytest.mark.parametrize("secret", ["station.toml", ""])
async def test_a_module_that_no_worker_may_read_is_told_with_what_to_do(
    lab: Path, tmp_path: Path, secret: str
) -> None:
    spec = parse("lab_module:Good")
    secrets = [str(lab / secret)] if secret else []
    pool = Pool(WorkerOptions(max=1), tmp_path / "scratch", secrets=secrets)
    with structlog.testing.capture_logs() as said:
        async with trio.open_nursery() as nursery:
            await nursery.start(pool.run)
            answer = await pool.ask(spec, "line", describing(spec))
            nursery.cancel_scope.cancel()
    assert isinstance(answer, Unusable if secret else Description)
    if isinstance(answer, Unusable):  # as it is told everywhere, and not in the log alone
        assert "No module named 'lab_module'; " in answer.why
        assert f"no worker may read {lab}, for it holds the configuration, " in answer.why
        assert answer.why.endswith("keep modules of converters in a folder of their own")
    told = [one["folder"] for one in said if "may not import" in one["event"]]
    assert told == ([str(lab)] if secret else [])

"""What `import pywats_client` finds, each time in an interpreter of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.pywats.kit import CLASSES
from tests.pywats.standard_set import INSTALLED

ROOT = Path(__file__).parents[2]
MODULES = (
    "base",
    "context",
    "conversion_log",
    "file_converter",
    "folder_converter",
    "models",
    "sandbox",
    "scheduled_converter",
)

without_pywats = pytest.mark.skipif(INSTALLED, reason="pywats-api is installed: it is used")


def run(code: str, *path: Path) -> str:
    """What `code` prints, after the worker's room was provided."""
    begin = f"import sys; sys.path[:0] = {[str(one) for one in (*path, ROOT)]!r}\n"
    ran = subprocess.run(
        [sys.executable, "-c", begin + code], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


INSIDE = """
from pywats_trio.converters.pywats import adapt, provided
with provided():
"""


@without_pywats
def test_without_pywats_both_import_places_give_the_same_names() -> None:
    code = INSIDE + "".join(
        f"    import pywats_client.converters.{name}\n"
        f"    from pywats_client.converters import {name}\n"
        f"    assert pywats_client.converters.{name} is {name}\n"
        for name in MODULES
    )
    code += """
    import pywats_client.exceptions
    from pywats_client import converters, ConverterBase, ConverterError, FileInfo, CSVConverter
    from pywats_client.converters import *
    from pywats_client.converters.models import FileInfo as same
    assert same is FileInfo is base.FileInfo and ConverterBase is base.ConverterBase
    print(*sorted(converters.__all__))
"""
    wanted = (
        "SourceType ConverterType ConversionStatus PostProcessAction ArgumentType FileInfo "
        "ConverterSource ValidationResult ConverterResult ArgumentDefinition ConversionRecord "
        "FailureRecord FileConverter FolderConverter ScheduledConverter ConverterContext "
        "ConverterBase SandboxCapability ResourceLimits SandboxConfig ConverterValidator "
        "ConverterSandbox SandboxError SandboxTimeoutError SandboxSecurityError ConverterError "
        "FileFormatError FileAccessError ConverterConfigError"
    )
    assert set(wanted.split()) <= set(run(code).split())


@without_pywats
@pytest.mark.parametrize(
    "line",
    [
        "from pywats.domains.report import UUTReport",
        "import pywats_client.service",
        "import pywats_client.converters.standard",
    ],
)
def test_what_only_pywats_has_is_named_with_the_package_that_brings_it(line: str) -> None:
    code = f"""
from pywats_trio.converters.pywats import provided
from pywats_trio.errors import LoadError
try:
    with provided():
        {line}
except LoadError as error:
    print(error)
"""
    told = run(code)
    assert line.split()[1] in told or "imports pywats," in told
    assert "pip install 'pywats-trio[pywats]'" in told


def test_a_missing_module_of_somebody_else_is_left_alone() -> None:
    code = INSIDE.replace("with", "try:\n  with") + "    import nothing_of_that_name\n"
    code += "except ModuleNotFoundError as error:\n  print(error)\n"
    assert run(code) == "No module named 'nothing_of_that_name'"


def an_installation(folder: Path) -> Path:
    """A `pywats_client` whose packages import a GUI toolkit, as those of pywats-api do."""
    root = folder / "pywats_client"
    for package in (root, root / "core"):
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("from PySide6.QtCore import QObject\n")
    (root / "core" / "logging.py").write_text("WHERE = 'logs'\n")
    (root / "exceptions.py").write_text(stand_in("exceptions"))
    converters = root / "converters"
    converters.mkdir()
    (converters / "__init__.py").write_text("REAL = True\n" + stand_in("file_converter"))
    for name in MODULES:
        (converters / f"{name}.py").write_text(stand_in(name))
    return folder


def stand_in(name: str) -> str:
    return f"from pywats_trio.converters.pywats.shims.{name} import *\n"


def test_an_installed_pywats_is_used_without_what_needs_a_screen(tmp_path: Path) -> None:
    code = (
        INSIDE
        + """
    from pywats_client.core.logging import WHERE
    from pywats_client.converters import REAL
    from pywats_client import ConverterBase, ConverterError
    import pywats_client.converters.base as base
    assert REAL and ConverterBase is base.ConverterBase
with provided():  # a second converter in the same worker
    from pywats_client.converters import REAL
import pywats_client
print(WHERE, pywats_client.__file__, hasattr(pywats_client, "ClientService"))
"""
    )
    where = an_installation(tmp_path) / "pywats_client" / "__init__.py"
    assert run(code, tmp_path) == f"logs {where} False"


def a_large_package(folder: Path) -> Path:
    """`pywats` with a package in it; each says when it runs."""
    inner = folder / "pywats" / "core"
    inner.mkdir(parents=True)
    (inner.parent / "__init__.py").write_text(
        "print('pywats runs')\nfrom pywats.core import ERROR\nfrom .other import OTHER\n"
        "__all__ = ['ERROR']\n"
    )
    (inner.parent / "other.py").write_text("import pywats\nOTHER = hasattr(pywats, 'OTHER')\n")
    (inner / "__init__.py").write_text("print('core runs')\nERROR = 7\n")
    (inner / "logging.py").write_text("WHERE = 'logs'\n")
    return folder


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("import pywats, pywats.core.logging; print(pywats.core.logging.WHERE)", "logs"),
        ("from pywats.core.logging import WHERE; print(WHERE)", "logs"),
        ("from pywats.core import logging; print(logging.WHERE)", "core runs\nlogs"),
        ("import pywats.core; print(pywats.core.ERROR, pywats.core.ERROR)", "core runs\n7 7"),
        ("from pywats import *; print(ERROR)", "pywats runs\ncore runs\n7"),
        ("from pywats import OTHER; print(OTHER)", "pywats runs\ncore runs\nFalse"),
        ("import pywats.core; print(hasattr(pywats.core, 'nothing'))", "core runs\nFalse"),
        ("import pywats; print(pywats.__file__ == pywats.__spec__.origin)", "True"),
    ],
)
def test_a_large_package_runs_when_what_it_defines_is_asked_for(
    tmp_path: Path, lines: str, told: str
) -> None:
    code = f"{INSIDE}    {lines}"
    assert run(code, a_large_package(an_installation(tmp_path))) == told


def test_base_classes_do_not_have_the_whole_of_pywats_run(tmp_path: Path) -> None:
    code = f"""{INSIDE}
    from pywats_client.converters import ConverterResult, FileConverter, ConverterBase
    import pywats_client.converters.models, pywats_client.converters.base, pywats_client.core
    assert ConverterResult is pywats_client.converters.models.ConverterResult
    assert "REAL" not in vars(pywats_client.converters)
    print(pywats_client.core.__name__)
"""
    assert run(code, a_large_package(an_installation(tmp_path))) == "pywats_client.core"


def test_a_package_that_cannot_run_says_why_each_time(tmp_path: Path) -> None:
    a_large_package(an_installation(tmp_path))
    (tmp_path / "pywats" / "__init__.py").write_text("import nothing_of_that_name\n")
    code = f"""{INSIDE}    import pywats
for _ in range(2):
    try:
        pywats.anything
    except ModuleNotFoundError as error:
        print(error.name)
"""
    assert run(code, tmp_path).split() == ["nothing_of_that_name"] * 2


def test_on_unload_is_called_once_for_each_instance(tmp_path: Path) -> None:
    (tmp_path / "leaving.py").write_text("""
from pywats_client.converters import ConverterResult, FileConverter

class Leaving(FileConverter):
    name = "leaving"
    def on_load(self, context):
        print("load")
    def convert(self, source, context):
        print("convert")
        return ConverterResult.success_result()
    def on_unload(self):
        print("unload")
        raise RuntimeError("the hook is broken")
""")
    code = (
        INSIDE
        + """
    from leaving import Leaving
    converter = adapt(Leaving)
import logging, pathlib
from pywats_trio.converters.api import Context, Source, Station
scratch = pathlib.Path(sys.path[0])
for n in range(2):
    (scratch / str(n)).mkdir()
    context = Context({"alarm_threshold": 0.5, "reject_threshold": 0.2}, Station("S1"),
                      logging.getLogger("job"), scratch / str(n))
    converter.convert(Source.from_bytes(b"x", path="/a/x.txt"), context)
print(converter.detect(Source.from_bytes(b"x", path="/a/x.txt")))
converter.unload()
converter.unload()
"""
    )
    told = ["load", "convert", "convert", "load", "0.3", "unload", "unload"]
    assert run(code, tmp_path).split() == told


def test_the_classes_of_these_tests_know_nothing_of_us() -> None:
    for path in CLASSES.glob("*.py"):
        assert "pywats_trio" not in path.read_text()

"""The reference page of the configuration, made from the options themselves.

`python -m pywats_trio.config.reference > docs/reference/configuration.md`; a test compares the two.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from pywats_trio.config import options, tables

if TYPE_CHECKING:
    from collections.abc import Iterator

TABLES: Final = (
    ("", options.Config),
    ("[server]", options.ServerOptions),
    ("[station]", options.StationOptions),
    ("[queue]", options.QueueOptions),
    ("[retry]", options.RetryOptions),
    ("[workers]", options.WorkerOptions),
    ("[[converters]]", options.ConverterOptions),
    ("[ipc]", options.IpcOptions),
    ("[health]", options.HealthOptions),
    ("[log]", options.LogOptions),
    ("[shutdown]", options.ShutdownOptions),
    ("[supervision]", options.SupervisionOptions),
)

HEAD: Final = """\
# Configuration

<!-- Made by `python -m pywats_trio.config.reference`; change the options, not this page. -->

TOML; JSON is read too. The file is named by `--config`, else by `$PYWATS_TRIO_CONFIG`, else it is
`pywats-trio/config.toml` in the user's, then in the site's configuration folder. An environment
variable such as `PYWATS_TRIO__SERVER__TOKEN` overrides a key. Unknown keys are errors.
`pywats-trio config check` names every problem with its line, `config show` prints the values in
force and where each came from.

Sizes are bytes or text such as `"512MiB"`; durations are seconds or text such as `"7d"`.
"""


def reference() -> str:
    """The whole page."""
    return HEAD + "".join(line for title, cls in TABLES for line in _table(title, cls))


def _table(title: str, cls: type[attrs.AttrsInstance]) -> Iterator[str]:
    name = f"`{title}`" if title else "At the top"
    yield f"\n## {name}\n\n| key | default | range | meaning |\n|---|---|---|---|\n"
    for field in tables.options(cls).values():
        if not isinstance(field.default, attrs.Factory) or title:  # type: ignore[arg-type]
            yield _row(field)


def _row(field: attrs.Attribute[Any]) -> str:
    about = field.metadata
    doc = about["doc"] + ("" if about["built"] else " (**not built yet: refused**)")
    return f"| `{field.name}` | {_default(field.default)} | {_range(about)} | {doc} |\n"


def _default(value: object) -> str:
    match value:
        case attrs.Factory() | Path() | None | "" | ():  # type: ignore[misc]
            return ""
        case bool():
            return f"`{str(value).lower()}`"
        case tuple():
            return f"`{list(value)}`".replace("'", '"')
        case str():
            return f'`"{value}"`'
        case _:
            return f"`{value}`"


def _range(about: Any) -> str:  # noqa: ANN401 - an attrs field's metadata
    if about["choices"]:
        return ", ".join(f"`{choice}`" for choice in about["choices"] if choice)
    low, high = about["low"], about["high"]
    if low is None and high is None:
        return ""
    unit = f" {about['unit']}" if about["unit"] else ""
    return f"{low:,} or more{unit}" if high is None else f"{low:,} to {high:,}{unit}"


if __name__ == "__main__":
    sys.stdout.write(reference())

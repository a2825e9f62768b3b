"""Where a configuration is looked up, and where a service listens if it says nothing.

Quick to import, for commands that only want to find the service.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Final

import platformdirs

from pywats_trio.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE_VARIABLE: Final = "PYWATS_TRIO_CONFIG"


def find(path: Path | None, environ: Mapping[str, str]) -> Path:
    """The configuration file: `path`, $PYWATS_TRIO_CONFIG, the user's, the site's (platformdirs).

    Raises NotFoundError where what was named does not exist, or none of them does.
    """
    if path is None and environ.get(FILE_VARIABLE):
        path = Path(environ[FILE_VARIABLE])
    if path is not None:
        if not path.exists():
            raise NotFoundError(f"{path}: there is no such configuration file")
        return path
    places = usual_places()
    for place in places:
        if place.exists():
            return place
    raise NotFoundError(
        f"there is no configuration: neither {places[0]} nor {places[1]} exists; make one with "
        f"`pywats-trio config init`, or name a file with --config or {FILE_VARIABLE}"
    )


def usual_places() -> tuple[Path, Path]:
    """Where a configuration is looked up that nobody named: the user's, then the site's."""
    user = platformdirs.user_config_dir("pywats-trio", appauthor=False)
    site = platformdirs.site_config_dir("pywats-trio", appauthor=False)
    return Path(user) / "config.toml", Path(site) / "config.toml"


def default_socket(instance: str) -> Path:
    """Where local control listens if `ipc.socket` says nothing."""
    with warnings.catch_warnings():
        # It warns where it falls back to a folder of the user's in the temporary one: good enough,
        # for the listener insists on a folder that is its own.
        warnings.simplefilter("ignore")
        runtime = platformdirs.user_runtime_dir("pywats-trio", appauthor=False)
    return Path(runtime) / f"{instance}.sock"

"""What a Python interpreter reads to import and to run."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_LIBRARIES: Final = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib")
_DATA: Final = (
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/timezone",
    "/usr/share/zoneinfo",
    "/usr/share/locale",
    # `mimetypes` and OpenSSL look whether these are there, which cannot be forbidden, and then take
    # it badly that they cannot be read. OpenSSL's says which hashes the administrator allows.
    "/etc/mime.types",
    "/etc/ssl/openssl.cnf",
    "/etc/pki/tls/openssl.cnf",
    "/etc/crypto-policies/back-ends/opensslcnf.config",
    # How many processors there are and what they can: numeric libraries choose their code by it.
    "/proc/cpuinfo",
    "/sys/devices/system/cpu",
)
_TOO_WIDE: Final = frozenset(
    Path("/", name)
    for name in (
        *("", "boot", "dev", "etc", "home", "media", "mnt", "opt", "proc", "root", "run", "srv"),
        *("sys", "tmp", "usr", "var", "var/lib", "var/tmp"),
    )
)


def python_roots(
    extra: Iterable[str] = (), *, path: Iterable[str] | None = None, secrets: Iterable[str] = ()
) -> tuple[str, ...]:
    """Folders and files, real paths, none below another: where modules, libraries and data are.

    `extra` are more of them, `path` stands in for `sys.path`. What would lay open too much is left
    out, even if it is in `sys.path`: the top of the tree, a home folder as a whole, and each folder
    that holds one of `secrets`. Looks at some forty paths: a few milliseconds, so ask once.
    """
    prefixes = (sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix)
    libraries = [f"{prefix}/{name}" for prefix in prefixes for name in ("lib", "lib64")]
    modules = [entry for entry in (sys.path if path is None else path) if entry]
    wanted = dict.fromkeys((*modules, *libraries, *_LIBRARIES, *_DATA, *extra))
    hidden = [Path(secret).resolve() for secret in (*secrets, os.path.expanduser("~"))]  # noqa: PTH111
    real = {Path(one).resolve() for one in wanted}
    return _outermost(one for one in real if one.exists() and not _too_wide(one, hidden))


def _too_wide(root: Path, hidden: Iterable[Path]) -> bool:
    return root in _TOO_WIDE or any(one.is_relative_to(root) for one in hidden)


def _outermost(roots: Iterable[Path]) -> tuple[str, ...]:
    kept: list[Path] = []
    for root in sorted(roots):  # a folder comes before what is in it
        if not kept or not root.is_relative_to(kept[-1]):
            kept.append(root)
    return tuple(map(str, kept))

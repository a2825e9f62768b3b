"""What root may do beyond others, given up: a worker of a service that runs as root is no root."""

from __future__ import annotations

import ctypes
import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pywats_trio.sandbox.kernel import Kernel

_VERSION_3: Final = 0x2008_0522
_KEPT: Final = 1 << 1 | 1 << 2
"""CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH (linux/capability.h): a service that runs as root has
converters and scratch folders of anybody. Which of all files it may reach, Landlock says."""


def drop(kernel: Kernel) -> None:
    """Keep none but the right to reach files whoever owns them; without any there is nothing to do.

    Without CAP_SYS_RESOURCE the resource limits hold for root, too.

    Raises:
        OSError: the kernel refuses.
    """
    header = struct.pack("=Ii", _VERSION_3, 0)
    held = ctypes.create_string_buffer(24)
    kernel.call("capget", header, held)
    effective, permitted, _inheritable, *_upper = struct.unpack("=6I", held.raw)
    kept = struct.pack("=6I", effective & _KEPT, permitted & _KEPT, 0, 0, 0, 0)
    if kept != held.raw:
        kernel.call("capset", header, kept)

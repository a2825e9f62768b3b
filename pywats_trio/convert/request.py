"""Jobs as a worker reads them."""

from __future__ import annotations

import json
import uuid
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from attrs import astuple, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pywats_trio.converters.api import Station
    from pywats_trio.converters.registry import Spec
    from pywats_trio.model import Identity

NO_UNIT: Final[Mapping[str, Any]] = MappingProxyType({})
"""Of a file."""


def namespace(instance: str) -> str:
    """The UUID under which ids of reports are derived (contract, promise 2)."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"urn:pywats-trio:{instance}"))


def describing(spec: Spec, arguments: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """Ask what a converter says about itself, and about each of some sets of `arguments`."""
    given = [_plain(one) for one in arguments]
    return {"do": "describe", "where": _where(spec), "arguments": given}


@frozen
class Requests:
    """Makes the requests of one converter; what is the same for every file is made once."""

    spec: Spec
    _header: dict[str, Any]

    @classmethod
    def of(
        cls,
        spec: Spec,
        *,
        converter: str,
        arguments: Mapping[str, Any],
        station: Station,
        instance: str,
        log_level: str = "info",
        strict: bool = False,
    ) -> Requests:
        """Requests for the converter that the configuration names `converter`.

        `strict`: what a WATS server is expected to refuse is refused here.
        """
        header = {
            "where": _where(spec),
            "converter": converter,
            "arguments": _plain(arguments),
            "station": astuple(station),
            "namespace": namespace(instance),
            "log_level": log_level.upper(),
            "strict": strict,
        }
        return cls(spec, header)

    def convert(
        self,
        path: str,
        identity: Identity,
        correlation_id: str = "",
        unit: Mapping[str, Any] = NO_UNIT,
    ) -> dict[str, Any]:
        """Convert the file that comes with it; `unit` is what makes it a folder (`Opened.unit`)."""
        return {**self._about("convert", path, identity, correlation_id), **unit}

    def detect(
        self, path: str, identity: Identity, unit: Mapping[str, Any] = NO_UNIT
    ) -> dict[str, Any]:
        """Say how sure the converter is about the file that comes with it."""
        return {**self._about("detect", path, identity, ""), **unit}

    def _about(self, do: str, path: str, identity: Identity, correlation_id: str) -> dict[str, Any]:
        facts = {
            "do": do,
            "path": path,
            "size": identity.size,
            "mtime_ns": identity.mtime_ns,
            "correlation_id": correlation_id,
        }
        return self._header | facts


def _plain(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON is anything
    """TOML has dates and times, JSON has not: a converter gets them as ISO 8601 text."""
    return json.loads(json.dumps(dict(arguments), default=str))


def _where(spec: Spec) -> dict[str, str]:
    return {
        "module": spec.module,
        "file": spec.file,
        "attribute": spec.attribute,
        "adapter": spec.adapter,
        "revision": spec.revision,
    }

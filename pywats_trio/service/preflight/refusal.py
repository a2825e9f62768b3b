"""From findings to the log, and to the one exception that ends a start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from pywats_trio.errors import ConfigError, InvalidInputError, PywatsTrioError, StartError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pywats_trio.service.preflight.finding import Finding, Findings

log = structlog.get_logger("pywats_trio.service")

_CLASSES: Final[Mapping[int, type[PywatsTrioError]]] = {
    cls.exit_code: cls for cls in (ConfigError, InvalidInputError, StartError)
}


def refuse(findings: Findings) -> None:
    """Log every finding; raise for the errors among them, all in one text, a line each.

    Raises:
        ConfigError, InvalidInputError, StartError: by the exit code of the first error.
    """
    for finding in findings:
        _log(finding)
    errors = findings.errors
    log.info(
        "preflight done",
        seconds=round(findings.seconds, 3),
        errors=len(errors),
        warnings=len(findings) - len(errors),
    )
    if errors:
        text = "\n".join(f"{error.message}; {error.hint}" for error in errors)
        raise _CLASSES[errors[0].exit_code](text)


def _log(finding: Finding) -> None:
    say = log.error if finding.severity == "error" else log.warning
    say(
        "preflight",
        check=finding.check,
        subject=finding.subject,
        severity=finding.severity,
        message=finding.message,
        hint=finding.hint,
    )

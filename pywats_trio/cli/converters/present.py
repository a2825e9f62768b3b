"""What came of a try: for people as a tree, for programs as contract section 3 has it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import click

from pywats_trio.cli.converters import tree
from pywats_trio.cli.converters.trace import authors_frames
from pywats_trio.model import content
from pywats_trio.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pywats_trio.convert.said import Finding, Log, Progress, ReportMade
    from pywats_trio.convert.trial import CannotUse, Refused, Trial

MOST: Final = 20
"""Reports that are shown of one file, and findings of one report."""


def document(trial: Trial) -> dict[str, Any]:
    """The reports and what is to be said of them, as one JSON document."""
    reports = [json.loads(content(report.body)) for report in trial.reports]
    return _about(trial, reports)


def printed(trial: Trial) -> Iterator[str]:
    """The same for people, in pieces: the reports of a large file are never in memory together."""
    head, rest = json.dumps(_about(trial, []), indent=2).split("[]", 1)
    yield head
    separator = "[\n    "
    for report in trial.reports:
        body = json.dumps(json.loads(content(report.body)), indent=2)
        yield separator + body.replace("\n", "\n    ")
        separator = ",\n    "
    yield f"\n  ]{rest}\n"


def _about(trial: Trial, reports: list[Any]) -> dict[str, Any]:
    several = len(trial.reports) > 1
    findings = [
        {
            "path": f"{f'reports[{number}].' if several else ''}{finding.path}",
            "message": finding.message,
            "severity": finding.severity,
        }
        for number, report in enumerate(trial.reports)
        for finding in report.findings
    ]
    return {
        "converter": trial.converter,
        "reports": reports,
        "findings": findings,
        "seconds": trial.seconds,
        "peak_memory_bytes": trial.peak_memory_bytes,
        **({"after": trial.after} if trial.after else {}),
    }


def refusal(refused: Refused) -> dict[str, Any]:
    """The same of a file that was not converted."""
    return {"converter": refused.converter, "refused": True, "why": refused.why}


def page(trial: Trial) -> Iterator[str]:
    """Every report as a tree, one after the other, and what it took."""
    count = len(trial.reports)
    for number, report in enumerate(trial.reports[:MOST], 1):
        if count > 1:
            yield click.style(f"report {number} of {count}", bold=True)
        yield from _report(report)
        yield ""
    if count > MOST:
        yield from (f"… {count - MOST} more reports; --json shows all of them", "")
    yield _summary(trial)
    if trial.after:
        yield f"it asks to {trial.after} its file, which is done where post_action is not set"


def _report(made: ReportMade) -> Iterator[str]:
    report = tree.read(content(made.body))
    rows = tree.head(report)
    wide = max((len(word) for word, _text in rows), default=0)
    for word, text in rows:
        yield f"{word.ljust(wide)}  {text}"
    lines = list(tree.steps(report))
    if lines:
        yield ""
    for line, text in zip(lines, tree.drawn(lines), strict=True):
        yield click.style(text, fg="red") if line.status in tree.BAD else text
    if made.findings:
        yield ""
        yield from _findings(made.findings)


def _findings(findings: tuple[Finding, ...]) -> Iterator[str]:
    for finding in findings[:MOST]:
        where = f"{finding.path}: " if finding.path else ""
        words = f"{finding.severity}: {printable(where + finding.message)}"
        yield click.style(words, fg="red" if finding.severity == "error" else "yellow")
    if len(findings) > MOST:
        yield f"… {len(findings) - MOST} more findings; --json shows all of them"


def _summary(trial: Trial) -> str:
    count = len(trial.reports)
    findings = sum(len(report.findings) for report in trial.reports)
    words = (
        f"{_counted(count, 'report')} by {trial.converter} in {trial.seconds:.3f} s",
        f"{trial.peak_memory_bytes / 2**20:.0f} MiB at most",
        _counted(findings, "finding") if findings else "no findings",
    )
    return ", ".join(words)


def _counted(count: int, word: str) -> str:
    return f"{count} {word}{'s' * (count != 1)}"


def show(trial: Trial) -> None:
    """Print a try that came to reports."""
    for line in page(trial):
        click.echo(line)
    _show_printed(trial.printed)


def show_refusal(refused: Refused) -> None:
    """Why a file was not converted; of an exception, where in the author's code."""
    click.echo(f"refused by {refused.converter}: {refused.why}", err=True)
    for more in filter(None, (refused.hint, authors_frames(refused.evidence))):
        click.echo(more, err=True)
    _show_printed(refused.printed)


def _show_printed(text: str) -> None:
    if words := text.rstrip():
        click.echo(f"it printed:\n{words}", err=True)


def show_traceback(error: CannotUse) -> None:
    """Where the import of a converter ended, if there is such a place."""
    if error.evidence:
        click.echo(authors_frames(error.evidence), err=True)


def say(said: Log | Progress) -> None:
    """What the converter logs, at once; for people."""
    from pywats_trio.convert.said import Log  # noqa: PLC0415 - `--help` must be quick

    if isinstance(said, Log):
        click.echo(f"{said.level.lower()}: {said.message}", err=True)

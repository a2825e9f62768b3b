"""WATS Standard JSON Format (WSJF): reports that are passed on as they are."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, ClassVar, Final

from pywats_trio.converters.api import Argument, Context, Converter, Reject, Source
from pywats_trio.reports.header import ProcessCodes
from pywats_trio.reports.limits import PROCESS_CODES
from pywats_trio.reports.model import InvalidReport
from pywats_trio.reports.report import Report
from pywats_trio.reports.wsjf import Document, documents

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_HEAD: Final = 65536
_TYPE: Final = re.compile(r'"type"\s*:\s*"(T|R|U|UUT|UUR|Test)"')
_KEYS: Final = ("sn", "pn", "result", "start", "root", "uur", "processCode", "machineName")
_LOOSE_KEYS: Final = ("serialNumber", "partNumber")

PROCESS_CODE_ARGUMENTS: Final[Mapping[str, Argument]] = {
    "process_code": Argument(
        int,
        minimum=PROCESS_CODES[0],
        maximum=PROCESS_CODES[-1],
        help="test operation of test reports that name none; without it they are refused",
    ),
    "repair_process_code": Argument(
        int,
        minimum=PROCESS_CODES[0],
        maximum=PROCESS_CODES[-1],
        help="repair operation of repair reports that name none; without it they are refused",
    ),
}


def process_codes(context: Context) -> ProcessCodes:
    """What `PROCESS_CODE_ARGUMENTS` were set to."""
    arguments = context.arguments
    return ProcessCodes(arguments.get("process_code"), arguments.get("repair_process_code"))


def refuse_repeats(reports: list[Report]) -> list[Report]:
    """The reports again.

    Raises:
        Reject: two have one id, so that the second would replace the first on the server.
    """
    seen: dict[str, int] = {}
    for number, report in enumerate(reports, 1):
        first = seen.setdefault(report.id, number) if report.id else number
        if first != number:
            raise Reject(
                f"reports {first} and {number} have the same id {report.id}: "
                "the second would replace the first"
            )
    return reports


class WatsJson(Converter):
    """One report, a list of reports, or one report after the other in a file."""

    id: ClassVar[str] = "wats-json"
    version: ClassVar[str] = "1.0.0"
    patterns: ClassVar[tuple[str, ...]] = ("*.json",)
    arguments: ClassVar[Mapping[str, Argument]] = PROCESS_CODE_ARGUMENTS

    def detect(self, source: Source) -> float:
        """0.98 for the header of a report, 0.7 for most of one, else 0; by the first 64 KiB."""
        head = _text(source.read_head(_HEAD)).lstrip()
        if not head.startswith(("{", "[")):
            return 0.0
        names = sum(f'"{key}"' in head for key in _KEYS)
        if _TYPE.search(head) and '"sn"' in head and '"pn"' in head:
            return 0.98
        loose = all(f'"{key}"' in head for key in _LOOSE_KEYS)
        return 0.7 if _TYPE.search(head) and (loose or names >= len(_KEYS) // 2) else 0.0

    def convert(self, source: Source, context: Context) -> Iterable[Report]:
        """Every report of the file, its own text unchanged but for what is missing or wrong."""
        codes = process_codes(context)
        try:
            found = documents(source.read_bytes())
        except InvalidReport as error:
            raise Reject(str(error), hint=error.hint) from error
        several = len(found) > 1
        return refuse_repeats(
            [
                _report(document, codes, f"report {number}: " if several else "")
                for number, document in enumerate(found, 1)
            ]
        )


def _report(document: Document, codes: ProcessCodes, prefix: str) -> Report:
    try:
        return Report.from_document(document, codes)
    except InvalidReport as error:
        raise Reject(f"{prefix}{error}", hint=error.hint) from error


def _text(head: bytes) -> str:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return head.decode("utf-16", "replace")
    return head.decode("utf-8-sig", "replace")

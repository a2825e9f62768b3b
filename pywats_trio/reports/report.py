"""A WATS report: checked when it is made, complete when it is encoded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, Self, Unpack, cast

from pywats_trio.reports import header, spans
from pywats_trio.reports.characters import may_hold_forbidden
from pywats_trio.reports.findings import Findings
from pywats_trio.reports.header import ProcessCodes
from pywats_trio.reports.model import (
    Defaults,
    Encoded,
    Finding,
    InvalidReport,
    Station,
)
from pywats_trio.reports.numbers import Number, dumps, encoded, plain, settle
from pywats_trio.reports.validate import examine, oversize
from pywats_trio.reports.wsjf import Document, documents

if TYPE_CHECKING:
    from pywats_trio.reports.builder import Header, ReportBuilder

__all__ = ["Defaults", "Encoded", "Finding", "InvalidReport", "Report", "Station"]

_NO_CODES: Final = ProcessCodes()


class Report:
    """One UUT (test) or UUR (repair) report in WSJF, the JSON form that WATS takes.

    `Report(mapping)` takes a WSJF object as a mapping and checks it. Values may also be tuples,
    `Decimal`, `datetime` (without a zone: local time) and `Number` (digits kept as written); floats
    that are not finite become the strings WSJF has for them. What is given is copied.

    Raises:
        InvalidReport: it cannot be a WATS report; the text names the path of what is wrong.
    """

    def __init__(self, mapping: Mapping[str, Any], *, notes: Iterable[Finding] = ()) -> None:
        """`notes` are findings of the converter, shown with those of the check."""
        if not isinstance(mapping, Mapping):
            raise InvalidReport(f"a report is a mapping, not a {type(mapping).__name__}")
        data = cast("dict[str, Any]", plain(mapping))
        self._set(data, None, _NO_CODES, tuple(notes))

    @classmethod
    def owned(cls, content: dict[str, Any], notes: Iterable[Finding] = ()) -> Self:
        """The same of what nobody else holds: it is taken as it is, not copied.

        Raises:
            InvalidReport: as above.
        """
        settle(content)
        report = cls.__new__(cls)
        report._set(content, None, _NO_CODES, tuple(notes))  # noqa: SLF001 - its own constructor
        return report

    @classmethod
    def from_document(cls, document: Document, codes: ProcessCodes = _NO_CODES) -> Self:
        """A report that is passed on as the text it came in (see `wsjf.documents`).

        Raises:
            InvalidReport: as above; the text also names line and column.
        """
        report = cls.__new__(cls)
        report._set(document.value, document, codes, ())  # noqa: SLF001 - its own constructor
        return report

    @classmethod
    def from_bytes(cls, data: bytes, codes: ProcessCodes = _NO_CODES) -> list[Self]:
        """The reports of a WSJF file: one object, a list of them, or one after the other.

        Raises:
            InvalidReport: any of them is none.
        """
        return [cls.from_document(document, codes) for document in documents(data)]

    @staticmethod
    def builder(**header: Unpack[Header]) -> ReportBuilder:
        """Build a test report step by step; see `ReportBuilder` for the arguments."""
        from pywats_trio.reports.builder import ReportBuilder  # noqa: PLC0415 - only authors need it

        return ReportBuilder(**header)

    def _set(
        self,
        data: dict[str, Any],
        document: Document | None,
        codes: ProcessCodes,
        notes: tuple[Finding, ...],
    ) -> None:
        self._data = data
        self._document = document
        found = Findings()
        try:
            self._changes = header.repairs(data, codes, self._as_written)
            controls = document is None or may_hold_forbidden(document.text)
            examine(data, found, controls=controls)
        except InvalidReport as error:
            if document is None:
                raise
            message = f"{error} ({document.place(error.path)})"
            raise InvalidReport(message, error.path, hint=error.hint) from error
        mended = (Finding("", note) for note in (document.mended if document else ()))
        self._findings = (*notes, *mended, *found.all())

    def __repr__(self) -> str:
        return f"Report({self._fact('type')} {self._fact('pn')} {self._fact('sn')})"

    @property
    def id(self) -> str:
        """Its own UUID, lower case; empty where it has none."""
        own = self._changes.get("id", self._data["id"] if header.has_id(self._data) else "")
        return str(own).lower()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is odd about it, though it is sent."""
        return self._findings

    def as_dict(self) -> dict[str, Any]:
        """What it says, as plain JSON values, without what `encode` fills in. A copy."""
        return cast("dict[str, Any]", plain({**self._data, **self._changes}))

    def encode(self, defaults: Defaults) -> Encoded:
        """The report as it will be sent, with `defaults` where it says nothing itself.

        Where the source was one sound WSJF object with an id, these are its bytes. Otherwise only
        the keys that are missing or wrong are spliced into its text.
        """
        changes = {**self._changes, **header.gaps(self._data, self._changes, defaults)}
        if changes or self._document is None:
            changes |= header.courtesies(self._data, changes)
        body = self._body(changes)
        # What was missing is not missing any more where the station filled it in.
        left = tuple(f for f in self._findings if f.path not in changes)
        return Encoded(
            body=body,
            report_id=str(changes.get("id", self._data.get("id"))).lower(),
            serial_number=self._fact("sn"),
            part_number=self._fact("pn"),
            result=self._fact("result"),
            start=self._fact("start"),
            findings=(*left, *oversize(len(body))),
        )

    def _body(self, changes: Mapping[str, object]) -> bytes:
        if self._document is None:
            return encoded({**changes, **self._data, **changes})
        if changes:
            texts = {key: dumps(value) for key, value in changes.items()}
            return spans.spliced(self._document.text, texts).encode()
        return self._document.raw or self._document.text.encode()

    def _fact(self, key: str) -> str:
        return str(self._changes.get(key, self._data[key]))

    def _as_written(self, key: str) -> str:
        """The text of a number in the header, digit by digit."""
        if self._document is not None:
            return spans.token(self._document.text, key)
        value = self._data[key]
        return value.text if isinstance(value, Number) else str(value)

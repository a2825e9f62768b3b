"""The words by which testers call things, best first; compared without case and punctuation."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from pywats_trio.converters.common import words

if TYPE_CHECKING:
    from pywats_trio.reports.steps import Status

HEADER: Final = {
    "serial_number": (
        *("serialnumber", "serialno", "serialnr", "serialnum", "serial", "serno", "sernum", "sn"),
        *("snr", "uutserialnumber", "uutserial", "dutserialnumber", "dutserial", "uutsn", "dutsn"),
        *("unitserialnumber", "unitserial", "unitsn", "boardserial", "boardsn", "boardserialno"),
        *("pcbserial", "pcbsn", "seriennummer", "seriennr", "barcode", "boardbarcode", "bcp"),
        *("unitid", "uutid", "dutid", "boardid"),
    ),
    "part_number": (
        *("partnumber", "partno", "partnr", "partnum", "part", "pn", "productnumber", "productno"),
        *("articlenumber", "articleno", "article", "artikelnummer", "artikel", "sachnummer"),
        *("materialnumber", "material", "product", "productname", "model", "modelno", "assembly"),
        *("device", "boardname", "boardtype"),
    ),
    "revision": ("revision", "rev", "partrevision", "partrev", "revno", "hwrev", "hwrevision"),
    "batch": (
        *("batch", "batchnumber", "batchno", "batchsn", "lot", "lotnumber", "lotno", "workorder"),
        *("order", "auftrag", "charge"),
    ),
    "start": (
        *("start", "starttime", "startdatetime", "startdate", "started", "teststart"),
        *("teststarttime", "begin", "begintime", "datetime", "timestamp", "testdatetime"),
        *("testdate", "date", "datum", "zeitstempel", "startzeit", "time", "testtime"),
    ),
    "start_time": ("time", "starttime", "testtime", "uhrzeit", "zeit"),
    "seconds": (
        *("executiontime", "exectime", "testduration", "duration", "elapsed", "elapsedtime"),
        *("cycletime", "testtime", "runtime", "dauer"),
    ),
    "operator": (
        *("operator", "operatorname", "operatorid", "op", "user", "username", "userid", "tester"),
        *("testedby", "inspector", "bediener", "pruefer"),
    ),
    "station": (
        *("station", "stationname", "stationid", "machinename", "machine", "teststation"),
        *("testsystem", "computername", "hostname"),
    ),
    "process_code": (
        *("processcode", "operationtypecode", "operationcode", "testoperation", "operation"),
        *("optype", "process"),
    ),
    "program": (
        *("program", "programname", "testprogram", "testplan", "sequence", "sequencename"),
        *("sequencefile", "testsequence", "recipe", "pruefprogramm"),
    ),
    "version": ("programversion", "programrev", "sequenceversion", "testprogramversion", "version"),
    "result": (
        *("result", "testresult", "overallresult", "finalresult", "uutresult", "totalresult"),
        *("verdict", "outcome", "status", "teststatus", "overallstatus", "uutstatus", "passfail"),
        *("judgement", "judgment", "grade", "ergebnis", "gesamtergebnis", "state"),
    ),
}
ROW: Final = {
    "name": (
        *("name", "testname", "stepname", "step", "test", "measurement", "parameter", "signal"),
        *("title", "description", "component", "device", "testpoint", "item", "messung", "schritt"),
        *("pruefschritt", "nm", "label", "id", "no", "nr"),
    ),
    "value": (
        *("value", "measuredvalue", "measured", "measure", "meas", "measval", "measvalue"),
        *("measurement", "reading", "data", "actual", "actualvalue", "result", "messwert", "wert"),
        *("istwert", "ist", "val", "mr"),
    ),
    "low": (
        *("low", "lowlimit", "lowerlimit", "lowlim", "lowerlim", "limitlow", "limlow", "lolimit"),
        *("lolim", "lo", "lower", "min", "minimum", "minlimit", "limitmin", "lsl", "ll", "ml"),
        *("ugrenze", "untergrenze", "unteregrenze"),
    ),
    "high": (
        *("high", "highlimit", "upperlimit", "highlim", "upperlim", "limithigh", "limhigh"),
        *("hilimit", "hilim", "hi", "upper", "max", "maximum", "maxlimit", "limitmax", "usl"),
        *("ul", "hl", "mh", "ogrenze", "obergrenze", "oberegrenze"),
    ),
    "limit": ("limit", "expected", "expectedvalue", "nominaltext", "soll", "sollwert", "reference"),
    "unit": ("unit", "units", "uom", "engunit", "measunit", "einheit", "mu"),
    "status": (
        *("status", "result", "passfail", "verdict", "outcome", "judgement", "judgment", "passed"),
        *("pass", "ok", "state", "ergebnis", "bewertung"),
    ),
    "group": ("group", "groupname", "sequence", "section", "category", "gruppe"),
}
OTHER_STATUSES: Final[dict[str, Status]] = {
    **dict.fromkeys(("GO", "GOOD", "IO", "I.O.", "BESTANDEN", "PASSES", "SUCCESS"), "P"),
    **dict.fromkeys(("NOGO", "NO GO", "NO-GO", "NG", "BAD", "NIO", "N.I.O.", "FEHLER"), "F"),
    **dict.fromkeys(("NOT OK", "NOTOK", "REJECT", "REJECTED", "FAILURE"), "F"),
    **dict.fromkeys(("ABORT", "CANCELLED", "CANCELED", "ABBRUCH"), "T"),
}
"""Of some testers, beside `common.words`; the converter that is written lists those it needs."""
_CAMEL: Final = re.compile(r"[\W_]+")
_UMLAUTS: Final = str.maketrans({"ü": "ue", "ö": "oe", "ä": "ae", "ß": "ss"})


def plain(name: str) -> str:
    """A name as it is compared."""
    return _CAMEL.sub("", name.lower().translate(_UMLAUTS))


@lru_cache(maxsize=4096)
def spellings(path: str) -> list[str]:
    """What a path such as `Header/Serial No` or `Unit/@SN` may be called, best first."""
    path = re.sub(r"\[\d+\]", "", path)
    segments = [plain(segment) for segment in path.split("/") if plain(segment)]
    said = [segments[-1]] if segments else []
    if len(segments) > 1:
        said.append(segments[-2] + segments[-1])
        if segments[-1] in {"value", "text", "name", "id", "number", "no"}:
            said += [segments[-2]]
    without_unit = plain(re.sub(r"[\[(<].*?[\])>]\s*$", "", path.rpartition("/")[2]))
    return [*dict.fromkeys([*said, without_unit])]


def status(word: str) -> Status | None:
    """The letter of a word, if it is known."""
    return words.status(word) or OTHER_STATUSES.get(word.strip().upper())

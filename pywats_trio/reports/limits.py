"""What a WATS server takes: letters, operators, lengths, ranges and sizes.

Lengths are those of the columns in the WATS client's published schema classes; operators and
letters are those of the server's OpenAPI description.
"""

from __future__ import annotations

from typing import Final

REPORT_TYPES: Final = frozenset("TR")
"""T: a test (UUT). R: a repair (UUR)."""
RESULTS: Final = "PFET"
STEP_STATUS: Final = "PFDSET"
STEP_LETTERS: Final = frozenset(STEP_STATUS + "U")
"""U, unknown, is in the schema, though hardly anybody writes it."""
MEASUREMENT_LETTERS: Final = "PFS"
GROUPS: Final = frozenset("SMC")

ONE_LIMIT: Final = frozenset({"EQ", "NE", "GT", "GE", "LT", "LE"})
TWO_LIMITS: Final = frozenset({"GELE", "GELT", "GTLE", "GTLT", "LEGE", "LEGT", "LTGE", "LTGT"})
NUMERIC_OPERATORS: Final = ONE_LIMIT | TWO_LIMITS | {"LOG", "EQT"}
STRING_OPERATORS: Final = frozenset({"LOG", "EQ", "NE", "CASESENSIT", "IGNORECASE"})
CHART_TYPES: Final = frozenset({"Line", "LineLogXY", "LineLogX", "LineLogY"})
SERIES_TYPES: Final = frozenset({"XYG"})
SEQUENCE_TYPES: Final = ("SequenceCall", "WATS_SeqCall")
"""Step types that sequences have in what servers export. They choose the icon only."""

INT16: Final = range(-(1 << 15), 1 << 15)
INT32: Final = range(-(1 << 31), 1 << 31)
PROCESS_CODES: Final = INT16
MAX_NESTED_STEPS: Final = 100
YEARS: Final = range(1970, 2100)
"""Of a start. Before, the WATS client writes the time of submission instead; what begins in the
future goes to the server's quarantine. A check that depends on the report alone knows no clock, so
only a year in which nobody of us tests anything is told."""
WILDCARDS: Final = frozenset("*%?_[]^!")
"""They make searches on the server misbehave."""
SEARCHED: Final = ("sn", "pn", "rev", "machineName")
"""What people search for by a text that may hold wildcards."""

REPORT_BYTES: Final = 30_000_000
"""What a web server of Microsoft takes if nobody told it otherwise; none is documented for WATS."""
ATTACHMENT_BYTES: Final = 2_048_000
"""What the WATS client takes unless the server's setting MaxAttachmentFileSize says otherwise."""
CHART_SERIES: Final = 50
"""What the WATS client takes by default."""
CHART_POINTS: Final = 10_000
"""In one series, by the documentation of the text format."""

HEADER_LENGTHS: Final = {
    "pn": 100,
    "sn": 100,
    "rev": 100,
    "machineName": 100,
    "location": 100,
    "purpose": 100,
}
UNIT_LENGTHS: Final = {
    "user": 100,
    "comment": 5000,
    "batchSN": 100,
    "fixtureId": 100,
    "errorMessage": 500,
}
REPAIR_LENGTHS: Final = {"user": 100, "comment": 5000}
STEP_LENGTHS: Final = {"name": 100, "errorMessage": 200, "reportText": 100_000, "tsGuid": 30}
NUMERIC_LENGTHS: Final = {"name": 100, "unit": 20}
STRING_LENGTHS: Final = {"name": 100, "value": 100, "limit": 100}
BOOLEAN_LENGTHS: Final = {"name": 100}
SEQUENCE_LENGTHS: Final = {"path": 500, "name": 200, "version": 30}
POPUP_LENGTHS: Final = {"response": 200}
CHART_LENGTHS: Final = {"label": 100, "xLabel": 50, "xUnit": 20, "yLabel": 50, "yUnit": 20}
SERIES_LENGTHS: Final = {"name": 100}
ATTACHMENT_LENGTHS: Final = {"contentType": 100}
ADDITIONAL_LENGTHS: Final = {"name": 200}
MISC_LENGTHS: Final = {"description": 100, "text": 100, "typedef": 30}
SUB_UNIT_LENGTHS: Final = {"partType": 50, "pn": 100, "sn": 100, "rev": 100}
ASSET_LENGTHS: Final = {"assetSN": 100}
FAILURE_LENGTHS: Final = {
    "comRef": 50,
    "funcBlock": 100,
    "artNumber": 100,
    "artRev": 100,
    "artVendor": 500,
    "artDescription": 500,
}

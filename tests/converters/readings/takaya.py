"""A second reading of .ATD files with quoted cells, to check the converter against.

It shares no code with the converter and goes another way: the file is cut into blocks by its marks,
a row is cut at its quotes, numbers are fractions. What it yields has the form of expected.json.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_LETTERS: Final = {"PASS": "P", "FAIL": "F", "NO-TEST": "E"}
_FACTORS: Final = {
    **{"": Fraction(1), "K": Fraction(1000), "M": Fraction(10**6), "m": Fraction(1, 1000)},
    **{"U": Fraction(1, 10**6), "n": Fraction(1, 10**9), "p": Fraction(1, 10**12)},
}


def facts(text: str) -> dict[str, Any]:
    """What the reports of a file show."""
    blocks = text.replace("\r", "").split("@\n")
    pairs = zip(blocks[1::2], blocks[2::2], strict=False)
    return {"reports": [report for head, body in pairs for report in _reports(head, body)]}


def _after(text: str, name: str) -> str:
    return text.partition(f"\n{name}")[2].partition("\n")[0].strip()


def _reports(head: str, body: str) -> Iterator[dict[str, Any]]:
    day, month, year, *clock = _after("\n" + head, "DATE ").replace(" ", "/").split("/")
    for group in body.split("* GROUP No.")[1:]:
        rows = [line for line in group.split("\n") if line[:1].isdigit() and '"' in line]
        if not (serial := _after(group, "Serial No.:")):
            continue
        steps = [_step(row.split('"')) for row in rows]
        yield {
            **{"type": "T", "sn": serial, "pn": _after(head, "Model:").rpartition(".")[0]},
            "machineName": _after(head, "Test ID :") or None,
            "start": f"20{year}-{month}-{day}T{clock[0]}",
            "result": _LETTERS[group.split("\n")[1].strip("* ")],
            **{"steps": steps, "step_count": len(rows), "measurement_count": len(rows)},
        }


def _step(cut: list[str]) -> list[Any]:
    """Of a row that is cut at its quotes: odd places lie within quotes, even ones between them."""
    parts, value = (cut[at].strip(" *" if cut[at].strip() == "*" else " ") for at in (1, 3))
    nominal, first, second = (cut[at].split() for at in (7, 9, 11))
    plus, minus = (Fraction(percent.rstrip("%")) for percent in cut[12].split())
    verdict = cut[13].strip()
    function = next(cell.strip() for cell in cut[23::2])
    status = "S" if verdict == "......" or function == "JP" else "P" if verdict == "PASS" else "F"
    used = second if len(second) > 1 else first
    name = f"{parts} {value}".strip()
    if len(used) < 2:
        return [[name], "ET_PFT", status, {"status": status}]
    measured = {"value": _base(used), "unit": used[1][-1].replace("O", "Ohm"), "status": status}
    if function == "**":
        ends = sorted(_base(nominal, percent) for percent in (plus, minus))
        measured |= {"compOp": "GELE", "lowLimit": ends[0], "highLimit": ends[1]}
    elif function in ("E", "F"):
        operator = {"E": "LE", "F": "GE"}[function]
        measured |= {"compOp": operator, "lowLimit": _base(nominal)}
    else:
        measured |= {"compOp": "LOG", "lowLimit": None, "highLimit": None}
    return [[name], "ET_NLT", status, measured]


def _base(quantity: list[str], percent: Fraction = Fraction(0)) -> float:
    number, unit = quantity
    value = Fraction(number) * _FACTORS[unit[:-1]]
    return float(value + abs(value) * percent / 100)

"""What the letters in a GR228X log stand for."""

from __future__ import annotations

from typing import Final

FAILURES: Final = {
    "S": "SHORTS test, failed",
    "O": "OPENS test, failed",
    "B": "BUSTEST, failure caused by bus",
    "C": "SCRATCHPROBING connection failure",
    "F": "CONTACT fixture failure",
}
"""The tests of a whole board, by the letter of their lists."""
TYPES: Final[dict[str, tuple[str, str]]] = {
    "AC": ("V", "AC voltage"),
    "AI": ("", "AC current"),
    "AR": ("", "calculated value"),
    "AV": ("", "AC voltage"),
    "AY": ("", "voltage or current of a meter"),
    "CP": ("F", "capacitance, parallel"),
    "CS": ("F", "capacitance, in series"),
    "DC": ("V", "DC voltage"),
    "DD": ("", "dissipation factor"),
    "EV": ("", "number of events"),
    "HZ": ("Hz", "frequency"),
    "I": ("A", "DC current"),
    "IS": ("A", "DC source, current"),
    "LP": ("", "inductance, parallel"),
    "LS": ("", "inductance, in series"),
    "PS": ("", "power supply"),
    "QQ": ("", "quality factor"),
    "R": ("Ohm", "resistance"),
    "RA": ("", "ratio of frequencies"),
    "RP": ("", "resistance, parallel"),
    "RS": ("", "resistance, in series"),
    "S": ("", "period"),
    "TI": ("", "time interval"),
    "V": ("V", "DC voltage"),
    "VS": ("V", "DC source, voltage"),
    "XP": ("", "reactance, parallel"),
    "XS": ("", "reactance, in series"),
    "ZM": ("", "impedance"),
}
"""Unit and meaning of each type of measurement."""
PREFIXES: Final = {"P": "p", "N": "n", "U": "u", "M": "m", "": "", "K": "k", "MEG": "M"}
"""The prefixes of numbers as they are written in units; M is milli."""

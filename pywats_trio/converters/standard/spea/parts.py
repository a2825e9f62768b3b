"""Which kind of component a task is about, by the letters that its name begins with."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_LETTERS: Final = re.compile(r"[A-Za-z]+", re.ASCII)
_KINDS: Final = {
    **{"A": "Assembly", "AT": "Attenuator", "BR": "Bridge rectifier", "BT": "Battery"},
    **dict.fromkeys(("C", "CS", "CP", "DSC"), "Capacitor"),
    **{"CN": "Capacitor network", "CON": "Connector", "D": "Diode", "CR": "Diode"},
    **{"DL": "Delay line", "DS": "Display", "DZ": "Zener diode", "Z": "Zener diode"},
    **{"F": "Fuse", "FB": "Ferrite bead", "FD": "Fiducial", "FL": "Filter", "G": "Generator"},
    **{"GN": "General network", "H": "Hardware", "IR": "Infrared diode", "ISO": "Isolator"},
    **{"J": "Jack", "JP": "Jumper", "JSCAN": "ESD check", "K": "Relay", "L": "Inductor"},
    **{"LNK": "Link", "LS": "Loudspeaker", "M": "Motor", "MK": "Microphone"},
    **{"MP": "Mechanical part", "OP": "Opto-isolator", "P": "Plug", "PS": "Power supply"},
    **{"Power": "Power", "PTC": "PTC", "Q": "Transistor"},
    **dict.fromkeys(("R", "RP", "RS"), "Resistor"),
    **{"RN": "Resistor network", "RT": "Thermistor", "RV": "Varistor"},
    **{"S": "Switch", "SW": "Switch", "SHO": "Short", "T": "Transformer", "TC": "Thermocouple"},
    **{"TP": "Test point", "TUN": "Tuner", "U": "IC", "V": "Variator"},
    **{"VR": "Voltage regulator", "X": "Socket", "XTAL": "Crystal", "Y": "Crystal"},
}


@lru_cache(4096)
def kind(task: str) -> str:
    """`Capacitor` for `DSC-CP[C109]`; empty where the letters are no kind that is known."""
    letters = _LETTERS.match(task)
    return _KINDS.get(letters[0], "") if letters else ""

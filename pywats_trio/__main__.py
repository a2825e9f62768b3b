"""`python -m pywats_trio`."""

from __future__ import annotations

from pywats_trio.cli.main import main

if __name__ == "__main__":
    main()

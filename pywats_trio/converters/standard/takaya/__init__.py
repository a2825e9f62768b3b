"""Takaya's flying probers: .ATD files (docs/reference/formats/takaya.md)."""

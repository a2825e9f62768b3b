"""Who may ask: a Basic token, as the server's control panel hands them out."""

from __future__ import annotations

import base64
import binascii
import hmac

from attrs import frozen


@frozen
class Tokens:
    """Any well-formed token passes, unless one is demanded."""

    demanded: str = ""

    def denial(self, header: str | None) -> str:
        """Why this `Authorization` header does not do; empty if it does."""
        scheme, _, token = (header or "").partition(" ")
        if scheme.lower() != "basic" or not token.strip():
            return "Authorization has been denied for this request: send Authorization: Basic TOKEN"
        if self.demanded:
            same = hmac.compare_digest(token.strip().encode(), self.demanded.encode())
            return "" if same else "Authorization has been denied: the token is not valid here."
        return "" if _well_formed(token.strip()) else "The token is not Base64 of name:key."


def _well_formed(token: str) -> bool:
    try:
        return b":" in base64.b64decode(token, validate=True)
    except (binascii.Error, ValueError):
        return False

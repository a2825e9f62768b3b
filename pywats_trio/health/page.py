"""`GET /`: the dashboard, one page that asks `/api/v1/status` again and again."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib import resources
from typing import TYPE_CHECKING, Final

from quart import Blueprint, Response

from pywats_trio.health.answers import problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from pywats_trio.config.options import HealthOptions

FILE: Final = "dashboard.html"
_OFF: Final = "the dashboard is off: set health.dashboard = true"


def page(options: Callable[[], HealthOptions]) -> Blueprint:
    """The dashboard, while `health.dashboard` is true."""
    routes = Blueprint("page", __name__)
    html = resources.files(__package__).joinpath(FILE).read_text(encoding="utf-8")
    policy = content_policy(html)

    @routes.get("/")
    async def dashboard() -> Response:
        if not options().dashboard:
            return problem(404, _OFF, "not_found")
        response = Response(html, content_type="text/html; charset=utf-8")
        response.headers["Content-Security-Policy"] = policy
        return response

    return routes


def content_policy(html: str) -> str:
    """What a browser may do with `html`: run its own script and style, and ask this address."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {_digest(html, 'script')}",
            f"style-src {_digest(html, 'style')}",
            "connect-src 'self'",
            "img-src data:",  # the empty icon, so that no browser asks for one
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


def _digest(html: str, tag: str) -> str:
    """The hash by which a browser knows the one element `tag`."""
    [text] = re.findall(f"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"

"""What is told over HTTP, read only (contract section 10). Probes answer from memory alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quart_trio import QuartTrio

from pywats_trio.health.answers import answer_errors, finish_answers
from pywats_trio.health.api import api
from pywats_trio.health.metrics import metrics
from pywats_trio.health.page import page
from pywats_trio.health.probes import probes
from pywats_trio.health.stream import stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from pywats_trio.config.options import HealthOptions
    from pywats_trio.health.reading import Reading
    from pywats_trio.observe.board import Board
    from pywats_trio.observe.gauges import Gauges

MAX_BODY: Final = 1024
"""Bytes of a request's body that are taken; nothing here wants one."""


def make_app(
    board: Board, gauges: Gauges, options: Callable[[], HealthOptions], reading: Reading
) -> QuartTrio:
    """The app over a board; `options` gives those in effect at the moment."""
    app = QuartTrio("pywats_trio.health", static_folder=None)
    app.config.update(PROVIDE_AUTOMATIC_OPTIONS=False, MAX_CONTENT_LENGTH=MAX_BODY)
    app.url_map.merge_slashes = False  # no address of ours is answered with a redirect
    app.register_blueprint(probes(board, options))
    app.register_blueprint(metrics(board, gauges))
    app.register_blueprint(api(board, reading))
    app.register_blueprint(stream(reading, options))
    app.register_blueprint(page(options))
    answer_errors(app, board.metrics)
    finish_answers(app, board.metrics)
    return app

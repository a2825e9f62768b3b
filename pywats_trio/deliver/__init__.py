"""Report to server: sending, judging the answer, waiting out an outage."""

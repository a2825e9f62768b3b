"""Saki's optical inspection: XML with a panel and the boards on it."""

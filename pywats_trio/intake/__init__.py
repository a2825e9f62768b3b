"""Files in, files away: the only room that touches watch folders."""

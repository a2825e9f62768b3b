"""One suite for every store: what `queue.store.Store` promises."""

"""The store's verbs as SQL: functions of a transaction, run in the writer's thread.

Each change of state writes its history row and keeps the totals. Everything that depends on the
number of items is an index look-up. Statements are few and do much: each lets go of the
interpreter's lock, and taking it back from a busy event loop costs more than the statement.
"""

"""Carrying reports between queues that no network connects: exports, imports, receipts.

An export is a folder, or a zip of one: the reports as files, byte for byte as they are stored, and
`manifest.json`, which says what each is. Where it is imported each report is taken once, and when
the server has taken it a file of receipts can be carried back.
"""

"""ATML test results (IEEE 1636.1), as NI TestStand writes them."""

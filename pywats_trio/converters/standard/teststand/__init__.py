"""NI TestStand's own XML reports, plain and of the WATS add-on."""

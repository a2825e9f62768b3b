"""What converting a file costs beside parsing it, and beside pyWATS's converter of the format."""

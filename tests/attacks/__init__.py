"""What a hostile converter can do to anybody but itself, tried through the real pool."""

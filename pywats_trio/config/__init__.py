"""What the user sets: the options, reading them, checking them."""

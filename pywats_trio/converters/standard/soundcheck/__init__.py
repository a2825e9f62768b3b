"""Listen SoundCheck, electroacoustic test: the tables that its AutoSave step appends to a file."""

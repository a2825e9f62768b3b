"""The child process that runs converters. Imports neither trio nor httpx."""

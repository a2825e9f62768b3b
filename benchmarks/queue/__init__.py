"""What the queue costs: one file a question; `python -m benchmarks.queue` asks them all."""

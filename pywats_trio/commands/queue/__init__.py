"""Commands about the queue; most of them work on the queue of a stopped service, too."""

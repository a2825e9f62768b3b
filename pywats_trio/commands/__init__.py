"""What can be asked of a service: one table, of which IPC, HTTP and command line are the faces."""

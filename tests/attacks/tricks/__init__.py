"""What a hostile converter tries. Runs inside of a worker; a trick that works returns.

One that is stopped raises, or never comes back. The first line of its docstring is what the table
calls it.
"""

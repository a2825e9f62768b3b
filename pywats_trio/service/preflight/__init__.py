"""What can be known before anything starts: folders, converters, disk, clock, limits, server.

`examine` looks and says; `refuse` logs what was found and raises for the errors. An *error* keeps
the service from starting; a *warning* does not: a store-and-forward service starts without its
server, and one folder that is away must not stop the others.
"""

from pywats_trio.service.preflight.examination import examine
from pywats_trio.service.preflight.finding import Finding, Findings
from pywats_trio.service.preflight.refusal import refuse

__all__ = ["Finding", "Findings", "examine", "refuse"]

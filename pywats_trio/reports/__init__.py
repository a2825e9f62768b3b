"""The WATS report: its model, its JSON form (WSJF) and what a server would refuse. Pure."""

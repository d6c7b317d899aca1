"""A local SES: the wire of Amazon SES v2, a log of what it took, faults on request, an inbox page.

It ships with the product, for laptops and tests. It sends nothing to anyone.
"""

from sekvens.ses.local.server import LocalSes, LocalSesOptions, PortTaken, running_local_ses

__all__ = ["LocalSes", "LocalSesOptions", "PortTaken", "running_local_ses"]

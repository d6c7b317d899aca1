"""Predictions in words, for the Temporal UI; standard library only."""

from sekvens.predictions.wire import Worked


def worked_in_words(worked: Worked) -> str:
    """Say how far a recomputation has come: `orders, version 7: 4,000 contacts looked at, …`."""
    if worked.version is None:
        return "nothing yet"
    return (
        f"{worked.subject}, version {worked.version}: {worked.contacts:,} contacts looked at, "
        f"something is predicted of {worked.predicted:,}"
    )

"""Scans in words, for the Temporal UI and the command line; standard library only."""

from collections.abc import Mapping

from sekvens.audiences.wire import AudienceScanInput, Counts

_WHY_NOT = {
    "under_way": "under way in it",
    "reentry": "not taken again yet",
    "conditions": "not in the audience, or the entry conditions do not hold",
    "holdout": "held out by lot, for comparison",
}
_STOPPED = {
    "off": "it is off in the settings",
    "not_published": "it is not published, and `starter.py flows list` shows what is",
    "draft": "it is a draft, and nobody enters",
    "no_audience": "an event starts it, and no scan",
}


def progress_in_words(scan: AudienceScanInput) -> str:
    """Say how far a scan has come: `winback: 4,000 of about 9,000 contacts looked at, …`."""
    return f"{scan.flow}: {counts_in_words(scan.counts, scan.total)}"


def counts_in_words(counts: Counts, total: int | None = None) -> str:
    """Say what a scan has come to so far."""
    of_all = "" if total is None or total <= counts.scanned else f" of about {total:,}"
    return f"{counts.scanned:,}{of_all} contacts looked at, {counts.enrolled:,} enrolled"


def refused_in_words(counts: Counts) -> list[str]:
    """Say why the others did not enter, a line for each reason."""
    return [
        f"{number:,} {_WHY_NOT.get(why, why)}" for why, number in sorted(counts.refused.items())
    ]


def stopped_in_words(why: str) -> str:
    """Say why nobody can be found for a flow."""
    return _STOPPED.get(why, why)


def erased_in_words(erased: int) -> str:
    """Say how many a round has erased so far."""
    return f"{erased:,} contacts erased"


def expired_in_words(counts: Mapping[str, int]) -> str:
    """Say what a round of expiry has come to so far: `visits: 300, deliveries: 12`."""
    told = [f"{rule}: {rows:,}" for rule, rows in sorted(counts.items()) if rows]
    return ", ".join(told) or "nothing is old enough"


def segments_in_words(scanned: int, told: int) -> str:
    """Say what a round over the segments has come to so far."""
    return f"{scanned:,} contacts looked at, {told:,} entries and exits told"

"""The live flows: whether what is published can be sent."""

from collections.abc import Iterator
from typing import Final

from sekvens.doctor.database_checks import opened
from sekvens.doctor.findings import Finding, fault, ok, warning
from sekvens.doctor.set_up import SetUp
from sekvens.enrollments.publish import live_flows
from sekvens.errors import SekvensError
from sekvens.feeds.reading import samples
from sekvens.flows.catalogue import CATALOGUE
from sekvens.messages.compose import compose
from sekvens.messages.samples import in_season, sample_facts
from sekvens.messages.templates import StoredTemplate, load

#: Of many that are broken, the first few say where to look.
NAMED_MAX: Final = 3


def flows_are_published(set_up: SetUp) -> Finding:
    """Whether contacts enter what this version ships."""
    with opened(set_up.settings) as database, database.read() as session:
        live = {f"{each.flow.name} v{each.flow.version}" for each in live_flows(session)}
    if not live:
        return fault("no flow is published, so nobody enters any", "run starter.py flows publish")
    off = set_up.settings.flows.off
    shipped = {f"{flow.name} v{flow.version}" for flow in CATALOGUE if flow.name not in off}
    if behind := sorted(shipped - live):
        return warning(f"not published yet: {', '.join(behind)}", "run starter.py flows publish")
    return ok(f"{len(live)} flows are live, as this version ships them")


def emails_compose(set_up: SetUp) -> Finding | None:
    """Whether every e-mail of every live flow can be made, in every locale and season."""
    with opened(set_up.settings) as database, database.read() as session:
        digests = {digest for each in live_flows(session) for digest in each.templates.values()}
        emails = {digest: load(session, digest) for digest in sorted(digests)}
    if not emails:
        return None
    broken = [
        f"{email.name} ({key})" for email in emails.values() for key in _broken(email, set_up)
    ]
    if broken:
        more = f" and {len(broken) - NAMED_MAX} more" if len(broken) > NAMED_MAX else ""
        return fault(
            f"cannot be composed: {', '.join(broken[:NAMED_MAX])}{more}",
            "look at each with starter.py preview; mend it and publish a new version",
        )
    return ok(f"all {len(emails)} e-mails of the live flows can be composed")


def _broken(email: StoredTemplate, set_up: SetUp) -> Iterator[str]:
    """List the sources of an e-mail, `sv` or `christmas.sv`, that cannot be made into one."""
    shop, now = set_up.settings.shop, set_up.clock.now()
    for key in sorted(email.sources):
        season, _, locale = key.rpartition(".")
        try:
            in_that, then = in_season(shop, season, now=now)
            facts = sample_facts(
                in_that,
                name=email.name,
                locale=locale,
                now=then,
                public_url=set_up.settings.api.public_url,
                feeds=samples(set_up.settings.feeds),
            )
            compose(email, facts, shop=in_that)
        except SekvensError:
            yield key

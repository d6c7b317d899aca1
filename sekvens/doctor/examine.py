"""All checks, run at once, for they mostly wait; each ends in a finding, whatever happens in it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Thread
from typing import Final

from sekvens.doctor import (
    database_checks,
    dns_checks,
    event_checks,
    flow_checks,
    message_checks,
    ses_checks,
    settings_checks,
    temporal_checks,
    version_checks,
)
from sekvens.doctor.findings import CouldNotBeAsked, Finding, fault, warning
from sekvens.doctor.set_up import SetUp

#: Longer than any question waits for its answer.
SECONDS_MAX: Final = 45.0


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing to look at; None of it: this set-up has no such thing."""

    area: str
    name: str
    look: Callable[[SetUp], Finding | None]


CHECKS: Final = tuple(
    Check(area=area, name=name, look=look)
    for area, looks in (
        (
            "settings",
            (
                ("shop", settings_checks.shop_is_ours),
                ("public address", settings_checks.public_url),
                ("link secret", settings_checks.link_secret),
                ("write keys", settings_checks.write_keys),
                ("who is mailed", settings_checks.who_is_mailed),
                ("shop time", settings_checks.shop_clock),
            ),
        ),
        (
            "database",
            (
                ("reachable", database_checks.database_answers),
                ("migrations", database_checks.migration_level),
                ("flows", flow_checks.flows_are_published),
                ("e-mails", flow_checks.emails_compose),
            ),
        ),
        (
            "Temporal",
            (
                ("reachable", temporal_checks.temporal_answers),
                ("search attributes", temporal_checks.search_attributes),
                ("retention", temporal_checks.retention),
                ("worker version", version_checks.worker_version),
                ("current version", version_checks.current_version),
            ),
        ),
        (
            "SES",
            (
                ("reachable", ses_checks.ses_answers),
                ("access", ses_checks.production_access),
                ("quota", ses_checks.quota),
                ("suppression list", ses_checks.suppression_list),
                ("identity", ses_checks.identity_is_verified),
                ("DKIM", ses_checks.dkim),
                ("MAIL FROM", ses_checks.mail_from),
            ),
        ),
        (
            "events",
            (
                ("destination", event_checks.event_destination),
                ("queue", event_checks.queue_answers),
                ("queue policy", event_checks.queue_policy),
                ("dead letters", event_checks.dead_letters),
            ),
        ),
        ("names", (("SPF", dns_checks.spf), ("DMARC", dns_checks.dmarc))),
        ("clock", (("difference", database_checks.clock),)),
        (
            "message",
            (
                ("one click", message_checks.one_click_headers),
                ("DKIM covers", message_checks.dkim_covers),
                ("receiver", message_checks.receiver_agrees),
            ),
        ),
    )
    for name, look in looks
)


def examine(
    set_up: SetUp, checks: Sequence[Check] = CHECKS, *, seconds_max: float = SECONDS_MAX
) -> list[tuple[Check, Finding]]:
    """Make all checks, and tell what each found, in their order; what does not apply is left out.

    Nobody is waited for longer than `seconds_max`: a check that hangs is a warning.
    """
    found: dict[int, Finding | None] = {}

    def run(number: int, check: Check) -> None:
        found[number] = _looked(check, set_up)

    threads = [
        # Daemons: one that hangs in a connection must not keep the command from ending.
        Thread(target=run, args=(number, check), daemon=True)
        for number, check in enumerate(checks)
    ]
    for thread in threads:
        thread.start()
    ends = time.monotonic() + seconds_max
    for thread in threads:
        thread.join(max(0.0, ends - time.monotonic()))
    late = warning(f"did not come to an end within {seconds_max:g} s", "see what does not answer")
    findings = [(check, found.get(number, late)) for number, check in enumerate(checks)]
    return [(check, finding) for check, finding in findings if finding is not None]


def _looked(check: Check, set_up: SetUp) -> Finding | None:
    try:
        return check.look(set_up)
    except CouldNotBeAsked as error:
        return warning(f"could not be asked: {error}", "look again when it can be")
    except Exception as error:  # noqa: BLE001  a check that breaks must not hide the others
        # By its kind alone: what it says may quote anything.
        return fault(
            f"the check itself broke ({type(error).__name__})", "a fault in Sekvens: report it"
        )

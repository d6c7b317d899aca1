"""The activities of enrollments, as a worker builds them, for tests of a post office."""

from activities.enrollments import EnrollmentActivities
from sekvens.enrollments.deeds import Deeds
from sekvens.send_time.choosing import BestTimes
from sekvens.send_time.quiet_hours import NEVER_QUIET
from sekvens.send_time.section import SendTimeSettings
from sekvens.webhooks.caller import WebhookCaller
from tests.unit.composing import sample_shop
from tests.unit.sending import PostOffice


def activities_of(office: PostOffice) -> EnrollmentActivities:
    """Build them over the office's database and clock, without webhooks and quiet hours."""
    webhooks = WebhookCaller(database=office.database, clock=office.clock, webhooks={})
    deeds = Deeds(database=office.database, clock=office.clock, webhooks=webhooks)
    return EnrollmentActivities(
        database=office.database,
        clock=office.clock,
        shop=sample_shop(),
        deeds=deeds,
        best_times=BestTimes(sample_shop(), NEVER_QUIET, SendTimeSettings()),
    )

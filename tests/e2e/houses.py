"""Houses of the dashboard, for Chromium: one in which every page has something to show."""

from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from sekvens.clock import FrozenClock
from sekvens.contacts.erase import erase
from sekvens.contacts.requests import RequestKind, record
from sekvens.contacts.suppression import suppress
from sekvens.contacts.tables import ErasureReason, SuppressionReason
from sekvens.db.session import Database
from sekvens.enrollments.publish import publish
from sekvens.experiments.plan import of_flow
from sekvens.feedback.kinds import ReportKind
from sekvens.flows.steps import Mode
from sekvens.messages import templates
from sekvens.modes.setting import set_mode
from sekvens.notices.tables import ConsentHook
from sekvens.predictions.tables import PredictionModel
from sekvens.quota.tables import THE_ACCOUNT, SesQuota
from sekvens.reviews.moderation import moderate
from sekvens.reviews.tables import ReviewState
from sekvens.staff import audit
from sekvens.switches.tables import BREAKER, SwitchState
from sekvens.switches.turning import turn
from tests.unit import boarding, dashboarding
from tests.unit.editing import Repository
from tests.unit.experimenting import WITHIN, Laboratory, halves, with_experiment
from tests.unit.ingesting import NOON, Shop, identify, track
from tests.unit.offering import POOL, Till
from tests.unit.sending import PostOffice, store_letters
from tests.unit.serving import settings
from tests.unit.test_operating import parked_ones
from tests.unit.test_reputation_periods import accept, report

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
#: What a browser may not break by itself.
WORD: Final = "Donaudampfschifffahrtsgesellschaftskapitän"
#: Flows of a shop that gives them long names, more than a table of the board shows.
LONG: Final = tuple(f"a-flow-of-a-very-long-name-that-says-it-all-{nth}" for nth in range(8))


class House(NamedTuple):
    """A database full of everything, and who is who in it."""

    database: Database
    repository: Repository
    ids: dict[str, str]  #: contacts, by what they are


def fill(database: Database, folder: Path) -> House:
    """Fill a house until noon, so that no page of it is empty."""
    content = partial(templates.store, content=templates.CONTENT)
    ids = dashboarding.fill(database, settings(), store_templates=content)
    _compare(database)
    ids |= _sell(database)
    _wait(PostOffice(database))
    ids["all"] = dashboarding.meet_everything(database)
    ids |= _ask(database)
    boarding.fill(database, flows=LONG)
    repository = Repository(database, folder)
    repository.publish()
    repository.save(repository.edited("Vi ses i vår."))
    repository.publish_edit(hours=-1)
    with database.write() as session:
        for number in range(60):
            entry = audit.begin(
                session,
                by=WORD,
                action="retry-parked",
                on={"enrollment": WORD},
                says=WORD,
                now=NOON,
            )
            audit.end(session, entry, result=WORD, failed=number % 2 == 0, now=NOON)
    return House(database, repository, ids)


def _compare(database: Database) -> None:
    """Let an experiment and a holdout come to something, a fortnight ago."""
    clock = FrozenClock(NOON - 14 * DAY)
    with database.write() as session:
        publish(session, with_experiment(), now=clock.now(), store_templates=store_letters)
    laboratory = Laboratory(database, clock)
    groups = laboratory.many(220)
    laboratory.order(*halves(groups, plain=0.1, loud=0.5), after=HOUR)
    held = laboratory.many(300, by=of_flow(with_experiment(holdout=0.4)))
    laboratory.order(*held["holdout"][:22], *held["treated"][:120], after=HOUR)
    clock.move(WITHIN)
    laboratory.looker().look()


def _sell(database: Database) -> dict[str, str]:
    """Give codes away, one of which is redeemed; somebody looks at a product."""
    till = Till(database)
    till.stock("DORIS-A", "DORIS-B")
    till.claim("e-9", POOL, user="buyer", now=NOON)
    order = {"order_id": "o-1", "total": 400, "currency": "SEK", "coupon": "DORIS-A"}
    till.shop.post(
        track("Order Completed", "buyer", **order, discount=40),
        identify("long", email=f"{WORD}@kund.example", firstName=WORD, lastName=WORD),
        track("Product Viewed", "visitor", product_id="cap"),
    )
    return {user: till.shop.contact_id(user) for user in ("visitor", "long")}


def _ask(database: Database) -> dict[str, str]:
    """Let customers write reviews, ask what we hold of them, and be erased."""
    shop = Shop(database)
    for number, said in enumerate(("Varm.", WORD, "Kort och gott.\n\nMen bra.")):
        shop.post(
            identify(f"writer-{number}", firstName=WORD, lastName="Alm", locale="sv"),
            track("Product Reviewed", f"writer-{number}", product_id="cap", rating=number + 2,
                  review_id=f"r-{number}", review_body=said),
        )  # fmt: skip
    shop.post(identify("gone", email="gone@kund.example"))
    gone = shop.contact_id("gone")
    with database.write() as session:
        moderate(session, ["r-2"], state=ReviewState.APPROVED, now=NOON)
        erase(session, gone, now=NOON, now_shop=NOON, by="retention", why=ErasureReason.INACTIVE)
        for nth, kind in enumerate(RequestKind):
            record(session, request_id=f"p-{nth}", source="shopify", kind=kind, now=NOON,
                   contact_ids=[gone])  # fmt: skip
        session.add(ConsentHook(name="crm", since=NOON, failing_since=NOON,
                                problem="no answer: TimeoutError"))  # fmt: skip
        for subject, why in PREDICTED.items():
            session.add(
                PredictionModel(subject=subject, as_of=NOON, parameters={}, backtest={},
                                reason=why, predicted=7, contacts=9, finished_at=NOON)
            )  # fmt: skip
    return {"gone": gone}


#: Why predictions are trusted, as their runs keep it.
PREDICTED: Final = {
    "orders": "the model predicts churn, next_order; at orders_in_90_days, lapse the rule stays",
    "next_best": "the most popular products are next best: 9 customers have two products, 50 are "
    "needed",
}


def _wait(office: PostOffice) -> None:
    """Let messages wait, enrollments be parked, marketing be held, and mail bounce."""
    now = office.clock.now()
    parked_ones(office, "template", "offer_pool_empty", "template")
    with office.database.write() as session:
        set_mode(session, "letters", "", Mode.MANUAL, by="maja", note=None, now=now)
        quota = {"send_rate_max": 14, "day_max": 50_000, "sent_last_day": 1234}
        session.add(SesQuota(id=THE_ACCOUNT, asked_at=now, told_at=now, **quota))
        for number, reason in enumerate(("bounce", "bounce", "complaint", "inactive")):
            why = SuppressionReason(reason)
            suppress(session, f"a{number}@kund.example", reason=why, at=now, source="x")
    office.send(now=now, due_at=now, started_at=now)
    with office.database.write() as session:
        turn(session, BREAKER, SwitchState.PAUSED, by="breaker", note=f"2 of 40 {WORD}", now=now)
    for number in range(40):
        accept(office, f"m-{number}")
    report(office, 1, "m-1", ReportKind.BOUNCED)
    report(office, 2, "m-2", ReportKind.COMPLAINED)
    report(office, 3, "m-3", ReportKind.FAILED, detail="5.7.26")

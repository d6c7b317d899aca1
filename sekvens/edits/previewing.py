"""An e-mail as somebody would get it: a made-up contact of one kind, or a real one; nothing leaves.

Looking claims no offer, and its links are signed by nobody: a click in it does nothing for anybody.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import Final, TypeAlias, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.contacts.aliases import canonical_id, known_as
from sekvens.contacts.tables import Contact
from sekvens.edits.examining import Examiner, sample
from sekvens.edits.live import LiveEmail
from sekvens.enrollments.tables import Enrollment
from sekvens.flows.shop_time import ShopTime
from sekvens.messages.compose import Composed, Headline, compose, headline
from sekvens.messages.context import Entry, gather
from sekvens.messages.facts import Facts
from sekvens.messages.foreign import compose_foreign, for_once
from sekvens.messages.needs import Needs, needs
from sekvens.messages.samples import in_season
from sekvens.messages.templates import StoredTemplate
from sekvens.shop import Shop

T = TypeVar("T")

#: Samples that one process keeps: every e-mail of a shop in all its locales, and some.
KEPT_MAX: Final = 512
#: Contacts who are offered to be looked at.
OFFERED_MAX: Final = 8


class Kind(StrEnum):
    """Kinds of made-up contacts."""

    NAMED = "named"  #: with three products in the cart, or ordered
    NAMELESS = "nameless"
    MANY = "many"  #: with twenty products
    AGAIN = "again"  #: who is told again, under the second subject
    UNFED = "unfed"  #: for whom no feed answers


#: Which template, which of its texts, for whom, and when: a template never changes, and a sample
#: lasts for a day.
KeptAs: TypeAlias = tuple[str, str, Kind, date, str]

_kept: dict[KeptAs, Composed] = {}
_kept_headlines: dict[KeptAs, Headline] = {}


def as_sample(
    examiner: Examiner, template: StoredTemplate, key: str, kind: Kind = Kind.NAMED
) -> Composed:
    """Make an e-mail for a made-up contact, in the text `key` (a locale, or `<season>.<locale>`).

    Raises:
        TemplateError: it cannot be made.
    """
    return _once(
        _kept,
        _kept_as(examiner, template, key, kind),
        lambda: _made(template, *_sampled(examiner, template, key, kind)),
    )


def headline_as_sample(examiner: Examiner, template: StoredTemplate, key: str) -> Headline:
    """Write what the inbox of a made-up contact shows of an e-mail: of many at once, in no time.

    Raises:
        TemplateError: it cannot be made.
    """
    if template.is_edited:  # it is read apart, and then it may as well be made
        made = as_sample(examiner, template, key)
        return Headline(subject=made.subject, preheader=made.preheader)

    def written() -> Headline:
        facts, shop = _sampled(examiner, template, key, Kind.NAMED)
        return headline(template, facts, shop=shop)

    return _once(_kept_headlines, _kept_as(examiner, template, key, Kind.NAMED), written)


def _kept_as(examiner: Examiner, template: StoredTemplate, key: str, kind: Kind) -> KeptAs:
    public_url = examiner.settings.api.public_url
    return template.digest, key, kind, examiner.now.date(), public_url


def _once(kept: dict[KeptAs, T], kept_as: KeptAs, make: Callable[[], T]) -> T:
    if kept_as not in kept:
        made = make()
        if len(kept) >= KEPT_MAX:
            kept.clear()
        kept[kept_as] = made
    return kept[kept_as]


def _sampled(
    examiner: Examiner, template: StoredTemplate, key: str, kind: Kind
) -> tuple[Facts, Shop]:
    """Make up a contact of a kind, and the shop as it is in the season of a text."""
    facts = sample(
        examiner,
        template.name,
        key,
        products=20 if kind is Kind.MANY else 3,
        has_feeds=kind is not Kind.UNFED,
    )
    if kind is Kind.NAMELESS:
        facts = replace(facts, first_name=None)
    shop, _ = in_season(examiner.settings.shop, key.rpartition(".")[0], now=examiner.now)
    return replace(facts, second_subject=kind is Kind.AGAIN), shop


@dataclass(frozen=True, kw_only=True)
class Looker:
    """Somebody who looks at an e-mail as a real contact would get it."""

    examiner: Examiner
    shop_time: ShopTime

    def as_contact(
        self,
        session: Session,
        email: LiveEmail,
        template: StoredTemplate,
        key: str,
        contact_id: str,
    ) -> Composed:
        """Make an e-mail for a contact, by their newest enrollment in its flow if there is one.

        Raises:
            TemplateError: it cannot be made for them: they have no such cart, or are gone.
        """
        settings, (flow, step) = self.examiner.settings, email.sends()[0]
        canonical = canonical_id(session, contact_id)
        enrollment = _newest_enrollment(session, canonical, flow.flow.name)
        season = key.rpartition(".")[0]
        now = self.shop_time.at(self.examiner.now)
        shop, now = in_season(settings.shop, season, now=now)
        made_up = sample(self.examiner, template.name, key)
        facts = gather(
            session,
            contact_id=canonical,
            enrollment_id=enrollment.id if enrollment else "-",
            flow=flow.flow.name,
            step_id=step.id,
            purpose=flow.flow.purpose_of(step),
            entry=Entry(name=flow.flow.entry_key, key=enrollment.entry_key if enrollment else None),
            needs=_that_claim_nothing(needs(template)),
            started_at=enrollment.started_at if enrollment else now - timedelta(days=1),
            now=now,
            shop=shop,
            api=for_once(settings.api),
            message_id="preview",
        )
        facts = replace(
            facts,
            locale=key.rpartition(".")[2],
            offer=made_up.offer,
            referral=made_up.referral,
            feeds=made_up.feeds,
        )
        return _made(template, facts, shop)


def contacts_in(session: Session, flow: str) -> Sequence[Contact]:
    """List contacts who entered a flow lately, the newest first, each once."""
    query = select(Enrollment.contact_id).where(Enrollment.flow == flow)
    newest = session.scalars(query.order_by(Enrollment.started_at.desc()).limit(50))
    ids = dict.fromkeys(canonical_id(session, each) for each in newest)
    found = (session.get(Contact, each) for each in list(ids)[:OFFERED_MAX])
    return [each for each in found if each is not None and each.erased_at is None]


def _newest_enrollment(session: Session, contact_id: str, flow: str) -> Enrollment | None:
    people = known_as(session, [contact_id])[contact_id]
    query = select(Enrollment).where(Enrollment.contact_id.in_(people), Enrollment.flow == flow)
    return session.scalar(query.order_by(Enrollment.started_at.desc()).limit(1))


def _that_claim_nothing(asked: Needs) -> Needs:
    """Leave out what is made up on the first asking: the contact's own code."""
    return replace(asked, variables=asked.variables - {"referral"})


def _made(template: StoredTemplate, facts: Facts, shop: Shop) -> Composed:
    made_by = compose_foreign if template.is_edited else compose
    return made_by(template, facts, shop=shop)

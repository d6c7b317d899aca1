"""An operator's part in privacy: handing out what is held of somebody, erasing it, answering.

Sentences that are logged hold ids and numbers alone; what is handed out goes to whoever asked.
"""

from collections.abc import Sequence
from functools import partial
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sekvens.contacts import requests
from sekvens.contacts.erase import erase, erasure_of
from sekvens.contacts.export import export
from sekvens.contacts.person import Person, person_of
from sekvens.contacts.tables import ErasureReason
from sekvens.enrollments.queries import UNDER_WAY
from sekvens.enrollments.tables import Enrollment
from sekvens.events.barrier import wait_for_senders
from sekvens.staff.tables import Role
from sekvens.web.dashboard.action import Action, HandedOut, Prospect, Refused
from sekvens.web.dashboard.asked import Asked, House
from sekvens.web.dashboard.privacy import as_file, file_name

_WORDS: Final = "privacy"


def _look_at_export(_house: House, session: Session, asked: Asked) -> Prospect | Refused:
    person = _meant(session, asked)
    if person is None:
        return Refused(says=asked.t.no_such_contact)
    says = asked.t("will_export", contact=person.ids[0], n=len(person.ids))
    return Prospect(says=says, count=len(person.ids))


def _export(house: House, asked: Asked) -> HandedOut:
    """Hand out all that is held, as `contacts export` does."""
    with house.database.read() as session:
        person = person_of(session, asked.query["contact"])
        assert person is not None  # noqa: S101  contacts are never deleted
        zone = house.settings.shop.timezone
        told = export(session, person, now=asked.now, shop_zone=zone)
    name = file_name(person.ids[0], now=asked.now)
    says = asked.t("exported", contact=person.ids[0])
    return HandedOut(says=says, document=as_file(told, name=name))


def _look_at_erasing(_house: House, session: Session, asked: Asked) -> Prospect | Refused:
    """Say what ends with them, and that it is for good."""
    person = _meant(session, asked)
    if person is None:
        return Refused(says=asked.t.no_such_contact)
    done = erasure_of(session, person.ids[0])
    if done is not None:
        return Refused(says=asked.t("erased_already", contact=person.ids[0], certificate=done.id))
    count = select(func.count()).select_from(Enrollment)
    ends = session.scalar(count.where(Enrollment.contact_id.in_(person.ids), UNDER_WAY)) or 0
    says = [asked.t("will_erase", contact=person.ids[0], n=len(person.ids))]
    says += [asked.t("will_end", n=ends), asked.t.for_good]
    return Prospect(says=" ".join(says), count=len(person.ids))


def _erase(why: ErasureReason, house: House, asked: Asked) -> str:
    """Erase them, as `contacts erase` does, and name the certificate."""
    contact_id, now = asked.query["contact"], house.clock.now()
    now_shop = house.shop_time.at(now)
    with house.database.write() as session:
        ids = erase(session, contact_id, now=now, now_shop=now_shop, by=asked.who.name, why=why)
        certificate = erasure_of(session, contact_id)
        assert certificate is not None  # noqa: S101  contacts are never deleted
        says = asked.t("is_erased", contact=ids[0], certificate=certificate.id,
                       n=certificate.enrollments_ended)  # fmt: skip
    wait_for_senders(house.database, ids, clock=house.clock)
    return says


def _look_at_answering(_house: House, session: Session, asked: Asked) -> Prospect | Refused:
    meant = asked.query.get("request", "")
    found = next((row for row in requests.open_requests(session) if row.id == meant), None)
    if found is None:
        return Refused(says=asked.t("not_open", request=meant))
    key = f"will_answer_{found.kind}".replace(" ", "_")
    return Prospect(says=asked.t(key, request=found.id, contact=found.contact_id or "-"), count=1)


def _answer(house: House, asked: Asked) -> str:
    request = asked.query["request"]
    with house.database.write() as session:
        is_done = requests.finish(session, request, now=house.clock.now())
    return asked.t("answered_now" if is_done else "not_open", request=request)


def _meant(session: Session, asked: Asked) -> Person | None:
    return person_of(session, asked.query.get("contact", ""))


def _erasing(name: str, why: ErasureReason) -> Action:
    return Action(
        name=name, words=_WORDS, role=Role.OPERATOR, look=_look_at_erasing,
        do=partial(_erase, why), on=("contact",),
    )  # fmt: skip


FORGETTING: Final[Sequence[Action]] = (
    Action(
        name="export-contact", words=_WORDS, role=Role.OPERATOR, look=_look_at_export, do=_export,
        on=("contact",),
    ),
    _erasing("erase-contact", ErasureReason.REQUEST),
    _erasing("erase-contact-by-staff", ErasureReason.STAFF),
    Action(
        name="answer-request", words=_WORDS, role=Role.OPERATOR, look=_look_at_answering,
        do=_answer, on=("request",),
    ),
)  # fmt: skip

"""Messages with a text from the dashboard: composed in a limited process, sent like any other."""

import pickle
from typing import Any

import pytest
from sqlalchemy import update

from sekvens.db.session import Database
from sekvens.enrollments.tables import EnrollmentState
from sekvens.errors import TooSlow
from sekvens.flows.outcomes import Deferred, Sent
from sekvens.messages import envelope, foreign, templates
from sekvens.messages.compose import compose
from sekvens.messages.tables import MessageState, Template
from sekvens.messages.targets import Targets
from tests.unit.composing import facts, sample_shop, template
from tests.unit.sending import API, PostOffice


@pytest.fixture
def office(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> PostOffice:
    """A post office whose e-mails were edited, in a process that has read none yet."""
    monkeypatch.setattr(templates, "_SHELF", templates.TemplateShelf())
    office = PostOffice(sqlite_database)
    mark(office, is_edited=True)
    return office


def mark(office: PostOffice, *, is_edited: bool) -> None:
    with office.database.write() as session:
        session.execute(update(Template).values(is_edited=is_edited))


def test_an_edited_text_is_composed_apart_until_the_repository_has_it(
    office: PostOffice, monkeypatch: pytest.MonkeyPatch
):
    apart: list[str] = []

    def composed(template: Any, facts: Any, **more: Any) -> Any:
        apart.append(template.name)
        return compose(template, facts, **more)

    monkeypatch.setattr(envelope, "compose_foreign", composed)
    first = office.send()
    mark(office, is_edited=False)
    office.enroll("e-2", office.subscriber("v", "vera@kund.example"))
    second = office.send(enrollment_id="e-2", contact_id=office.shop.contact_id("v"))

    assert isinstance(first, Sent)
    assert isinstance(second, Sent)
    assert apart == ["letters/hello"]


def test_while_the_machine_is_too_busy_the_message_waits_and_nobody_is_parked(
    office: PostOffice, monkeypatch: pytest.MonkeyPatch
):
    def too_slow(*_: Any, **__: Any) -> Any:
        raise TooSlow("letters/hello was not written within 30 s")

    monkeypatch.setattr(envelope, "compose_foreign", too_slow)
    outcome = office.send()
    row, message = office.enrollment("e-1"), office.message("hello")
    monkeypatch.setattr(envelope, "compose_foreign", compose)

    assert isinstance(outcome, Deferred)
    assert outcome.reason == "too_slow"
    assert (row.state, message.state) == (EnrollmentState.ACTIVE, MessageState.PENDING)
    assert isinstance(office.send(), Sent)


def test_its_links_lead_where_they_would_and_the_key_that_signs_them_stays_here(
    monkeypatch: pytest.MonkeyPatch,
):
    asked: list[bytes] = []

    def call(function: str, given: object, **more: Any) -> Any:
        asked.append(pickle.dumps(given))
        return foreign_call(function, given, **more)

    foreign_call = foreign.APART.call
    monkeypatch.setattr(foreign.APART, "call", call)
    body = 'Se [hit](https://hallgrensylle.example/a) {{ button("Köp", shop.links.home) }}'
    apart, here = (Targets(api=API, message_id="m-1", through_us=True) for _ in range(2))
    made = foreign.compose_foreign(template(body), facts(), shop=sample_shop(), targets=apart)

    assert made == compose(template(body), facts(), shop=sample_shop(), targets=here)
    assert apart.by_id == here.by_id
    assert len(here.by_id) > 1
    assert API.link_secret.encode() not in asked[0]

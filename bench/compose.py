"""E-mails composed per second, against bare Jinja2 on the same e-mails in the same run.

One thread, and seconds of its own processor time, so that a busy machine does not blur it. Every
e-mail of the catalogue in every locale, round robin, for a contact with three products in the cart.
`python -m bench.compose [--short] [--profile]`
"""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import css_inline
from jinja2 import Environment, Template
from markdown_it import MarkdownIt

from bench.harness import Figure, arguments, machine, per_second, say, scratch, show
from sekvens.contacts.tables import Contact
from sekvens.db.session import Database
from sekvens.db.tables import metadata
from sekvens.enrollments.tables import Enrollment, EnrollmentState
from sekvens.enrollments.wire import SendInput
from sekvens.events.tables import Cart
from sekvens.flows.steps import Purpose
from sekvens.messages import templates
from sekvens.messages.blocks import BLOCKS
from sekvens.messages.compose import Composed, compose
from sekvens.messages.context import Entry, gather
from sekvens.messages.envelope import Envelope
from sekvens.messages.facts import Facts, Line
from sekvens.messages.needs import needs
from sekvens.messages.reader import Reader
from sekvens.messages.samples import sample_facts
from sekvens.messages.variables import variables
from sekvens.messages.words import read_words
from sekvens.offers.claims import claim
from sekvens.sections import ApiSettings
from sekvens.ses.mime import Mail, assemble
from sekvens.settings import SAMPLE_SHOP, load_settings
from sekvens.shop import Shop

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
API = ApiSettings(link_secret="the-benchmarks-own-secret-which-signs-nothing")  # noqa: S106
CART_ID = "cart-1"
#: The flows whose e-mails are made, with the offers that they make.
OFFERS = {"welcome": "welcome", "cart-abandonment": "nudge"}
RECIPIENT = "somebody@example.com"
#: Found in a finished e-mail, to make a variable of it again.
NAME = "Wilhelmina"


@dataclass(frozen=True, kw_only=True)
class Letter:
    """One e-mail in one locale, ready to be made in every way that is measured."""

    template: templates.StoredTemplate
    facts: Facts
    order: SendInput
    mail: Mail
    #: the finished HTML and text, with the first name and the unsubscribe link as variables
    finished: tuple[Template, Template]
    body: Template  #: the source's body alone
    values: dict[str, Any]
    inliner: css_inline.CSSInliner


def main() -> None:
    """Measure, and print."""
    given = arguments(__doc__ or "", ("--profile", "show where a send's time goes"))
    print(machine())
    shop = load_settings({"SEKVENS_SETTINGS": str(SAMPLE_SHOP)}).shop
    with scratch() as folder, _database(folder) as database:
        letters = list(_letters(database, shop))
        if given.profile:
            _profile(Envelope(database=database, shop=shop, api=API), letters)
            return
        ways = _ways(database, shop)
        say(f"{len(letters)} e-mails, each made in {len(ways)} ways")
        seconds = 0.25 if given.short else 5.0
        figures = [
            Figure(
                name=name, note=note, per_second=per_second(_in_turn(letters, way), seconds=seconds)
            )
            for name, way, note in ways
        ]
    show("E-mails composed, by one thread", figures, unit="e-mails")


def _ways(database: Database, shop: Shop) -> list[tuple[str, Callable[[Letter, str], object], str]]:
    envelope = Envelope(database=database, shop=shop, api=API)

    def composed(letter: Letter, first_name: str) -> object:
        return compose(letter.template, replace(letter.facts, first_name=first_name), shop=shop)

    def gathered(letter: Letter, _first_name: str) -> object:
        return compose(
            letter.template, _gather(database, shop, letter.order, letter.template), shop=shop
        )

    def whole(letter: Letter, _first_name: str) -> object:
        return envelope.fill(letter.order, "m-bench", RECIPIENT)

    return [
        ("bare Jinja2: both parts as good as finished", _bare, "2 variables, styles inlined"),
        ("bare Jinja2: the body", _body, "no Markdown, no layout, no text part"),
        ("Jinja2, markdown-it, css-inline in a row", _plain, "no layout, no text part"),
        ("compose", composed, "subject, HTML part, text part"),
        ("gather + compose", gathered, "facts from SQLite"),
        ("gather + compose + MIME", whole, "all that a send does before it calls SES"),
        ("MIME alone", lambda letter, _: assemble(letter.mail), ""),
    ]


def _in_turn(letters: list[Letter], way: Callable[[Letter, str], object]) -> Callable[[], object]:
    """Make one e-mail after the other, each for somebody else."""
    for letter in letters:  # once each, for templates are kept by the process
        way(letter, NAME)
    upcoming = zip(itertools.cycle(letters), itertools.count(), strict=False)

    def work() -> object:
        letter, number = next(upcoming)
        return way(letter, f"Anna{number}")

    return work


def _bare(letter: Letter, first_name: str) -> object:
    url = letter.facts.unsubscribe_url
    return [part.render(first_name=first_name, unsubscribe=url) for part in letter.finished]


def _body(letter: Letter, first_name: str) -> str:
    return letter.body.render({**letter.values, "first_name": first_name})


def _plain(letter: Letter, first_name: str) -> str:
    page = _MARKDOWN.render(_body(letter, first_name))
    return letter.inliner.inline(f"<html><body>{page}</body></html>")


_MARKDOWN = MarkdownIt()


@contextmanager
def _database(folder: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{folder / 'sekvens.db'}")
    metadata.create_all(database.engine)
    yield database
    database.close()


def _letters(database: Database, shop: Shop) -> Iterator[Letter]:
    jinja = Environment(autoescape=True)
    jinja.globals = dict(BLOCKS)
    names = [name for name in templates.template_names() if name.partition("/")[0] in OFFERS]
    with database.write() as session:
        digests = templates.store(session, names, now=NOW)
    for name, digest in digests.items():
        with database.read() as session:
            template = templates.load(session, digest)
        for locale in templates.plain_locales(template):
            source = template.sources[locale]
            sample = sample_facts(shop, name=name, locale=locale, now=NOW)
            order = _order(database, replace(sample, first_name=NAME), template)
            facts = _gather(database, shop, order, template)
            composed = compose(template, facts, shop=shop)
            html, text = (_reopened(jinja, p, facts) for p in (composed.html, composed.text))
            style = template.layout["style.css"].replace("$", "")
            yield Letter(
                template=template,
                facts=facts,
                order=order,
                mail=_mail(composed, shop),
                finished=(html, text),
                body=jinja.from_string(source.split("---", 2)[2]),
                values=_values(facts, shop, template),
                inliner=css_inline.CSSInliner(extra_css=style, load_remote_stylesheets=False),
            )


def _values(facts: Facts, shop: Shop, template: templates.StoredTemplate) -> dict[str, Any]:
    locale = facts.locale or shop.default_locale
    reader = Reader.of(facts, shop=shop, locale=locale)
    values = variables(facts, reader=reader, words=read_words(template.layout, locale))
    # Bare Jinja2 has one space of names: a block is hidden by a variable that is called the same.
    return {name: value for name, value in values.items() if name not in BLOCKS}


def _reopened(jinja: Environment, part: str, facts: Facts) -> Template:
    named = part.replace(NAME, "{{ first_name }}")
    return jinja.from_string(named.replace(facts.unsubscribe_url or "-", "{{ unsubscribe }}"))


def _order(database: Database, sample: Facts, template: templates.StoredTemplate) -> SendInput:
    """Write down a contact who is due this e-mail, and order it."""
    whose = f"{sample.flow}-{sample.step_id}-{sample.locale}"
    lines = [_posted(line) for line in sample.cart.lines] if sample.cart else []
    with database.write() as session:
        session.add(
            Contact(
                id=f"c-{whose}", email=RECIPIENT, first_name=sample.first_name,
                locale=sample.locale, timezone="Europe/Stockholm", created_at=NOW, updated_at=NOW,
            )
        )  # fmt: skip
        session.flush()
        session.add(Cart(contact_id=f"c-{whose}", cart_id=CART_ID, lines=lines, updated_at=NOW))
        session.add(
            Enrollment(
                id=f"e-{whose}", flow=sample.flow, flow_version=1, contact_id=f"c-{whose}",
                entry_key=CART_ID, workflow_id=whose, state=EnrollmentState.ACTIVE, started_at=NOW,
            )
        )  # fmt: skip
    offer = OFFERS[sample.flow] if needs(template).any_of("offer") else None
    return SendInput(
        enrollment_id=f"e-{whose}",
        contact_id=f"c-{whose}",
        flow=sample.flow,
        flow_version=1,
        step_id=sample.step_id,
        template=f"{sample.flow}/{sample.step_id}",
        template_digest=template.digest,
        purpose=Purpose.MARKETING,
        now=NOW,
        due_at=NOW,
        started_at=NOW - timedelta(days=4),
        offer=offer,
    )


def _posted(line: Line) -> dict[str, Any]:
    fields = ("name", "quantity", "benefit", "care", "url", "image_url")
    price = None if line.price is None else str(line.price)
    return {**{name: getattr(line, name) for name in fields}, "price": price}


def _gather(
    database: Database, shop: Shop, order: SendInput, template: templates.StoredTemplate
) -> Facts:
    promised = None
    if order.offer is not None:
        with database.write() as session:
            promised = claim(
                session,
                offer_name=order.offer,
                offer=shop.offers[order.offer],
                contact_id=order.contact_id,
                enrollment_id=order.enrollment_id,
                now=order.now,
            )
    with database.read() as session:
        return gather(
            session,
            contact_id=order.contact_id,
            enrollment_id=order.enrollment_id,
            flow=order.flow,
            step_id=order.step_id,
            purpose=Purpose(order.purpose),
            claim=promised,
            entry=Entry(name="cart_id", key=CART_ID),
            needs=needs(template),
            started_at=order.started_at,
            now=order.now,
            shop=shop,
            api=API,
            message_id="m-bench",
        )


def _mail(composed: Composed, shop: Shop) -> Mail:
    return Mail(
        sender_name=shop.sender.name[composed.locale],
        sender_address=shop.sender.address,
        reply_to=shop.sender.reply_to,
        recipient=RECIPIENT,
        subject=composed.subject,
        text=composed.text,
        html=composed.html,
    )


def _profile(envelope: Envelope, letters: list[Letter]) -> None:
    import cProfile
    import pstats

    profile = cProfile.Profile()
    for turn in range(21):
        if turn == 1:
            profile.enable()  # in the first turn the templates were read
        for letter in letters:
            envelope.fill(letter.order, "m-bench", RECIPIENT)
    profile.disable()
    pstats.Stats(profile).sort_stats("tottime").print_stats(30)


if __name__ == "__main__":
    main()

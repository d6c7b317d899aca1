"""Feeds in e-mails: one of two parts, whole, whatever the feed tells; nothing held meanwhile."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.db.session import Database
from sekvens.errors import TemplateError
from sekvens.feeds.desk import FeedDesk
from sekvens.feeds.fetching import Failure
from sekvens.feeds.reading import Unusable, read, samples
from sekvens.feeds.values import Answer, FeedLink, FeedText
from sekvens.flows.outcomes import Sent
from sekvens.messages.compose import Composed
from sekvens.messages.envelope import Envelope
from sekvens.messages.feeding import check_feeds
from sekvens.messages.gallery import WITHOUT_FEEDS, gallery
from sekvens.messages.needs import needs
from sekvens.messages.tables import Message, MessageState
from sekvens.messages.templates import store
from tests.unit.composing import NOW, composed, sample_shop, template
from tests.unit.feeding import PATIENT, PLACE, daily, source, weather
from tests.unit.ingesting import identify
from tests.unit.sending import ADDRESS, API, PostOffice
from tests.unit.test_feeds_asking_around import MANNERS

BODY = """Hej.

{% feed "weather" as weather %}
Ute är det {{ weather.sky }} och {{ weather.high }} grader{% if weather.high < 0 %}, så mössa på{% endif %}. I natt {{ weather.low }}.
{% otherwise %}
Ull passar i alla väder.
{% endfeed %}

Slut."""  # noqa: E501  a paragraph is a line
TOLD = "Ute är det snöfall och -3 grader, så mössa på. I natt -11."
OTHERWISE = "Ull passar i alla väder."
OF_STRANGERS = Answer(
    values={
        "text": FeedText("<b>Snö</b> *i* [fjällen](x) {{ shop }}"),
        "link": FeedLink("https://api.example/x?a=1&b=2"),
        "number": 7,
    }
)


def written(email: Composed) -> str:
    return " ".join(email.text.partition("\n-- ")[0].split())


def of(body: str, answer: Answer | None = OF_STRANGERS) -> Composed:
    tag = f'{{% feed "it" as it %}}{body}{{% otherwise %}}annars{{% endfeed %}}'
    return composed(tag, feeds={"it": answer} if answer else {})


def test_what_a_feed_tells_stands_in_the_words_and_numbers_of_the_reader():
    told = samples({"weather": weather()})
    swedish, english = (composed(BODY, feeds=told, locale=locale) for locale in ("sv", "en"))

    assert written(swedish) == f"Hej. {TOLD} Slut."
    assert "Ute är det snow och -3 grader" in written(english)
    assert TOLD in re.sub(r"\s+", " ", swedish.html)


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"news": OF_STRANGERS},
        {"weather": OF_STRANGERS},
        {"weather": Answer(values={"sky": FeedText("snö"), "high": 1})},
    ],
    ids=["nothing", "another-feed", "other-fields", "all-but-one"],
)
def test_what_a_feed_does_not_tell_wholly_is_told_otherwise(told: Mapping[str, Answer]):
    assert written(composed(BODY, feeds=told)) == f"Hej. {OTHERWISE} Slut."


def test_a_feed_that_tells_too_little_takes_no_other_with_it():
    news = '{% feed "news" as news %}{{ news.text }}{% otherwise %}inget nytt{% endfeed %}'
    known = read(weather().sample.encode(), weather())
    told = {"weather": known, "news": Answer(values={"number": 1})}

    assert written(composed(f"{BODY} {news}", feeds=told)) == f"Hej. {TOLD} Slut. inget nytt"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)


@settings(max_examples=100)
@given(JSON | st.builds(daily, JSON, JSON, JSON))
def test_whatever_a_feed_answers_the_e_mail_has_one_part_whole(
    answer: Any,
):
    try:
        told = {"weather": read(json.dumps(answer).encode(), weather())}
    except Unusable:
        told = {}
    said = written(composed(BODY, feeds=told))

    part = r"Ute är det [a-zåäö ]+ och -?\d+ grader(, så mössa på)?\. I natt -?\d+\."
    assert re.fullmatch(rf"Hej\. ({part}|{OTHERWISE}) Slut\.", said)


def test_a_text_of_a_feed_is_neither_markup_nor_markdown_nor_a_template():
    email = of("{{ it.text }} {{ it.text|upper }}")

    assert "<b>Snö" not in email.html
    assert "&lt;b&gt;Snö&lt;/b&gt; *i* [fjällen](x) {{ shop }}" in email.html
    assert "<em>" not in email.html


def test_a_link_of_a_feed_is_a_link_as_it_stands():
    email = of('[läs]({{ it.link }}) {{ button("Läs", it.link) }}')

    assert email.html.count('href="https://api.example/x?a=1&amp;b=2"') == 2


@pytest.mark.parametrize(
    "body",
    [
        "[x]({{ it.text }})",
        "[x](https://shop.example/{{ it.text }})",
        "[x](https://shop.example/{{ it.text|lower }})",
        "[x](https://shop.example{{ it.link }})",
        "[x](https://shop.example/{{ it.text if it.number else it.text }})",
        '{{ button("x", it.text) }}',
    ],
)
def test_a_text_of_a_feed_leads_nowhere_and_an_author_is_told(body: str):
    # No such text is ever taken: this is the second line.
    evil = {**OF_STRANGERS.values, "text": FeedText("https://evil.example/")}
    with pytest.raises(TemplateError, match="a text of a feed cannot be a link"):
        of(body, Answer(values=evil, is_sample=True))

    assert written(of(body, Answer(values=evil))) == "annars"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("{{ it }}", "'it' is a feed"),
        ("{{ it['text'] }}", "'it' is a feed"),
        ("{% for it in faq %}x{% endfor %}", "'it' is a feed"),
        ("{% set it = 1 %}", "'it' is a feed"),
        ("{% set x = it.text %}", "neither set, joined"),
        ("{{ 'https://shop.example' ~ it.text }}", "neither set, joined"),
        ("{{ [it.text, 'x']|join }}", "neither set, joined"),
        ("{{ button('x', 'https://shop.example' ~ it.text) }}", "neither set, joined"),
        ("{{ button('x', it.text|lower) }}", "neither set, joined"),
        ("{{ button('x', url=it.text) }}", "neither set, joined"),
        ("{{ product(it.text) }}", "neither set, joined"),
        ("{{ it.__class__ }}", "has an attribute '__class__'"),
        ("{{ it.text.__class__ }}", "has an attribute '__class__'"),
        ("{{ it.text() }}", "neither set, joined"),
        ("{% call button() %}x{% endcall %}", "may use if, for, set and feed"),
    ],
)
def test_what_a_feed_told_never_becomes_a_part_of_something(body: str, said: str):
    with pytest.raises(TemplateError, match=said):
        of(body)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{% feed "it" as it %}x{% endfeed %}', 'the feed "it" has no {% otherwise %}'),
        ('{% feed "it" as it %}x{% otherwise %}{{ it.x }}{% endfeed %}', "cannot stand behind"),
        ('{% feed "it" as it %}x', "looking for the following tags: 'otherwise' or 'endfeed'"),
        ("{% feed it as it %}x{% otherwise %}{% endfeed %}", "expected token 'string'"),
        ('{% feed "it" %}x{% otherwise %}{% endfeed %}', "expected token 'as'"),
        ('{% feed "it" as _it %}x{% otherwise %}{% endfeed %}', "no name for an e-mail's source"),
        ("{% otherwise %}", "unknown tag 'otherwise'"),
    ],
)
def test_a_tag_that_is_not_whole_is_refused_with_its_line(body: str, said: str):
    with pytest.raises(TemplateError, match=r"a-step\.sv\.md, line 7") as refused:
        composed(f"Hej\n\n{body}")

    assert said in str(refused.value)


def test_a_tag_may_stand_in_a_subject_a_loop_and_another_tag():
    inner = '{% feed "no" as no %}{{ no.x }}{% otherwise %}{{ n }}{{ it.number }}{% endfeed %}'
    email = of(f"{{% for n in [1, 2] %}}{inner} {{% endfor %}}")
    subject = 'Hej{% feed "it" as it %} {{ it.number }}{% otherwise %} du{% endfeed %}'
    subjects = [
        composed("x", subject=subject, feeds=told).subject for told in ({}, {"it": OF_STRANGERS})
    ]

    assert written(email) == "17 27"
    assert subjects == ["Hej du", "Hej 7"]


def test_what_goes_wrong_with_what_a_feed_told_is_told_otherwise_and_to_an_author():
    zero = Answer(values={"number": 0})
    with pytest.raises(TemplateError, match="ZeroDivisionError"):
        of("{% if 4 is divisibleby it.number %}x{% endif %}", replace(zero, is_sample=True))

    assert written(of("{% if 4 is divisibleby it.number %}x{% endif %}", zero)) == "annars"
    assert written(of("{{ aside(it.number) }}")) == "7"


def test_what_goes_wrong_without_the_feeds_goes_wrong_as_ever():
    with pytest.raises(TemplateError, match="the cart is gone"):
        composed(BODY + "{{ cart.first.name }}", cart=None, feeds={"weather": OF_STRANGERS})


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{% feed "news" as it %}x{% otherwise %}{% endfeed %}', "the settings have weather"),
        ('{% feed "weather" as it %}{{ it.hi }}{% otherwise %}{% endfeed %}', "has high, low, sky"),
    ],
)
def test_an_e_mail_that_asks_for_what_no_feed_tells_is_refused_before_it_goes_live(
    body: str, said: str
):
    with pytest.raises(TemplateError, match=said):
        check_feeds("welcome/x", needs(template(body)), {"weather": weather()})

    check_feeds("welcome/x", needs(template(BODY)), {"weather": weather()})


def test_a_shop_without_the_feed_of_a_shipped_e_mail_is_asked_for_nothing():
    check_feeds("welcome/x", needs(template(BODY)), {})


def store_weather(session: Session, names: Sequence[str], *, now: datetime) -> dict[str, str]:
    with TemporaryDirectory() as folder:
        for name in names:
            file = Path(folder) / f"{name}.sv.md"
            file.parent.mkdir(exist_ok=True)
            head = "---\nsubject: Hej\npreheader: Några rader\n---\n"
            file.write_text(f"{head}{BODY}\n", encoding="utf-8")
        return store(session, names, now=now, content=Path(folder))


class Station(PostOffice):
    """A contact whose place is known, and letters about the weather."""

    store_templates = staticmethod(store_weather)

    def __init__(self, database: Database, desk: FeedDesk) -> None:
        self.desk = desk
        super().__init__(database)
        self.shop.post(identify("u", **PLACE))
        self.relay_all()

    def another_sender(self, **sending: Any) -> Any:
        sender = super().another_sender(**sending)
        sender._envelope = self.envelope
        return sender

    @property
    def envelope(self) -> Envelope:
        return Envelope(database=self.database, shop=sample_shop(), api=API, feeds=self.desk)


def test_an_e_mail_is_composed_whatever_its_source_does(sqlite_database: Database):
    office, said = Station(sqlite_database, FeedDesk({})), {}
    with source() as there:
        for manner in ("well", *MANNERS, "says JSON and sends none", "is deep"):
            there.manner = manner
            seconds = 0.3 if MANNERS.get(manner) is Failure.TOO_SLOW else PATIENT
            office.desk = FeedDesk({"weather": there.settings(timeout_seconds=seconds)})
            sealed = office.envelope.fill(office.order(), f"m-{manner}", ADDRESS)
            said[manner] = TOLD in text_of(sealed.raw), OTHERWISE in text_of(sealed.raw)

    assert said.pop("well") == (True, False)
    assert set(said.values()) == {(False, True)}
    assert set(there.asked) == {"/forecast?at=61.8,16.6"}


def text_of(raw: bytes) -> str:
    part = message_from_bytes(raw, policy=default).get_body(("plain",))
    return " ".join(part.get_content().split())


class Watching(FeedDesk):
    """Looks around while it is asked."""

    def __init__(self, database: Database) -> None:
        super().__init__({"weather": weather()})
        self.database = database
        self.seen: list[tuple[int, str]] = []

    def answers(self, asked: Mapping[str, str]) -> dict[str, Answer]:
        assert asked.keys() == {"weather"}
        held = self.database.engine.pool.checkedout()
        with self.database.read() as session:
            [state] = session.scalars(select(Message.state))
        self.seen.append((held, state))
        return samples(self.feeds)


def test_a_feed_is_asked_before_the_claim_and_with_no_connection_held(database: Database):
    desk = Watching(database)
    outcome = Station(database, desk).send("hello")

    assert isinstance(outcome, Sent)
    assert desk.seen == [(0, MessageState.PENDING)]


def test_the_gallery_shows_what_feeds_tell_and_what_stands_there_without(tmp_path: Path):
    file = tmp_path / "birthday" / "birthday-gift.sv.md"
    file.parent.mkdir()
    head = "---\nsubject: Hej\npreheader: Några rader\n---\n"
    file.write_text(f"{head}{BODY}\n", encoding="utf-8")
    page = gallery(
        sample_shop(),
        now=NOW,
        public_url="https://post.shop.example",
        feeds=samples({"weather": weather()}),
        content=tmp_path,
    )

    assert WITHOUT_FEEDS in page
    assert "snöfall" in page
    assert OTHERWISE in page

"""No promotion in mail that goes on after an unsubscribe: found in the source, with a remedy."""

import pytest

from sekvens.commands.flows import _known
from sekvens.flows.builder import TRANSACTIONAL, event, flow, send
from sekvens.flows.catalogue import CATALOGUE
from sekvens.flows.definition import Flow
from sekvens.flows.known import Known
from sekvens.flows.survey import sends
from sekvens.flows.validate import validate
from sekvens.messages.promotion import promotions
from sekvens.messages.templates import TemplateSource, read_sources

HEAD = "---\nsubject: A parcel\npreheader: On its way\n---\n"


def written(text: str, *, key: str = "en") -> TemplateSource:
    return TemplateSource(name="order/news", sources={key: HEAD + text}, layout={})


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("Take {{ offer.percent }} of it.", "an offer"),
        ("{{ code(offer) }}", "a code"),
        ("{{ socials() }}", "links to follow the shop by"),
        ("{{ products(related) }}", "products that go with others"),
        ("{{ products(bestsellers) }}", "bestsellers"),
        ("{{ referral_code(referral) }}", "a code to pass on"),
        ("A discount awaits you.", "the word “discount”"),
        ("Get 20 % off today.", "the word “20 % off”"),
    ],
)
def test_what_sells_is_found(text: str, what: str) -> None:
    assert what in promotions(written(text))


@pytest.mark.parametrize(
    ("text", "word"), [("Du får rabatt.", "rabatt"), ("Mellandagsrea. Allt är på rea!", "rea")]
)
def test_words_are_found_in_the_language_of_the_locale(text: str, word: str) -> None:
    assert promotions(written(text, key="black-week.sv")) == [f"the word “{word}”"]
    assert promotions(written(text, key="en")) == []


def test_what_was_bought_is_no_promotion() -> None:
    text = "{{ order_summary(order) }} {{ products(order.lines) }} Really, a real reason."

    assert promotions(written(text)) == []


@pytest.mark.parametrize("flow", CATALOGUE, ids=lambda flow: flow.name)
def test_no_order_mail_that_ships_promotes_anything(flow: Flow) -> None:
    purposes = {flow.template_of(step): flow.purpose_of(step) for step in sends(flow)}
    mail = [name for name, purpose in purposes.items() if purpose is TRANSACTIONAL]

    assert [name for name in mail if promotions(read_sources(name))] == []


def test_the_linter_names_the_step_and_says_what_to_do() -> None:
    parcel = flow(
        "order", version=1, purpose=TRANSACTIONAL, trigger=event("Order Shipped"),
        entry_key="order_id", steps=[send("news")],
    )  # fmt: skip
    known = Known(
        events=frozenset({"Order Shipped"}), templates={}, offers={}, locales=(),
        promotions={"order/news": ["a code"]},
    )  # fmt: skip

    [fault] = validate(parcel, known)
    assert fault.step == "news"
    assert "its e-mail order/news has a code" in str(fault)
    assert "make the step marketing" in str(fault)


def test_marketing_may_promote() -> None:
    known = _known()

    assert known.promotions is not None
    assert "an offer" in known.promotions["welcome/a-code-for-you"]
    assert [fault for each in CATALOGUE for fault in validate(each, known)] == []

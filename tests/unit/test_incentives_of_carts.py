"""The incentives of cart abandonment: each against nothing, for as many contacts as it takes."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from sekvens.clock import FrozenClock
from sekvens.experiments.incentives import costs_of
from sekvens.experiments.judging import see
from sekvens.experiments.measuring import Measured, entries_of, measure
from sekvens.experiments.plan import of_step
from sekvens.experiments.samples import alpha_of_each, contacts_for_mean, contacts_in_all
from sekvens.experiments.wording import effects_in_words
from sekvens.flows.catalogue.cart_abandonment import CART_ABANDONMENT
from sekvens.flows.experimenting import HOLDOUT, REVENUE
from sekvens.flows.steps import Experiment, Send
from sekvens.flows.survey import every_step
from sekvens.flows.validate import validate
from sekvens.messages.compose import compose
from sekvens.messages.samples import sample_facts
from sekvens.messages.templates import read_sources, stored
from sekvens.offers.tables import OfferClaim
from sekvens.shop import Offer
from tests.unit.composing import NOW, sample_shop
from tests.unit.experimenting import Laboratory
from tests.unit.test_flows_validate import REAL

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "experiment.md"
OFFERED = ("free-shipping", "nudge", "gift")
#: Whatever the shop means by the offer that a letter makes: with a code, and without one.
TERMS = [
    Offer(days=14, percent=15, code="ETT"),
    Offer(days=14, free_shipping=True, code="TVA"),
    Offer(days=14, free_shipping=True),
    Offer(days=14, gift={"sv": "En gåva", "en": "A present"}),
    Offer(days=14, gift={"sv": "En gåva", "en": "A present"}, code="TRE"),
]
NO_CODE = {"sv": "någon kod behövs inte", "en": "no code is needed"}
PAID = {"sv": "redan betald", "en": "already paid"}
HOUR = timedelta(hours=1)
[STEP] = [each for each in every_step(CART_ABANDONMENT.steps) if each.id == "which-incentive"]
assert isinstance(STEP, Experiment)
PLAN = of_step("cart-abandonment", 4, STEP, timedelta(days=5))


def promised(laboratory: Laboratory, whose: list[str]) -> None:
    """Promise each the gift of the sample shop, which needs no code."""
    with laboratory.database.write() as session:
        session.add_all(
            OfferClaim(id=f"o-{each}", offer="gift", contact_id=each, claimed_at=NOW, sent_at=NOW,
                       expires_at=NOW + timedelta(days=14))
            for each in whose
        )  # fmt: skip


def measured(laboratory: Laboratory) -> Measured:
    """Measure the incentives as of now, with what the sample shop's offers cost."""
    now, costs = laboratory.clock.now(), costs_of(sample_shop())
    with laboratory.database.read() as session:
        entries = entries_of(session, laboratory.begun(PLAN.name))
        return measure(session, PLAN, entries, now=now, currency="SEK", costs=costs)


def earned(found: Measured) -> list[str]:
    """Tell in words how each variant compares with the first: its own lines as one."""
    lines = "\n".join(effects_in_words(PLAN, see(PLAN, found), currency="SEK"))
    return re.split(r"\n(?! )", lines)


def contacts(lift: float, variants: int) -> int:
    """Tell what finds a lift of revenue where 4 % order, by the spread that the how-to names."""
    share, alpha = 0.04, alpha_of_each(variants)
    each = contacts_for_mean(share, 2 * share - share**2, lift, alpha=alpha)
    return contacts_in_all(each, variants=variants, looks=10, alpha=alpha)


def test_a_letter_and_each_kind_of_incentive_are_held_against_nothing():
    made = {each.name: each.steps for each in STEP.variants}

    assert (PLAN.first, PLAN.measure, made.pop(HOLDOUT)) == (HOLDOUT, REVENUE, ())
    assert {name: [step.offer for step in steps if isinstance(step, Send)]
            for name, steps in made.items()} == {
        "none": [None], "free-shipping": ["free-shipping"], "percentage": ["nudge"],
        "gift": ["gift"],
    }  # fmt: skip


def test_in_the_sample_shop_each_variant_gives_what_it_is_called_and_the_gift_costs():
    offers = sample_shop().offers

    assert [offers[name].kind for name in OFFERED] == ["free_shipping", "percent", "gift"]
    assert [bool(offers[name].cost) for name in OFFERED] == [False, False, True]


@pytest.mark.parametrize("lacking", OFFERED)
def test_a_shop_that_lacks_an_offer_is_told_which_and_what_to_write(lacking: str):
    left = {name: holds for name, holds in REAL.offers.items() if name != lacking}
    [fault] = validate(CART_ABANDONMENT, replace(REAL, offers=left))

    assert f"the shop has no offer '{lacking}'. Add [shop.offers.{lacking}] to the" in str(fault)


@pytest.mark.parametrize("locale", ["sv", "en"])
@pytest.mark.parametrize("step", ["the-ride-is-free", "something-extra"])
def test_a_letter_says_no_more_of_its_offer_than_the_settings_do(step: str, locale: str):
    template, name = stored(read_sources(f"cart-abandonment/{step}")), f"cart-abandonment/{step}"
    for terms in TERMS:
        offers = sample_shop().offers | dict.fromkeys(OFFERED, terms)
        shop = msgspec.structs.replace(sample_shop(), offers=offers)
        facts = sample_facts(shop, name=name, locale=locale, now=NOW)
        text = compose(template, facts, shop=shop).text.replace("\n", " ").lower()

        assert (PAID[locale] in text) == (terms.free_shipping and step == "the-ride-is-free"), terms
        assert bool(terms.code) != (NO_CODE[locale] in text), terms
        assert terms.code.lower() in text, terms


def test_what_a_gift_earned_beyond_nothing_is_told_after_what_it_cost(sqlite_database):
    laboratory, asked = Laboratory(sqlite_database, FrozenClock(NOW)), PLAN
    groups = laboratory.many(500, by=asked)
    for name, count in {HOLDOUT: 20, "none": 25, "gift": 40}.items():
        laboratory.order(*groups[name][:count], after=HOUR)
    promised(laboratory, groups["gift"])
    laboratory.clock.move(asked.within)
    found = measured(laboratory)
    [line] = [told for told in earned(found) if told.startswith("gift, compared with holdout")]

    gained = 40 * (100 - 25) / len(groups["gift"]) - 20 * 100 / len(groups[HOLDOUT])
    assert found.tallies["gift"].cost.total == 40 * 25
    assert f"{gained:+,.1f}, between" in line
    assert "SEK a contact (this decides)" in line


def test_the_plan_finds_what_the_how_to_says_that_it_finds():
    told = re.findall(r"^\| [a-z ]+ \| ([\d,]+) \| ([\d,]+) \|$", HOW_TO.read_text(), re.MULTILINE)

    assert told == [
        (f"{contacts(lift, 5):,}", f"{contacts(lift, 2):,}") for lift in (0.25, 0.5, 1.0)
    ]
    assert contacts(0.5, 5) <= STEP.contacts < contacts(0.49, 5)

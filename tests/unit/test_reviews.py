"""Reviews: what becomes one, who is named how, what may be shown, and who proved a purchase."""

from typing import Any

import pytest
from sqlalchemy import select, update

from sekvens.db.session import Database
from sekvens.products.tables import Product, ProductVariant
from sekvens.reviews.author import author_name
from sekvens.reviews.queries import ReviewFacts, approved, listed
from sekvens.reviews.tables import Review, ReviewState
from tests.unit.ingesting import NOON, Shop, alias, identify, track

TEXT = "Varm som utlovat."


@pytest.fixture
def shop(database: Database) -> Shop:
    return Shop(database)


def review(*, user: str = "u", ago: float = 0, **more: Any) -> dict[str, Any]:
    said = {"product_id": "a", "review_id": "r1", "rating": 5, "review_body": TEXT}
    return track("Product Reviewed", user, ago=ago, **(said | more))


def approve_all(shop: Shop) -> None:
    with shop.database.write() as session:
        session.execute(update(Review).values(state="approved"))


def shown(shop: Shop, *product_ids: str, locale: str | None = None) -> list[ReviewFacts]:
    with shop.database.read() as session:
        return list(approved(session, product_ids=product_ids, limit=10, locale=locale))


def test_a_review_is_shown_only_once_somebody_approved_it(shop: Shop) -> None:
    shop.post(identify(firstName="Karin", lastName="Svensson"), review())
    before = shown(shop)
    approve_all(shop)

    (facts,) = shown(shop)
    assert before == []
    assert (facts.author, facts.rating, facts.text) == ("Karin S.", 5, TEXT)


@pytest.mark.parametrize(
    ("rating", "stars"),
    [
        *[("5.0", 5), (4.5, 4), ("4,6", 5), (1, 1), (0, None), (6, None), (True, None)],
        *[("x", None), (float("1e300"), None), ([], None), ("", None)],
    ],
)
def test_a_rating_is_one_to_five_stars_or_there_is_no_review(
    shop: Shop, rating: Any, stars: int | None
) -> None:
    shop.post(review(rating=rating))

    with shop.database.read() as session:
        found = [
            facts.rating for _, facts in listed(session, states=[ReviewState.PENDING], limit=9)
        ]
    assert found == ([] if stars is None else [stars])


@pytest.mark.parametrize("missing", ["product_id", "review_body"])
def test_what_says_nothing_about_a_product_is_no_review(shop: Shop, missing: str) -> None:
    shop.post(review(**{missing: " \x07" if missing == "review_body" else None}))

    assert shop.count(Review) == 0


def test_a_review_that_says_something_else_is_pending_again(shop: Shop) -> None:
    shop.post(review(ago=5))
    approve_all(shop)
    shop.post(review(ago=4))
    as_before = len(shown(shop))
    shop.post(review(ago=3, review_body="Jag ångrar mig."))

    assert (as_before, len(shown(shop))) == (1, 0)


def test_an_older_word_that_comes_late_changes_nothing(shop: Shop) -> None:
    shop.post(review(ago=1))
    approve_all(shop)
    shop.post(review(ago=9, rating=1))

    assert [facts.rating for facts in shown(shop)] == [5]


def test_only_an_order_of_the_same_contact_proves_a_purchase(shop: Shop) -> None:
    shop.post(review(user="u", review_id="1"), review(user="v", review_id="2"))
    shop.post(track("Order Completed", "v", order_id="1", products=[{"product_id": "a"}]))
    shop.post(track("Order Completed", "u", order_id="2", products=[{"product_id": "b"}]))
    approve_all(shop)

    assert {facts.review_id: facts.verified for facts in shown(shop)} == {"1": False, "2": True}


def test_an_order_of_one_size_proves_the_purchase_of_the_product(shop: Shop) -> None:
    with shop.database.write() as session:
        session.add(Product(id="a", titles={"sv": "A"}, locale="sv", first_seen_on=NOON))
        session.flush()
        session.add(ProductVariant(id="a-large", product_id="a"))
    shop.post(track("Order Completed", order_id="1", products=[{"product_id": "a-large"}]))
    shop.post(review())
    approve_all(shop)

    assert [facts.verified for facts in shown(shop)] == [True]


def test_a_merged_contacts_review_is_the_others_and_so_is_the_proof(shop: Shop) -> None:
    shop.post(track("Order Completed", "u", order_id="1", products=[{"product_id": "a"}]))
    shop.post(review(user="v"))
    shop.post(alias("v", "u"))
    approve_all(shop)

    assert [facts.verified for facts in shown(shop)] == [True]


def test_reviews_of_the_products_at_hand_come_first_then_the_newest(shop: Shop) -> None:
    shop.post(*(review(ago=n, review_id=str(n), product_id="xya"[n]) for n in range(3)))
    approve_all(shop)

    assert [facts.product_id for facts in shown(shop, "a")] == ["a", "x", "y"]


def test_a_review_in_another_language_is_left_out_where_a_locale_is_asked_for(shop: Shop) -> None:
    shop.post(review(review_id="1", locale="en_GB"), review(review_id="2"))
    approve_all(shop)

    assert [facts.review_id for facts in shown(shop, locale="sv")] == ["2"]


def test_an_id_that_could_be_an_address_is_hashed(shop: Shop) -> None:
    shop.post(review(review_id="karin@example.com"))

    with shop.database.read() as session:
        assert "@" not in session.scalars(select(Review.id)).one()


@pytest.mark.parametrize(
    ("given", "public"),
    [
        ("Karin", "Karin"),
        ("Karin Svensson", "Karin S."),
        ("  anna-karin von   öberg ", "anna-karin Ö."),
        ("Karin, Ljusdal", "Karin"),
        ("karin@example.com", ""),
        ("Karin <k@example.com>", ""),
        ("070-174 06 50", ""),
        ("x" * 60, ""),
        ("", ""),
    ],
)
def test_an_author_is_a_first_name_and_an_initial_at_the_most(given: str, public: str) -> None:
    assert author_name(given) == public

"""What the shop says of itself, written out for one reader, with what concerns them first.

A text about another product than theirs is left out: it would answer what nobody asked.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Protocol, TypeVar

from sekvens.messages.facts import Facts, TitledReview
from sekvens.messages.questions import QUESTIONS
from sekvens.messages.reader import Reader
from sekvens.messages.views import (
    AnswerView,
    AskedView,
    CareView,
    GuideView,
    LevelView,
    NewsView,
    PersonView,
    PressView,
    QuestionView,
    ReviewView,
    ShopView,
    StoryView,
)
from sekvens.products.facts import ProductFacts
from sekvens.segments.levels import ladder
from sekvens.shop import Level, Person


class Concerning(Protocol):
    """A text of the shop's that may be about one product or one category."""

    @property
    def product_id(self) -> str:
        """The product, or nothing."""

    @property
    def category(self) -> str:
        """The category, or nothing."""


_Text = TypeVar("_Text", bound=Concerning)


def shop_view(reader: Reader) -> ShopView:
    """Write out the shop."""
    shop = reader.shop
    return ShopView(
        name=shop.name,
        founded=shop.founded,
        tagline=reader.text(shop.tagline),
        story=reader.prose(shop.story),
        payment=reader.prose(shop.payment),
        delivery=reader.prose(shop.delivery),
        support=reader.prose(shop.support),
        guarantee=reader.prose(shop.guarantee),
        return_policy=reader.prose(shop.return_policy),
        links=shop.links,
        people=tuple(person_view(person, reader) for person in shop.people),
        vat_number=shop.vat_number,
    )


def person_view(person: Person, reader: Reader) -> PersonView:
    """Write out a person."""
    return PersonView(name=person.name, role=reader.text(person.role))


def guide_view(reader: Reader) -> GuideView:
    """Write out the guide."""
    guide = reader.shop.guide
    return GuideView(title=reader.text(guide.title), url=reader.text(guide.url))


def review_views(facts: Facts, reader: Reader, *, unnamed: str) -> tuple[ReviewView, ...]:
    """Write out reviews: of the products at hand first, then as the shop has ordered them."""
    in_settings = (
        TitledReview(
            author=review.author,
            text=review.text,
            product=review.product,
            rating=review.rating,
            verified=review.verified,
            product_id=review.product_id or None,
        )
        for review in reader.shop.reviews
    )
    at_hand = {product.product_id for product in facts.at_hand}
    reviews = sorted(
        (*facts.reviews, *in_settings), key=lambda review: review.product_id not in at_hand
    )
    return tuple(
        ReviewView(
            author=review.author or unnamed,
            text=reader.text(review.text),
            product=reader.text(review.product),
            rating=review.rating,
            verified=review.verified,
        )
        for review in reviews
    )


def question_views(facts: Facts, reader: Reader) -> tuple[QuestionView, ...]:
    """Write out frequently asked questions: those about the products at hand first."""
    return tuple(
        QuestionView(question=reader.text(entry.question), answer=reader.prose(entry.answer))
        for entry in concerning(reader.shop.faq, facts.at_hand)
    )


def story_view(facts: Facts, reader: Reader) -> StoryView | None:
    """Write out one customer's case; None if there is none that concerns the reader."""
    story = next(iter(concerning(reader.shop.stories, facts.at_hand)), None)
    if story is None:
        return None
    return StoryView(
        title=reader.text(story.title),
        text=reader.prose(story.text),
        author=story.author,
        picture_url=story.picture_url or None,
        # A picture that nobody has described is announced by what it belongs to.
        picture_alt=reader.text(story.picture_alt) or reader.text(story.title),
    )


def press_views(reader: Reader) -> tuple[PressView, ...]:
    """Write out what was said in public."""
    return tuple(
        PressView(quote=reader.text(item.quote), source=item.source, url=item.url or None)
        for item in reader.shop.press
    )


def news_views(since: datetime | None, reader: Reader) -> tuple[NewsView, ...]:
    """Write out what happened since then, the newest first, and nothing of the future."""
    first = reader.day_of(since) if since else None
    items = [item for item in reader.shop.news if item.on <= reader.today]
    return tuple(
        NewsView(
            title=reader.text(item.title),
            text=reader.prose(item.text),
            url=item.url or None,
            on=reader.day(item.on),
        )
        for item in sorted(items, key=lambda item: item.on, reverse=True)
        if first is None or item.on >= first
    )


def care_views(facts: Facts, reader: Reader) -> tuple[CareView, ...]:
    """Write out how to look after what is at hand: by product, then category, then shop."""
    told = {entry.product_id for entry in reader.shop.care if entry.product_id}
    of_products = (
        CareView(title=reader.text(product.title), text=reader.prose(product.care))
        for product in facts.at_hand
        if product.product_id not in told and reader.text(product.care)
    )
    of_shop = [
        (entry, CareView(title=reader.text(entry.title), text=reader.prose(entry.text)))
        for entry in concerning(reader.shop.care, facts.at_hand)
    ]
    return (
        *(view for entry, view in of_shop if entry.product_id),
        *dict.fromkeys(of_products),
        *(view for entry, view in of_shop if not entry.product_id),
    )


def level_view(facts: Facts, reader: Reader) -> LevelView | None:
    """Write out the level that they are on; None below the first."""
    levels = ladder(reader.shop.levels)
    reached = next((n for n, level in enumerate(levels) if level.key == facts.level), None)
    if reached is None:
        return None
    following = levels[reached + 1] if reached + 1 < len(levels) else None
    return LevelView(
        name=reader.text(levels[reached].name),
        next_name=reader.text(following.name) if following else None,
        orders_to_next=_orders_to(following, facts.orders_count) if following else None,
        is_new=facts.level_is_new,
    )


def _orders_to(level: Level, orders_count: int) -> int | None:
    """Tell how many more orders a level takes; None: it takes something else as well."""
    missing = level.orders_min - orders_count
    takes_more = level.spent_min or level.within_days
    return None if takes_more or missing <= 0 else missing


def asked_views(
    answer_urls: Mapping[str, Mapping[str, str]], reader: Reader
) -> dict[str, AskedView]:
    """Write out the answers to each question that this contact can be asked."""
    return {
        name: AskedView(
            answers=tuple(
                AnswerView(text=reader.text(answer.label), url=answer_urls[name][answer.value])
                for answer in question.answers
            ),
            ends=", ".join(filter(None, map(reader.text, (question.lowest, question.highest))))
            or None,
        )
        for name, question in QUESTIONS.items()
        if name in answer_urls
    }


def concerning(texts: Iterable[_Text], products: Iterable[ProductFacts]) -> list[_Text]:
    """Choose what concerns these products: by product, then by category, then the general."""
    products = tuple(products)
    ids = {product.product_id for product in products}
    categories = {product.category for product in products}

    def place(text: _Text) -> int | None:
        if text.product_id:
            return 0 if text.product_id in ids else None
        if text.category:
            return 1 if text.category in categories else None
        return 2

    placed = [(place(text), text) for text in texts]
    return [text for wanted in (0, 1, 2) for found, text in placed if found == wanted]

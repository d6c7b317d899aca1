"""What a file, the shop's backend or a platform tells of products, taken over.

The same twice changes nothing. What is told in the locale that brought a product, or in the shop's
own locale, counts; what is told in another one fills in its own texts only. What cannot be stored
is rejected by itself and never costs what stands beside it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Final, TypeAlias

from sqlalchemy import select, update
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from sekvens.db.session import Database
from sekvens.events.facts import chunks
from sekvens.imports.outcome import Imported, Rejected
from sekvens.products.feeds.item import FeedItem
from sekvens.products.listing import Listing, PlaceCount
from sekvens.products.section import ProductSettings
from sekvens.products.tables import Product
from sekvens.products.taking_over import Circumstances, Taken, take_over, take_place

#: Products of one transaction: a writer on SQLite keeps all others waiting.
BATCH: Final = 500
#: Whoever tells of the same new product at the same moment is seen at the next attempt; whoever
#: loses so often is up against a fault.
RACES_MAX: Final = 5
_USUAL: Final = ProductSettings()

Said: TypeAlias = Listing | PlaceCount


@dataclass(kw_only=True)
class _Count:
    rows: int = 0
    taken: Taken = field(default_factory=Taken)

    def add(self, taken: Taken) -> None:
        total = self.taken
        total.ids |= taken.ids
        total.added += taken.added
        total.changed += taken.changed
        total.unchanged += taken.unchanged
        total.rejected += taken.rejected


def import_products(
    database: Database,
    items: Iterable[FeedItem | Said | Rejected],
    *,
    locale: str,
    own_locale: str,
    now: datetime,
    whole: bool = False,
    news: ProductSettings = _USUAL,
) -> Imported:
    """Take over what is told of products, some hundred in each transaction.

    Args:
        database: Where products are kept.
        items: What was read, the rejected too.
        locale: The language of the texts.
        own_locale: The shop's.
        now: Shop time.
        whole: It is all that is for sale: what is not told of is sold out from now on.
        news: What is worth telling those who wait for a product.

    Raises:
        UnreadableFile: the feed is broken; the products before that place have been taken over.
    """
    count = _Count()
    this = Circumstances(locale=locale, own_locale=own_locale, now=now, news=news)
    accepted = _accepted(items, count)
    while some := list(islice(accepted, BATCH)):
        count.add(_stored(database, some, this))
    taken = count.taken
    if whole:
        taken.changed += _sell_out(database, taken.ids, this)
    return Imported(
        rows=count.rows,
        added=taken.added,
        changed=taken.changed,
        unchanged=taken.unchanged,
        rejected=tuple(taken.rejected),
    )


def _accepted(items: Iterable[FeedItem | Said | Rejected], count: _Count) -> Iterator[Said]:
    for item in items:
        match item:
            case Rejected():
                count.rows += item.rows
                count.taken.rejected.append(item)
            case FeedItem():
                count.rows += item.rows
                yield item.listing()
            case Listing():
                count.rows += item.rows
                yield item
            case PlaceCount():
                yield item


def _stored(database: Database, said: Sequence[Said], this: Circumstances) -> Taken:
    """Store all of it together, or, where the database does not take that, each by itself."""
    for _ in range(RACES_MAX):
        try:
            with database.write() as session:
                return _take(session, said, this)
        except IntegrityError:
            continue
        except DataError:
            break
    if len(said) > 1:
        count = _Count()
        for each in said:
            count.add(_stored(database, [each], this))
        return count.taken
    reason = "the database does not take it"
    refused = [each for each in said if isinstance(each, Listing)]
    return Taken(
        rejected=[Rejected(line=each.line, reason=reason, rows=each.rows) for each in refused]
    )


def _take(session: Session, said: Sequence[Said], this: Circumstances) -> Taken:
    taken = take_over(session, [each for each in said if isinstance(each, Listing)], this)
    for each in said:
        if isinstance(each, PlaceCount):
            take_place(session, each, this)
    return taken


def _sell_out(database: Database, told: set[str], this: Circumstances) -> int:
    """Write off what is not for sale any more; tell how many products that were."""
    with database.write() as session:
        asked = select(Product.id).where(Product.in_stock, Product.locale == this.locale)
        gone = [product_id for product_id in session.scalars(asked) if product_id not in told]
        for some in chunks(gone):
            session.execute(
                update(Product)
                .where(Product.id.in_(some))
                .values(in_stock=False, stock=None, sold_out_on=this.now)
            )
    return len(gone)

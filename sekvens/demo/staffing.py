"""What the demo gives its staff: somebody who may do everything, and something to mend or allow."""

import secrets
from io import BytesIO
from typing import Final

from sekvens.clock import Clock
from sekvens.db.session import Database
from sekvens.demo.settings import DRY_OFFER
from sekvens.flows.steps import Mode
from sekvens.modes.setting import set_mode
from sekvens.offers.importing import import_codes, read_codes
from sekvens.shop import Shop
from sekvens.staff import accounts
from sekvens.staff.tables import Role

#: Who logs in to the demo's dashboard; the password is another in each demo.
OPERATOR: Final = "doris"
#: Codes in the pool that runs dry: whoever is to get one after that waits for a person.
CODES: Final = 4
#: The e-mail that a person has to approve: order mail, which waits for them as long as it takes.
#: Marketing would be too late after three days, which are six seconds.
MANUAL: Final = ("order-updates", "order-refunded")


def add_operator(database: Database, *, clock: Clock) -> str:
    """Make an account that may do everything; tell its password."""
    password = secrets.token_urlsafe(9)
    with database.write() as session:
        accounts.add(session, OPERATOR, role=Role.OPERATOR, password=password, now=clock.now())
    return password


def ask_before_sending(database: Database, *, clock: Clock) -> None:
    """Let an e-mail wait until somebody has approved it."""
    flow, step = MANUAL
    note = "somebody sees first that the money has left"
    with database.write() as session:
        set_mode(session, flow, step, Mode.MANUAL, by=OPERATOR, note=note, now=clock.now())


def fill_pool(database: Database, shop: Shop) -> None:
    """Put codes into the pool of the offer that runs dry, if it has one."""
    offer = shop.offers.get(DRY_OFFER)
    if offer is None or not offer.pool:
        return
    codes = "".join(f"TISDAG-{number}\n" for number in range(1, CODES + 1))
    import_codes(database, read_codes(BytesIO(codes.encode())), offer=DRY_OFFER)

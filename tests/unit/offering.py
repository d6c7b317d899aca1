"""What the tests of offers share: contacts in flows who claim, are told and order."""

from datetime import datetime

from sekvens.db.session import Database
from sekvens.enrollments.tables import Enrollment
from sekvens.offers import claims, codes
from sekvens.offers.claims import Claim
from sekvens.offers.tables import CodeSource
from sekvens.shop import Offer
from tests.unit.ingesting import NOON, Shop, identify

UNIQUE = Offer(days=7, percent=10, pattern="DORIS-{6}")
POOL = Offer(days=7, percent=10, pool=True)
SHARED = Offer(days=14, free_shipping=True, code="BENGTBJUDER")


class Till:
    """A shop that makes one offer, `welcome`, to contacts in a flow."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.shop = Shop(database)

    def enroll(self, enrollment_id: str, user: str = "u") -> str:
        """Write an enrollment, and its contact if there is none; tell whose it is."""
        if self.shop.contact(user) is None:
            self.shop.post(identify(user))
        contact_id = self.shop.contact_id(user)
        with self.database.write() as session:
            if session.get(Enrollment, enrollment_id) is None:
                enrollment = Enrollment(
                    id=enrollment_id,
                    flow="letters",
                    flow_version=1,
                    contact_id=contact_id,
                    workflow_id=f"letters/{enrollment_id}",
                    started_at=NOON,
                )
                session.add(enrollment)
        return contact_id

    def claim(
        self,
        enrollment_id: str,
        offer: Offer = UNIQUE,
        *,
        name: str = "welcome",
        user: str = "u",
        now: datetime = NOON,
    ) -> Claim:
        """Claim the offer for an enrollment."""
        contact_id = self.enroll(enrollment_id, user)
        with self.database.write() as session:
            return claims.claim(
                session,
                offer_name=name,
                offer=offer,
                contact_id=contact_id,
                enrollment_id=enrollment_id,
                now=now,
            )

    def award(self, offer: Offer = UNIQUE, *, user: str = "u", now: datetime = NOON) -> Claim:
        """Claim the offer for a contact, outside any flow."""
        with self.database.write() as session:
            return claims.award(
                session,
                offer_name="welcome",
                offer=offer,
                contact_id=self.shop.contact_id(user),
                now=now,
            )

    def told(self, enrollment_id: str, *, now: datetime = NOON) -> None:
        """Let SES take the first e-mail that carries the claim."""
        with self.database.write() as session:
            claims.told(session, offer_name="welcome", enrollment_id=enrollment_id, now=now)

    def end_of(
        self, enrollment_id: str, *, user: str = "u", now: datetime = NOON
    ) -> datetime | None:
        """Tell when the offer ends."""
        contact_id = self.enroll(enrollment_id, user)
        with self.database.read() as session:
            return claims.end_of(
                session,
                offer_name="welcome",
                contact_id=contact_id,
                enrollment_id=enrollment_id,
                now=now,
            )

    def stock(self, *pool: str) -> None:
        """Put codes into the offer's pool."""
        with self.database.write() as session:
            codes.store(session, pool, offer="welcome", source=CodeSource.POOL)

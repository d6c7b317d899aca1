"""Those who come into the story with a past: what they did before it is told as long past.

Events so old start no flow, but they are facts: whom we have not seen for long, who owns what, who
has had e-mails for years and never clicked.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from sekvens.demo.calls import Call
from sekvens.demo.cast import Role
from sekvens.demo.life import Life

#: Silent people agreed so long ago, and have had a newsletter by another tool since.
AGREED_DAYS_AGO = 420
NEWSLETTER_DAYS_AGO = (330, 280, 235, 190, 150, 95, 40, 12)
#: Buyers whom we have not seen for long have had fewer than make anybody count as silent.
FEW_NEWSLETTERS = 3
#: The shop tells of their consent when all else has been told. Only then may a scan find them, and
#: no order of long ago is still on its way, which would end what a scan has just begun.
CONSENT_TOLD_ON = 1.0
#: … and a little before it that clicks may be noted.
ALLOWED_BEFORE = 0.05


class Past(Life):
    """The part of somebody whom the shop knows already. `nth` counts people of the same role."""

    def calls(self, nth: int) -> list[Call]:
        """Tell all that they did, and do."""
        if self.buyer.role is Role.SILENT:
            before = [self._agreed(-AGREED_DAYS_AGO), *self._newsletters(len(NEWSLETTER_DAYS_AGO))]
        else:
            before = [self._agreed(self.buyer.days[0])]
            if self.buyer.role is not Role.REGULAR:
                before += self._newsletters(FEW_NEWSLETTERS)
        birthday = 5.0 + 3 * nth if self.buyer.role is Role.LAPSED else None
        first = min(call.day for call in before)
        doing = _DOING.get((self.buyer.role, nth))
        return [
            self.identify(first - 1, birthday=birthday),
            self._allowed(before[0].day),
            *before,
            *self._orders(),
            *(doing(self) if doing else []),
        ]

    def _agreed(self, day: float) -> Call:
        asked = {"source": "footer form", "locale": self.buyer.person.locale}
        return replace(self.voice.track(day, "Email Subscribed", asked), told=CONSENT_TOLD_ON)

    def _allowed(self, day: float) -> Call:
        allowed = self.voice.track(day, "Tracking Allowed", {"source": "footer form"})
        return replace(allowed, told=CONSENT_TOLD_ON - ALLOWED_BEFORE)

    def _newsletters(self, count: int) -> list[Call]:
        """Let the newsletter tool beside us report what it has delivered."""
        return [
            self.voice.track(-ago, "Email Delivered", {"campaign_name": f"Newsletter {-ago}"})
            for ago in NEWSLETTER_DAYS_AGO[-count:]
        ]

    def _orders(self) -> list[Call]:
        calls: list[Call] = []
        bought = zip(self.buyer.purchases, self.buyer.days, strict=True)
        for nth, (purchase, day) in enumerate(bought):
            # What was ordered a few days before the story began is still on its way: not told.
            calls += (
                self.past_order(purchase, day) if day < 0 else self.order(purchase, day, nth=nth)
            )
        return calls


def _clicks_why(life: Life) -> list[Call]:
    return [life.click(5.6, "winback", "why-you-chose-us")]


def _says_no(life: Life) -> list[Call]:
    answer = {"question": "still-interested", "answer": "no"}
    said = answer | {"flow": "winback", "step": "why-you-chose-us"}
    return [life.voice.track(4.7, "Question Answered", said)]


def _unsubscribes(life: Life) -> list[Call]:
    return [life.voice.track(9.5, "Unsubscribed", {})]


def _looks_again(life: Life) -> list[Call]:
    product = life.choose(1)[0]
    return [life.look(day, product) for day in (3.4, 4.1, 4.8, 7.3, 9.4, 12.2)]


def _leaves_checkout(life: Life) -> list[Call]:
    return life.leave_checkout(3.5, f"cart-{life.buyer.number}-after-all")


def _clicks_anything(life: Life) -> list[Call]:
    return [life.click(10.4, "sunset", "we-respect-your-choice")]


def _clicks_birthday(life: Life) -> list[Call]:
    return [life.click(18.6, "birthday", "birthday-gift")]


def _is_thanked(life: Life) -> list[Call]:
    # Our codes are made when an e-mail carries them, so the story cannot know which one a friend
    # brings: the shop's own till says that it was one of theirs.
    earned = {"offer": "thanks", "friend_order_id": f"HY-of-a-friend-of-{life.buyer.number}"}
    return [life.voice.track(13.2, "Referral Rewarded", earned)]


#: What the nth of a role does in the story; who is not named here does nothing.
_DOING: Mapping[tuple[Role, int], Callable[[Life], list[Call]]] = {
    (Role.REGULAR, 1): _is_thanked,
    (Role.LAPSED, 0): _clicks_why,
    (Role.LAPSED, 1): _says_no,
    (Role.LAPSED, 2): _unsubscribes,
    (Role.LAPSED, 3): _looks_again,
    (Role.LAPSED, 4): _clicks_birthday,
    (Role.LAPSED, 5): _leaves_checkout,
    (Role.SILENT, 0): _clicks_anything,
    (Role.SILENT, 1): _unsubscribes,
}

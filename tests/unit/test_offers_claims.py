"""Claims: one code for a contact, one contact for a code, and until when it holds."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta

import pytest

from sekvens.db.session import Database
from sekvens.errors import OfferPoolEmpty, TemplateError
from sekvens.offers import codes, patterns
from sekvens.offers.claims import Claim
from sekvens.offers.tables import CodeSource, OfferClaim
from sekvens.shop import Offer
from tests.unit.ingesting import NOON, alias
from tests.unit.offering import POOL, SHARED, UNIQUE, Till


@pytest.fixture
def till(database: Database) -> Till:
    return Till(database)


def test_every_email_of_an_enrollment_carries_the_same_code(till: Till) -> None:
    first = till.claim("e-1")
    till.told("e-1")
    reminder = till.claim("e-1", now=NOON + timedelta(days=6))

    assert first.code is not None
    assert first.code.startswith("DORIS-")
    assert reminder == first


def test_two_contacts_get_two_codes(till: Till) -> None:
    mine, theirs = till.claim("e-1"), till.claim("e-2", user="other")

    assert mine.code != theirs.code


def test_a_shared_code_is_everybodys(till: Till) -> None:
    mine, theirs = till.claim("e-1", SHARED), till.claim("e-2", SHARED, user="other")

    assert mine.code == theirs.code == "BENGTBJUDER"
    assert mine.id != theirs.id


def test_an_unprompted_gift_has_no_code_and_still_an_end(till: Till) -> None:
    claim = till.claim("e-1", Offer(days=21, gift={"sv": "Ett par strumpor"}))

    assert claim.code is None
    assert claim.expires_at == NOON + timedelta(days=21)


def test_the_days_count_from_the_first_email_that_was_sent(till: Till) -> None:
    till.claim("e-1")
    sent_at = NOON + timedelta(hours=30)  # SES was away
    claim = till.claim("e-1", now=sent_at)
    till.told("e-1", now=sent_at)
    reminder = till.claim("e-1", now=sent_at + timedelta(days=3))

    assert claim.expires_at == reminder.expires_at == sent_at + timedelta(days=7)


@pytest.mark.parametrize(
    ("zone", "last_day"),
    [("Europe/Stockholm", date(2026, 3, 10)), ("Pacific/Auckland", date(2026, 3, 11))],
)
def test_its_last_day_is_the_last_whole_one_where_the_contact_lives(
    till: Till, zone: str, last_day: date
) -> None:
    claim = till.claim("e-1")

    assert claim.expires_at == datetime.fromisoformat("2026-03-11T12:00:00+00:00")
    assert claim.last_day(zone) == last_day


def test_who_comes_back_gets_the_code_that_is_still_good(till: Till) -> None:
    first = till.claim("e-1")
    till.told("e-1")
    again = till.claim("e-2", now=NOON + timedelta(days=6))

    assert again == first


def test_who_comes_back_with_less_than_a_day_left_gets_a_new_code(till: Till) -> None:
    first = till.claim("e-1")
    till.told("e-1")
    late = NOON + timedelta(days=6, minutes=1)
    again = till.claim("e-2", now=late)

    assert again.code != first.code
    assert again.expires_at == late + timedelta(days=7)


def test_an_enrollment_keeps_its_code_though_it_is_over(till: Till) -> None:
    first = till.claim("e-1")
    till.told("e-1")
    late = till.claim("e-1", now=NOON + timedelta(days=30))

    assert late == first


def test_a_merged_contact_keeps_what_either_was_promised(till: Till) -> None:
    young = till.claim("e-1", user="young")
    till.told("e-1")
    till.shop.post(alias("u", "young"))
    again = till.claim("e-2", user="u")

    assert again.code == young.code


def test_the_end_of_an_offer_is_known_once_somebody_was_told_of_it(till: Till) -> None:
    before = till.end_of("e-1")
    claim = till.claim("e-1")
    untold = till.end_of("e-1")
    till.told("e-1")

    assert (before, untold) == (None, None)
    assert till.end_of("e-1") == claim.expires_at
    assert till.end_of("e-2") == claim.expires_at  # that is the one that it would be given


def test_a_pool_gives_its_codes_in_the_order_in_which_they_came(till: Till) -> None:
    till.stock("FIRST", "SECOND")
    given = [till.claim("e-1", POOL).code, till.claim("e-2", POOL, user="other").code]

    assert given == ["FIRST", "SECOND"]


def test_a_pool_that_runs_dry_says_what_to_do(till: Till) -> None:
    till.stock("ONLY")
    till.claim("e-1", POOL)
    with pytest.raises(OfferPoolEmpty, match=r"'welcome'.*offers import welcome.*retry") as told:
        till.claim("e-2", POOL, user="other")

    assert told.value.code == "offer_pool_empty"
    assert till.shop.count(OfferClaim) == 1


def test_codes_that_were_generated_ahead_are_the_only_ones_the_checkout_knows(till: Till) -> None:
    till.stock("DORIS-KNOWN")
    first = till.claim("e-1", UNIQUE)

    assert first.code == "DORIS-KNOWN"
    with pytest.raises(OfferPoolEmpty):
        till.claim("e-2", UNIQUE, user="other")


def test_a_reward_is_a_claim_of_its_own_and_the_first_to_be_told(till: Till) -> None:
    carried = till.claim("e-1")
    till.told("e-1")
    reward = till.award()
    told = till.claim("e-2")

    assert reward.code != carried.code
    assert told.code == reward.code


def test_two_sends_at_once_for_one_contact_claim_one_code(till: Till) -> None:
    till.enroll("e-1")
    till.enroll("e-2")
    claimed = at_once([lambda: till.claim("e-1")] * 4 + [lambda: till.claim("e-2")] * 4)

    assert len({claim.code for claim in claimed}) == 1
    assert till.shop.count(OfferClaim) == 1


def test_contacts_who_are_sent_to_at_once_never_share_a_code(till: Till) -> None:
    users = [f"u{number}" for number in range(12)]
    till.stock(*(f"CODE{number}" for number in range(len(users))))
    for number, user in enumerate(users):
        till.enroll(f"e-{number}", user)
    claimed = at_once(
        [
            lambda number=number, user=user: till.claim(f"e-{number}", POOL, user=user)  # type: ignore[misc]
            for number, user in enumerate(users)
        ]
    )

    assert len({claim.code for claim in claimed}) == len(users)


def test_a_pattern_with_hardly_a_code_left_parks_rather_than_tries_for_ever(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nobody can use up a million codes in a test: the dice are loaded.
    monkeypatch.setattr(patterns.secrets, "choice", lambda _: "7")
    till.claim("e-1")

    with pytest.raises(TemplateError, match=r"hardly a code left of its pattern 'DORIS-\{6\}'"):
        till.claim("e-2", user="other")


def test_codes_are_easy_to_read_and_make_no_words() -> None:
    drawn = {patterns.write_code("{40}") for _ in range(200)}

    assert len(drawn) == 200
    assert not set("".join(drawn)) & set("0O1IL AEUY")
    assert patterns.write_code("DORIS-{6}-X").startswith("DORIS-")


@pytest.mark.parametrize("pattern", ["DORIS", "{4}", "A{6}{6}", "DORIS {6}", "{6", "{50}X", "Å{6}"])
def test_a_pattern_that_could_be_guessed_or_typed_wrong_has_a_problem(pattern: str) -> None:
    assert patterns.pattern_problem(pattern)


def test_a_code_is_stored_once_however_it_is_spelt(till: Till) -> None:
    with till.database.write() as session:
        stored = [
            [code.code for code in codes.store(session, some, offer="a", source=CodeSource.POOL)]
            for some in (["Vår-1", "vår-1 ", "B"], ["VÅR-1", "C"])
        ]

    assert [sorted(some) for some in stored] == [["B", "Vår-1"], ["C"]]


def at_once(calls: list[Callable[[], Claim]]) -> list[Claim]:
    with ThreadPoolExecutor(len(calls)) as threads:
        return [done.result() for done in [threads.submit(call) for call in calls]]

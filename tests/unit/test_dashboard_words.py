"""Whatever the facts have as one word has a word in every language of the pages."""

import re
from collections.abc import Iterable
from types import ModuleType

import pytest

from activities.bugs import BUG
from sekvens.contacts.requests import RequestKind
from sekvens.contacts.tables import ConsentStatus, ErasureReason, SuppressionReason
from sekvens.contacts.timeline import What
from sekvens.contacts.tracking import PURPOSES
from sekvens.edits.previewing import Kind as Looks
from sekvens.errors import OfferPoolEmpty, TemplateError
from sekvens.experiments.tables import ExperimentState, Verdict
from sekvens.feedback.fates import FateState
from sekvens.flows import wording, wording_sv
from sekvens.flows.asking import happened
from sekvens.flows.builder import event
from sekvens.flows.conditions import AllOf, AnyOf, EventPattern
from sekvens.flows.moving import Policy
from sekvens.flows.outcomes import SkipReason
from sekvens.flows.segments import SEGMENTS
from sekvens.flows.steps import (
    Adoption,
    ExitReason,
    Measure,
    Mode,
    Purpose,
    SetConsent,
    Suppress,
)
from sekvens.messages.calm import HoldReason
from sekvens.messages.holds import HeldBy
from sekvens.metrics.bold import BOLD
from sekvens.metrics.comparing import Verdict as OnTarget
from sekvens.offers.queries import GivenBy
from sekvens.predictions.kinds import Kind as Predicts
from sekvens.reputation.periods import Receiver
from sekvens.reputation.rates import Kind as Spoils
from sekvens.reputation.rates import Level
from sekvens.reviews.tables import ReviewState
from sekvens.send_time.zones import Confidence, ZoneSource
from sekvens.shop import OFFER_KINDS
from sekvens.staff.tables import Role
from sekvens.switches.tables import SwitchState
from sekvens.web.dashboard.operations import SUBJECTS
from sekvens.web.dashboard.pages import ACTIONS
from sekvens.web.dashboard.words import LANGUAGES, Words

PARKED = (BUG, "webhook", TemplateError.code, OfferPoolEmpty.code)
#: Kind of a word in `reasons.toml` -> all that the facts may have of it.
FACTS: dict[str, Iterable[str]] = {
    "skip": SkipReason, "exit": ExitReason, "fate": FateState, "consent": ConsentStatus,
    "suppression": SuppressionReason, "parked": PARKED, "mode": Mode, "switch": SwitchState,
    "purpose": [*Purpose, *PURPOSES.values()], "policy": Policy, "state": ExperimentState,
    "hold": [*HoldReason, *HeldBy], "rate": Spoils, "kind": Predicts, "erased": ErasureReason,
}  # fmt: skip
#: Page and kind of a word there -> all that the page may be asked for.
PAGES: dict[tuple[str, str], Iterable[str]] = {
    ("common", "role"): Role,
    ("contact", "what"): [each for each in What if each is not What.EVENT],
    ("contact", "zone"): ["trait_stated", "device_likely", "country_likely", "country_guess",
                          "shop_none"],
    ("deliverability", "kind"): Spoils, ("deliverability", "level"): Level,
    ("deliverability", "receiver"): Receiver,
    ("experiment", "known"): [*Verdict, "holdout"], ("experiments", "known"): Verdict,
    ("experiment", "measure"): Measure, ("experiment", "adoption"): Adoption,
    ("flow", "verdict"): Verdict, ("email", "kind"): Looks,
    ("offers", "kind"): OFFER_KINDS, ("offers", "by"): GivenBy,
    ("operations", "subject"): SUBJECTS,
    ("board", "m"): BOLD, ("board", "h"): BOLD,
    ("board", "target"): [each for each in OnTarget if each is not OnTarget.NONE],
    ("segment", "says"): [each.name for each in SEGMENTS],
    ("reviews", "state"): ReviewState, ("reviews", "nothing"): ReviewState,
    ("reviews", "will_be"): ["approved", "rejected"], ("reviews", "are"): ["approved", "rejected"],
    ("privacy", "kind"): RequestKind, ("privacy", "will_answer"): RequestKind,
    ("privacy", "rows"): ["deleted", "emptied", "kept"],
    ("audit", "on"): sorted({name for action in ACTIONS for name in action.on}),
}  # fmt: skip
EVERY = [
    *((("reasons", kind), names) for kind, names in FACTS.items()),
    *PAGES.items(),
]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("where", "names"), EVERY, ids=lambda each: str(each)[:40])
def test_every_member_has_a_word_in_every_language(
    where: tuple[str, str], names: Iterable[str], language: str
) -> None:
    page, kind = where
    words = Words(page, language)
    keys = {str(name): re.sub(r"\W+", "_", f"{kind}_{name}") for name in names}

    assert keys
    assert [name for name, key in keys.items() if not words.has(key)] == []


def test_a_word_that_is_the_same_in_both_languages_is_so_on_purpose() -> None:
    """A text that was only copied would be English on a Swedish page."""
    alike = {
        f"{page}.{key}"
        for page in sorted({page for page, _ in PAGES} | {"reasons", "sentences"})
        for key, text in Words(page, "sv").own.items()
        if text == Words(page, "en").own[key] and len(str(text)) > 12
    }

    assert alike == {"flow.way_variant", "sentences.of_a_step"}


def test_zones_are_known_by_nothing_else() -> None:
    assert {each.split("_")[0] for each in PAGES["contact", "zone"]} == set(ZoneSource)
    assert {each.split("_")[1] for each in PAGES["contact", "zone"]} == set(Confidence)


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_every_action_has_its_button_and_its_question(action) -> None:  # type: ignore[no-untyped-def]
    for language in LANGUAGES:
        words = Words(action.words, language)

        assert words(action.key("do"))
        assert words(action.key("ask")).endswith("?")


@pytest.mark.parametrize(
    ("deeds", "kind"),
    [
        ([SetConsent(id="x", status=each) for each in ConsentStatus], "consent"),
        ([Suppress(id="x", reason=each) for each in SuppressionReason], "suppression"),
    ],
)
def test_what_a_step_sets_is_said_in_the_pages_words(deeds, kind) -> None:  # type: ignore[no-untyped-def]
    words = Words("reasons", "sv")
    for deed in deeds:
        value = deed.status if kind == "consent" else deed.reason

        assert words.of(kind, value) in wording_sv.deed_in_words(deed)


def test_what_an_event_is_about_is_named_in_swedish() -> None:
    pattern = EventPattern(name="Product Viewed", same="product_id")
    request = event("page", category="support", other="request_id")

    assert wording_sv.they_do(pattern) == "tittar på en vara (samma vara)"
    assert "kategori är support och en annan begäran" in wording_sv.they_do(request)


@pytest.mark.parametrize(
    ("words", "said"),
    [(wording, ("all of these", "one of these")), (wording_sv, ("allt av det", "något av det"))],
)
def test_of_several_conditions_it_is_said_how_many_must_hold(
    words: ModuleType, said: tuple[str, str]
) -> None:
    asked = (happened("page"), happened("Order Completed"))

    assert words.of_these(AllOf(conditions=asked)).startswith(said[0])
    assert words.of_these(AnyOf(conditions=asked)).startswith(said[1])

"""Names that histories, databases and other people's scripts hold. Changing one is a migration."""

import base64
import json
from typing import Any, get_args, get_type_hints

from sekvens.audiences import names as scheduled
from sekvens.audiences.rules import RULES
from sekvens.contacts.tables import ConsentStatus, ErasureReason, SuppressionReason
from sekvens.enrollments import names
from sekvens.enrollments.tables import EnrollmentState
from sekvens.enrollments.wire import EnrollmentInput
from sekvens.experiments import names as experiments
from sekvens.experiments.tables import ExperimentState, Verdict
from sekvens.feedback.fates import FateState
from sekvens.feedback.kinds import ReportKind
from sekvens.flows.catalogue import CATALOGUE
from sekvens.flows.codec import from_json
from sekvens.flows.commands import Question
from sekvens.flows.conditions import Condition, EventPattern
from sekvens.flows.definition import Flow, Reentry
from sekvens.flows.experimenting import HOLDOUT
from sekvens.flows.graph import compile_flow
from sekvens.flows.lots import EVERYTHING, TREATED
from sekvens.flows.moving import Policy
from sekvens.flows.outcomes import Outcome, SkipReason
from sekvens.flows.state import FORMAT
from sekvens.flows.steps import (
    Adoption,
    BestTime,
    Date,
    ExitReason,
    LocalTime,
    Measure,
    Mode,
    Purpose,
    Step,
)
from sekvens.messages.tables import MessageState
from sekvens.predictions import names as predictions
from sekvens.predictions.kinds import Kind, Method
from sekvens.staff.monday import names as monday
from tests.replay.recording import history_of, recorded


def test_the_names_that_temporal_knows_us_by_never_change():
    assert {name: name for name in PINNED} == {
        names.FLOWS_QUEUE: "flows",
        names.SES_QUEUE: "ses",
        names.SEND_ACTIVITY: "send_message",
        names.ANSWER_ACTIVITY: "answer_question",
        names.RECORD_ACTIVITY: "record_signal",
        names.FINISH_ACTIVITY: "finish_enrollment",
        names.EVENTS_SIGNAL: "events",
        names.PURCHASE_SIGNAL: "purchase",
        names.UNSUBSCRIBE_SIGNAL: "unsubscribe",
        names.RETRY_SIGNAL: "retry",
        names.SKIP_SIGNAL: "skip",
        names.EXIT_SIGNAL: "exit",
        names.VIEW_QUERY: "view",
        names.CARRY_OUT_ACTIVITY: "carry_out",
        names.MOVE_ACTIVITY: "move_enrollment",
        names.ENROLLMENT_ID: "enrollment_id",
    }
    assert names.EXIT_BY_RELAY_PATCH == "exit-by-relay"
    assert names.move_patch(7) == "move-7"
    assert names.look_patch(7) == "look-7"
    assert names.SEARCH_ATTRIBUTES == ("ContactId", "FlowVersion", "ExitReason", "ParkedReason")


PINNED = (
    "flows", "ses", "send_message", "answer_question", "record_signal", "finish_enrollment",
    "carry_out", "move_enrollment",
    "events", "purchase", "unsubscribe", "retry", "skip", "exit", "view", "enrollment_id",
)  # fmt: skip


def test_the_names_of_scheduled_work_never_change():
    assert (scheduled.SCAN_WORKFLOW, scheduled.RETENTION_WORKFLOW) == ("audience-scan", "retention")
    assert scheduled.SCAN_ACTIVITY == "scan_audience_batch"
    assert scheduled.ERASE_ACTIVITY == "erase_inactive_batch"
    assert scheduled.PROGRESS_QUERY == "progress"
    assert scheduled.RETENTION_SCHEDULE == "retention"
    assert scheduled.EXPIRY_WORKFLOW == scheduled.EXPIRY_SCHEDULE == "expiry"
    assert scheduled.EXPIRE_ACTIVITY == "expire_batch"
    assert scheduled.SEGMENTS_WORKFLOW == scheduled.SEGMENTS_SCHEDULE == "segments"
    assert scheduled.SEGMENTS_ACTIVITY == "watch_segments_batch"
    assert scheduled.REFRESH_WORKFLOW == scheduled.REFRESH_SCHEDULE == "metrics-refresh"
    assert scheduled.REFRESH_ACTIVITY == "refresh_metrics_batch"
    assert experiments.LOOKS_WORKFLOW == experiments.LOOKS_SCHEDULE == "experiment-looks"
    assert experiments.LOOKS_ACTIVITY == "look_at_experiments"
    assert [rule.name for rule in RULES] == [
        "rejected_events", "visits", "feedback.raw", "consent_changes.ip_mark",
        "engagement.visitor", "send_time_choices", "segment_stays", "audit_log", "deliveries",
        "events.properties",
    ]  # fmt: skip
    assert predictions.PREDICTION_WORKFLOW == predictions.PREDICTION_SCHEDULE == "predictions"
    assert predictions.PREDICT_ACTIVITY == "predict_batch"
    assert monday.MONDAY_WORKFLOW == monday.MONDAY_SCHEDULE == "monday-mail"
    assert monday.MONDAY_ACTIVITY == "send_monday_mails"
    assert scheduled.schedule_id("winback") == "audience/winback"
    assert scheduled.scan_id("winback") == "audience-scan/winback"


def test_the_values_that_rows_and_states_hold_never_change():
    assert [*Kind] == ["orders_in_90_days", "churn", "next_order", "lapse"]
    assert [*Method] == ["bg_nbd", "gaps"]
    assert [*ExitReason] == [
        "completed", "converted", "unsubscribed", "suppressed", "no_longer_matches", "superseded",
        "cancelled", "failed",
    ]  # fmt: skip
    assert [*SkipReason] == [
        "no_consent", "suppressed", "no_address", "not_allowed", "exited", "filter",
        "frequency_cap", "quiet_hours_expired", "stale", "rejected", "outcome_unknown", "operator",
        "holdout",
        "draft", "not_approved",
    ]  # fmt: skip
    assert [*Purpose] == ["marketing", "transactional"]
    assert [*MessageState] == ["pending", "dispatching", "accepted", "skipped"]
    assert [*FateState] == [
        "delayed", "soft_bounced", "failed", "rejected", "delivered", "bounced", "complained",
    ]  # fmt: skip
    assert [*ReportKind] == [
        "accepted", "delivered", "delayed", "bounced", "soft_bounced", "complained", "not_spam",
        "rejected", "failed", "opened", "clicked", "unsubscribed", "subscription", "unknown",
        "unreadable",
    ]  # fmt: skip
    assert [*EnrollmentState] == ["active", "parked", "ended"]
    assert [*ConsentStatus] == ["subscribed", "unsubscribed", "never_subscribed", "pending"]
    assert [*SuppressionReason] == ["bounce", "complaint", "manual", "invalid", "inactive"]
    assert [*ErasureReason] == ["request", "inactive", "staff", "unconfirmed"]
    assert [*Policy] == ["finish_old", "move_at_next_step", "recompute_waits"]
    assert [*Measure] == ["clicks", "orders", "revenue"]
    assert [*Adoption] == ["by_hand", "auto"]
    assert [*ExperimentState] == ["running", "adopted", "stopped"]
    assert [*Verdict] == ["open", "won", "no_winner", "mismatch"]
    assert (EVERYTHING, TREATED, HOLDOUT) == ("everything", "treated", "holdout")
    assert [*Mode] == ["draft", "manual", "live"]
    assert FORMAT == 1


def test_the_steps_of_the_shipped_flows_keep_their_ids():
    steps = {f"{flow.name} v{flow.version}": list(compile_flow(flow).steps) for flow in CATALOGUE}

    assert steps == SHIPPED


def test_the_steps_of_earlier_versions_are_remembered_by_recorded_histories():
    pinned = [EnrollmentInput(**first_input(name)) for name in recorded()]
    flows = [compile_flow(from_json(Flow, each.flow)) for each in pinned]
    steps = {f"{graph.flow.name} v{graph.flow.version}": list(graph.steps) for graph in flows}

    assert {name: steps[name] for name in EARLIER} == EARLIER


def first_input(history: str) -> dict[str, Any]:
    """What the enrollment of a recorded history was started with."""
    [first, *_] = json.loads(history_of(history).to_json())["events"]
    payload = first["workflowExecutionStartedEventAttributes"]["input"]["payloads"][0]
    return json.loads(base64.b64decode(payload["data"]))


#: A step id is a permanent identity: the ledger, the dashboard and clicks hold it.
SHIPPED = {
    "double-opt-in v1": [
        "please-confirm", "a-day", "one-reminder", "until-the-link-ends", "never-answered",
    ],
    "welcome v3": [
        "hello", "until-day-two", "who-we-are", "until-day-four", "what-others-say",
        "promised-a-code", "no-code", "until-day-seven", "a-code-for-you", "until-the-last-day",
        "last-day",
    ],
    "browse-abandonment v2": [
        "settle", "still-thinking", "until-day-one", "what-people-choose",
        "until-day-three", "looked-again-by-day-three", "how-others-use-it",
        "until-day-five", "looked-again-by-day-five", "who-makes-it", "until-day-eight",
        "looked-again-by-day-eight", "before-you-decide",
    ],
    "cart-abandonment v4": [
        "settle", "your-cart-misses-you", "until-day-one", "questions-answered",
        "until-day-two", "nothing-to-lose", "looked-again", "a-pause", "never-ordered",
        "which-incentive", "just-a-letter", "the-ride-is-free", "a-small-nudge",
        "something-extra", "until-day-seven", "last-word",
    ],
    "checkout-abandonment v1": [
        "settle", "did-it-get-stuck", "until-twenty-hours", "in-good-hands", "until-day-two",
        "asked-and-answered", "until-day-four", "our-promise", "until-day-seven", "shall-i-help",
    ],
    "back-in-stock v1": [
        "an-hour", "asked-for-it", "as-you-asked", "it-is-back",
    ],
    "price-drop v1": [
        "until-morning", "it-costs-less",
    ],
    "order-updates v1": [
        "order-confirmation", "the-order", "is-on-its-way", "order-shipped", "is-to-be-fetched",
        "ready-for-pickup", "is-still-late", "order-delayed", "order-delivered",
        "order-refunded",
    ],
    "return-help v1": [
        "three-days", "need-a-hand",
    ],
    "post-purchase-first v3": [
        "delivered", "until-two-days-after", "what-they-bought", "a-jumper-at-home",
        "next-to-the-skin", "a-blanket-in-the-house", "mittens-outdoors", "socks-that-last",
        "a-hat-and-a-scarf", "your-first-mend", "how-to-use-it", "until-seven-days-after",
        "how-was-it", "until-twelve-days-after", "write-a-review",
        "until-sixteen-days-after", "if-in-doubt", "until-twenty-one-days-after",
        "goes-well-with",
    ],
    "post-purchase-returning v3": [
        "delivered", "is-a-vip", "until-three-days-after", "from-the-one-who-made-it",
        "until-a-fortnight-after", "before-the-others", "until-four-weeks-after",
        "what-would-you-change", "until-two-days-after", "good-to-see-you",
        "until-six-days-after", "fits-what-you-own", "until-twelve-days-after",
        "a-first-look", "until-eighteen-days-after", "write-a-review",
        "until-twenty-five-days-after", "where-you-stand",
    ],
    "referral-thanks v1": [
        "until-morning", "a-thank-you",
    ],
    "owner-visits v1": [
        "settle", "needs-help", "can-i-help", "until-morning", "goes-with-yours",
    ],
    "milestones v3": [
        "delivered", "until-six-weeks", "six-weeks", "until-two-months", "orders-soon",
        "until-three-months", "three-months", "until-the-anniversary", "one-year",
    ],
    "birthday v1": [
        "until-the-day", "birthday-gift", "until-day-four", "unopened", "birthday-gift-again",
    ],
    "replenishment v1": [
        "until-morning", "time-for-more", "until-a-week-later", "did-we-count-right",
    ],
    "winback v2": [
        "until-morning", "has-bought", "why-you-chose-us", "you-signed-up-once",
        "until-day-three", "unclicked", "why-you-chose-us-again", "until-day-seven",
        "since-you-were-here", "how-lately-seen", "until-day-ten", "until-day-twenty-one",
        "until-day-fourteen", "what-people-say", "until-day-twenty-four", "only-for-you",
        "until-the-last-call", "last-call", "a-fortnight", "silent", "alive", "to-sunset",
    ],
    "winback-goodbye v1": [
        "until-we-meet", "rest",
    ],
    "sunset v1": [
        "until-morning", "we-respect-your-choice", "until-day-seven", "a-gift-to-stay",
        "until-day-fourteen", "find-us-elsewhere", "until-day-nineteen", "goodbye",
        "a-last-week", "inactive",
    ],
}  # fmt: skip

#: Versions that the catalogue has no more: who entered them is under way for weeks all the same.
EARLIER = {
    "browse-abandonment v1": [
        "settle", "still-thinking", "until-day-one", "what-people-choose", "until-day-three",
        "looked-again-by-day-three", "how-others-use-it", "until-day-five",
        "looked-again-by-day-five", "who-makes-it", "until-day-eight",
        "looked-again-by-day-eight", "before-you-decide",
    ],
    "post-purchase-first v2": [
        "delivered", "until-two-days-after", "how-to-use-it", "until-seven-days-after",
        "how-was-it", "until-twelve-days-after", "write-a-review", "until-sixteen-days-after",
        "if-in-doubt", "until-twenty-one-days-after", "goes-well-with",
    ],
    "post-purchase-returning v2": [
        "delivered", "until-two-days-after", "good-to-see-you", "until-six-days-after",
        "fits-what-you-own", "until-twelve-days-after", "a-first-look",
        "until-eighteen-days-after", "write-a-review", "until-twenty-five-days-after",
        "where-you-stand",
    ],
    "milestones v2": [
        "delivered", "until-six-weeks", "six-weeks", "until-three-months", "three-months",
        "until-the-anniversary", "one-year",
    ],
    "winback v1": [
        "until-morning", "has-bought", "why-you-chose-us", "you-signed-up-once",
        "until-day-three", "unclicked", "why-you-chose-us-again", "until-day-seven",
        "since-you-were-here", "until-day-fourteen", "what-people-say", "until-day-twenty-four",
        "only-for-you", "until-day-thirty", "last-call", "a-fortnight", "silent", "alive",
        "to-sunset",
    ],
    "welcome v2": [
        "hello", "until-day-two", "who-we-are", "until-day-four", "what-others-say",
        "promised-a-code", "no-code", "until-day-seven", "a-code-for-you", "until-the-last-day",
        "last-day",
    ],
    "post-purchase-first v1": [
        "delivered", "until-two-days-after", "how-to-use-it", "until-seven-days-after",
        "how-was-it", "until-twelve-days-after", "write-a-review", "until-sixteen-days-after",
        "if-in-doubt", "until-twenty-one-days-after", "goes-well-with",
    ],
    "post-purchase-returning v1": [
        "delivered", "until-two-days-after", "good-to-see-you", "until-six-days-after",
        "fits-what-you-own", "until-twelve-days-after", "a-first-look",
        "until-eighteen-days-after", "write-a-review", "until-twenty-five-days-after",
        "where-you-stand",
    ],
    "milestones v1": [
        "delivered", "until-six-weeks", "six-weeks", "until-three-months", "three-months",
        "until-the-anniversary", "one-year",
    ],
    "welcome v1": [
        "hello", "until-day-two", "who-we-are", "until-day-four", "what-others-say",
        "until-day-seven", "a-code-for-you", "until-day-thirteen", "last-day",
    ],
    "cart-abandonment v3": [
        "settle", "your-cart-misses-you", "until-day-one", "questions-answered",
        "until-day-two", "nothing-to-lose", "looked-again", "a-pause", "never-ordered",
        "does-the-nudge-pay", "a-small-nudge", "until-day-seven", "last-word",
    ],
    "cart-abandonment v2": [
        "settle", "your-cart-misses-you", "until-day-one", "questions-answered",
        "until-day-two", "nothing-to-lose", "looked-again", "a-pause", "never-ordered",
        "a-small-nudge", "until-day-seven", "last-word",
    ],
    "cart-abandonment v1": [
        "settle", "your-cart-misses-you", "until-day-one", "questions-answered",
        "until-day-two", "nothing-to-lose", "looked-again", "a-pause", "never-ordered",
        "a-small-nudge", "until-day-seven", "last-word",
    ],
}  # fmt: skip


def test_the_kinds_that_definitions_states_and_outcomes_are_told_apart_by_never_change():
    kinds = {
        union: [get_args(get_type_hints(kind)["kind"])[0] for kind in get_args(members)]
        for union, members in UNIONS.items()
    }

    assert kinds == {
        "step": [
            "send", "wait", "wait_for", "listen", "split", "experiment", "set_trait",
            "set_consent", "suppress", "rest", "webhook", "enroll", "exit",
        ],
        "outcome": ["sent", "done", "skipped", "deferred", "in_doubt", "parked"],
        "question": [
            "next_local_time", "next_best_time", "next_date", "which_branch", "which_variant",
        ],
        "time of day": ["local_time", "best_time"],
        "date": ["date_of", "anniversary_of", "offer_end"],
        "condition": [
            "subscribed", "happened", "trait_is", "has_trait", "date_within", "lapsed",
            "order_expected", "received", "owns", "in_stock", "product_in_stock", "price_stands",
            "needs_again", "in_flow", "spent", "ordered", "viewed", "breadth", "top_share",
            "engagement_is", "click_rate", "bounced", "in_segment", "not", "all_of", "any_of",
        ],
    }  # fmt: skip
    assert [*get_args(get_type_hints(Reentry)["rule"])] == ["once", "after", "always", "each"]


UNIONS = {
    "step": Step,
    "outcome": Outcome,
    "question": Question,
    "time of day": LocalTime | BestTime,
    "date": Date,
    "condition": Condition,
}


def test_the_key_of_a_pattern_by_which_relay_and_workflow_speak_of_it_never_changes():
    pattern = EventPattern(
        name="page", where=(("b", "2"), ("a", "1")), same="product_id", other="order_id"
    )

    assert EventPattern(name="page").key == "page"
    assert pattern.key == "page&a=1&b=2&product_id=<entry>&order_id!=<entry>"


def test_a_workflow_id_is_made_of_flow_contact_and_entry_key():
    assert names.workflow_id("welcome", "c-1", None) == "welcome/c-1"
    assert names.workflow_id("cart-abandonment", "c-1", "cart_7") == "cart-abandonment/c-1/cart_7"


def test_an_entry_key_that_could_be_an_address_is_hashed():
    made = names.workflow_id("cart-abandonment", "c-1", "elsa@example.com")

    assert made == "cart-abandonment/c-1/h-1098ca2be256e54372daa647"

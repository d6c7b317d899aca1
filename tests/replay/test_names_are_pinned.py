"""Names that histories, databases and other people's scripts hold. Changing one is a migration."""

from sekvens.audiences import names as scheduled
from sekvens.contacts.tables import ConsentStatus, SuppressionReason
from sekvens.enrollments import names
from sekvens.enrollments.tables import EnrollmentState
from sekvens.flows.catalogue import CATALOGUE
from sekvens.flows.graph import compile_flow
from sekvens.flows.outcomes import SkipReason
from sekvens.flows.state import FORMAT
from sekvens.flows.steps import ExitReason, Purpose
from sekvens.messages.tables import MessageState


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
        names.ENROLLMENT_ID: "enrollment_id",
    }
    assert names.SEARCH_ATTRIBUTES == ("ContactId", "FlowVersion", "ExitReason", "ParkedReason")


PINNED = (
    "flows", "ses", "send_message", "answer_question", "record_signal", "finish_enrollment",
    "carry_out",
    "events", "purchase", "unsubscribe", "retry", "skip", "exit", "view", "enrollment_id",
)  # fmt: skip


def test_the_names_of_scheduled_work_never_change():
    assert (scheduled.SCAN_WORKFLOW, scheduled.RETENTION_WORKFLOW) == ("audience-scan", "retention")
    assert scheduled.SCAN_ACTIVITY == "scan_audience_batch"
    assert scheduled.ERASE_ACTIVITY == "erase_inactive_batch"
    assert scheduled.PROGRESS_QUERY == "progress"
    assert scheduled.RETENTION_SCHEDULE == "retention"
    assert scheduled.schedule_id("winback") == "audience/winback"
    assert scheduled.scan_id("winback") == "audience-scan/winback"


def test_the_values_that_rows_and_states_hold_never_change():
    assert [*ExitReason] == [
        "completed", "converted", "unsubscribed", "suppressed", "no_longer_matches", "superseded",
        "cancelled", "failed",
    ]  # fmt: skip
    assert [*SkipReason] == [
        "no_consent", "suppressed", "no_address", "not_allowed", "exited", "filter",
        "frequency_cap", "quiet_hours_expired", "stale", "rejected", "outcome_unknown", "operator",
    ]  # fmt: skip
    assert [*Purpose] == ["marketing", "transactional"]
    assert [*MessageState] == ["pending", "dispatching", "accepted", "skipped"]
    assert [*EnrollmentState] == ["active", "parked", "ended"]
    assert [*ConsentStatus] == ["subscribed", "unsubscribed", "never_subscribed", "pending"]
    assert [*SuppressionReason] == ["bounce", "complaint", "manual", "invalid", "inactive"]
    assert FORMAT == 1


def test_the_steps_of_the_shipped_flows_keep_their_ids():
    steps = {f"{flow.name} v{flow.version}": list(compile_flow(flow).steps) for flow in CATALOGUE}

    assert steps == {
        "welcome v1": [
            "hello", "until-day-two", "who-we-are", "until-day-four", "what-others-say",
            "until-day-seven", "a-code-for-you", "until-day-thirteen", "last-day",
        ],
        "cart-abandonment v1": [
            "settle", "your-cart-misses-you", "until-day-one", "questions-answered",
            "until-day-two", "nothing-to-lose", "looked-again", "a-pause", "never-ordered",
            "a-small-nudge", "until-day-seven", "last-word",
        ],
    }  # fmt: skip


def test_a_workflow_id_is_made_of_flow_contact_and_entry_key():
    assert names.workflow_id("welcome", "c-1", None) == "welcome/c-1"
    assert names.workflow_id("cart-abandonment", "c-1", "cart_7") == "cart-abandonment/c-1/cart_7"


def test_an_entry_key_that_could_be_an_address_is_hashed():
    made = names.workflow_id("cart-abandonment", "c-1", "elsa@example.com")

    assert made == "cart-abandonment/c-1/h-1098ca2be256e54372daa647"

"""Statements that generate what metrics are counted from, by table.

`:n` messages stand in the order in which they were sent, three to an enrollment, of `:f` flows. A
quarter of the contacts, `:n / 20`, get mail: some twenty messages each.
"""

from collections.abc import Mapping
from typing import Final

#: Of the enrollment `{e}`: its flow, and which of its two versions.
FLOW: Final = "(CAST(:flows AS text[]))[1 + {e} % :f]"
_VERSION: Final = "(CAST(:versions AS int[]))[1 + {e} % :f] - {e} % 2"
#: Of the message `g`.
_STEP: Final = "[1 + 3 * ((g / 3) % :f) + g % 3]"
_AT: Final = ":first + g * :step + (g % 3) * interval '1 day'"
#: The enrollment `g` begins with its first message. One in ten stays long, one in a hundred is
#: parked.
_BEGAN: Final = ":first + 3 * g * :step"
_ENDS: Final = f"{_BEGAN} + (g % 20) * interval '1 day'"
_IS_OVER: Final = f"({_ENDS} <= :now AND g % 10 <> 3)"
#: One message in twenty was skipped; one in a thousand waits, of an enrollment that stays long.
_SKIPPED: Final = "g % 20 = 7"
_WAITS: Final = "g % 990 = 9"
_LEFT: Final = f"NOT ({_SKIPPED} OR {_WAITS})"

MAIL: Final[Mapping[str, str]] = {
    "contacts": "INSERT INTO contacts (id, email, first_name, locale, country, traits, traits_at, "
    "created_at, updated_at) SELECT 'c-' || g, 'Kund.' || g || '@kund.example', 'Kund ' || g, "
    "CASE WHEN g % 5 = 0 THEN 'en' ELSE 'sv' END, 'SE', "
    "CAST('{\"shoe\": ' || 35 + g % 12 || '}' AS json), '{}', :first, :first "
    "FROM generate_series(0, :n / 5) g",
    "enrollments": "INSERT INTO enrollments (id, flow, flow_version, contact_id, entry_key, "
    "workflow_id, state, step_id, parked_code, parked_reason, parked_at, exit_reason, started_at, "
    "ended_at, last_seq, delivered_seq) "
    f"SELECT 'e-' || g, {FLOW.format(e='g')}, {_VERSION.format(e='g')}, 'c-' || g % (:n / 20), "
    "'k-' || g, 'w-' || g, "
    f"CASE WHEN {_IS_OVER} THEN 'ended' WHEN g % 100 = 13 THEN 'parked' ELSE 'active' END, "
    # Those who are parked stand at the first step: one e-mail is at fault.
    "(CAST(:steps AS text[]))"
    "[1 + 3 * (g % :f) + CASE WHEN g % 100 = 13 THEN 0 ELSE g / :f % 3 END], "
    "CASE WHEN g % 100 = 13 THEN (ARRAY['template', 'offer_pool_empty'])[1 + g / 100 % 2] END, "
    "CASE WHEN g % 100 = 13 THEN 'line ' || g % 7 || ' cannot be read' END, "
    f"CASE WHEN g % 100 = 13 THEN {_BEGAN} END, "
    f"CASE WHEN {_IS_OVER} THEN (ARRAY['completed', 'converted', 'unsubscribed'])[1 + g % 3] END, "
    f"{_BEGAN}, CASE WHEN {_IS_OVER} THEN {_ENDS} END, 0, 0 FROM generate_series(0, :n / 3) g",
    "messages": "INSERT INTO messages (id, enrollment_id, step_id, contact_id, flow, flow_version, "
    "template, template_digest, purpose, state, attempts, skip_reason, note, resent_in_doubt, "
    "claimed_at, accepted_at, sent_on, locale, tracks_opens, tracks_clicks) "
    f"SELECT 'm-' || g, 'e-' || g / 3, (CAST(:steps AS text[])){_STEP}, "
    f"'c-' || (g / 3) % (:n / 20), {FLOW.format(e='(g / 3)')}, {_VERSION.format(e='(g / 3)')}, "
    f"(CAST(:templates AS text[])){_STEP}, (CAST(:digests AS text[])){_STEP}, "
    "CASE WHEN (g / 3) % 5 = 0 THEN 'transactional' ELSE 'marketing' END, "
    f"CASE WHEN {_SKIPPED} THEN 'skipped' WHEN {_WAITS} THEN 'pending' ELSE 'accepted' END, 1, "
    f"CASE WHEN {_SKIPPED} THEN 'frequency_cap' END, "
    f"CASE WHEN {_WAITS} THEN (CAST(:held AS text[]))[1 + g / 990 % 3] END, false, "
    f"{_AT}, CASE WHEN {_LEFT} THEN {_AT} END, CASE WHEN {_LEFT} THEN {_AT} END, "
    "CASE WHEN g % 5 = 0 THEN 'en' ELSE 'sv' END, g % 7 < 3, g % 7 < 5 "
    "FROM generate_series(0, :n - 1) g",
    "message_fates": "INSERT INTO message_fates (message_id, state, at) SELECT 'm-' || g, "
    "CASE WHEN g % 100 = 3 THEN 'bounced' WHEN g % 1000 = 5 THEN 'complained' "
    f"ELSE 'delivered' END, {_AT} FROM generate_series(0, :n - 1) g WHERE {_LEFT}",
    "engagement": "INSERT INTO engagement (kind, source, message_id, contact_id, at, is_machine) "
    "SELECT CASE WHEN g % 25 = 0 THEN 'click' ELSE 'open' END, 'ses', 'm-' || g, "
    f"'c-' || (g / 3) % (:n / 20), {_AT}, g % 5 = 1 "
    "FROM generate_series(0, :n - 1) g WHERE g % 4 = 0 OR g % 5 = 1 OR g % 25 = 0",
    "message_effects": "INSERT INTO message_effects (message_id, kind, value, at) "
    "SELECT 'm-' || g, CASE WHEN g % 300 = 0 THEN 'unsubscribed' "
    "ELSE 'answer/would-recommend' END, CASE WHEN g % 300 <> 0 THEN CAST(g % 11 AS text) END, "
    f"{_AT} FROM generate_series(0, :n - 1) g WHERE g % 50 = 0",
    "order_results": "INSERT INTO order_results (contact_id, order_id, ordered_at, nth, next_days, "
    "amount, message_id) SELECT 'c-' || g % (:n / 20), 'o-' || g, "
    ":first + 30 * g * :step, 1 + g / (:n / 20), g % 200, "
    "10000 + g % 90000, CASE WHEN g % 3 = 0 THEN 'm-' || g * 30 END "
    "FROM generate_series(0, :n / 30 - 1) g",
    "cart_results": "INSERT INTO cart_results (contact_id, cart_id, began_at, left_at, ordered_at, "
    "recovered, category, band) SELECT 'c-' || g % (:n / 20), 'k-' || g, "
    ":first + 10 * g * :step, "
    "CASE WHEN g % 10 < 7 THEN NOW() END, NULL, g % 10 = 0, 'category-' || g % 12, "
    "(g % 5) * 25000 FROM generate_series(0, :n / 10 - 1) g",
    # A third of the flows has an experiment; each contact with mail is in three of the segments.
    "experiments": "INSERT INTO experiments (name, round, plan, state, began_at) "
    f"SELECT {FLOW.format(e='g')} || '/way', 1, CAST(jsonb_set(CAST(:plan AS jsonb), "
    f"'{{name}}', to_jsonb({FLOW.format(e='g')} || '/way')) AS json), 'running', :first "
    "FROM generate_series(0, :f / 3 - 1) g",
    "enrollment_variants": "INSERT INTO enrollment_variants (enrollment_id, experiment, variant, "
    f"at) SELECT 'e-' || g, {FLOW.format(e='g')} || '/way', "
    f"CASE WHEN (g / :f) % 2 = 0 THEN 'plain' ELSE 'loud' END, {_BEGAN} "
    "FROM generate_series(0, :n / 3) g WHERE g % :f < :f / 3",
    "segment_stays": "INSERT INTO segment_stays (contact_id, segment, since, until) "
    "SELECT 'c-' || g, (CAST(:segments AS text[]))[1 + (g + s + 5 * nth) % :segment_count], "
    ":first + nth * interval '1 day' * (g % 300), "
    "CASE WHEN nth = 0 THEN :first + interval '1 day' * (g % 300) END "
    "FROM generate_series(0, :n / 20) g, generate_series(0, 2) s, generate_series(0, 1) nth",
    "contact_results": "INSERT INTO contact_results (contact_id, joined_at, lost_at) "
    "SELECT 'c-' || g, :first + 20 * g * :step, "
    "CASE WHEN g % 4 = 0 THEN :first + 20 * g * :step "
    "+ (g % 500) * interval '1 day' END FROM generate_series(0, :n / 20 - 1) g",
}

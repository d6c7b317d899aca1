"""Statements that generate the rest of a shop's life, by table, beside `MAIL`.

`c-7` is one of those contacts who are always there: a hundredth of all events are theirs. The
experiment of the second flow has been drawn in by a fiftieth of a contact to each message.
"""

from collections.abc import Mapping
from typing import Final

from bench.rows_of_mail import FLOW

#: Of the contact `g` who draws: when they did, within two months.
_DREW: Final = ":now - (g % 60) * interval '1 day'"
_EXPERIMENT: Final = f"{FLOW.format(e='1')}"

LIFE: Final[Mapping[str, str]] = {
    "identities": "INSERT INTO identities (kind, value, contact_id) "
    "SELECT kind, kind || '-' || g, 'c-' || g FROM generate_series(0, :n / 5) g, "
    "unnest(ARRAY['user_id', 'anonymous_id']) kind",
    "consents": "INSERT INTO consents (contact_id, purpose, status, changed_at, basis) "
    "SELECT 'c-' || g, 'marketing', "
    "CASE WHEN g % 10 < 7 THEN 'subscribed' ELSE 'unsubscribed' END, :first, 'consent' "
    "FROM generate_series(0, :n / 5) g",
    "consent_changes": "INSERT INTO consent_changes (contact_id, purpose, status, at, source, "
    "event_id, basis) SELECT contact_id, purpose, status, changed_at, 'footer', "
    "'consent-' || contact_id, basis FROM consents",
    "suppressions": "INSERT INTO suppressions (address_hash, reason, at, source) "
    "SELECT encode(sha256(convert_to('kund.' || g || '@kund.example', 'UTF8')), 'hex'), "
    "(ARRAY['bounce', 'complaint', 'manual', 'invalid', 'inactive'])[1 + g % 5], "
    ":first + 100 * g * :step, 'ses' FROM generate_series(0, :n / 100 - 1) g",
    "products": "INSERT INTO products (id, titles, descriptions, benefits, cares, category, price, "
    "currency, image_url, in_stock, locale, first_seen_on) SELECT 'p-' || g, "
    "CAST('{\"sv\": \"Vara ' || g || '\"}' AS json), '{}', '{}', '{}', 'category-' || g % 12, "
    "'199.00', 'SEK', 'https://cdn.shop.example/' || g || '.jpg', true, 'sv', :first "
    "FROM generate_series(0, 299) g",
    # Each contact with mail has ordered twice, or as often as those who drew.
    "orders": "INSERT INTO orders (contact_id, order_id, total, amount, currency, products, "
    "details, state, ordered_at, updated_at) SELECT 'c-' || g % (:n / 20), 'o-' || g, "
    "CAST(100 + g % 900 AS text), 10000 + 100 * (g % 900), 'SEK', '[]', "
    "CASE WHEN g % 3 = 0 THEN CAST('{\"discount\": \"20\"}' AS json) ELSE '{}' END, "
    "CASE WHEN g % 25 = 3 THEN 'refunded' ELSE 'completed' END, "
    ":first + 10 * g * :step, :first + 10 * g * :step FROM generate_series(0, :n / 10 - 1) g; "
    "INSERT INTO orders (contact_id, order_id, total, amount, currency, products, details, state, "
    "ordered_at, updated_at) SELECT 'c-' || g, 'x-' || g, '250', 25000, 'SEK', '[]', '{}', "
    f"'completed', {_DREW} + interval '2 days', :now FROM generate_series(0, :n / 50 - 1) g "
    "WHERE g % 12 = 0 OR g % 10 = 1",
    "order_lines": "INSERT INTO order_lines (contact_id, order_id, product_id, quantity, "
    "ordered_at, state) SELECT contact_id, order_id, 'p-' || abs(hashtext(order_id)) % 300, 1, "
    "ordered_at, state FROM orders",
    "events": "INSERT INTO events (message_id, type, name, contact_id, properties, occurred_at, "
    "received_at) SELECT 'v-' || g, 'track', (ARRAY['Order Completed', 'Email Link Clicked', "
    "'Email Link Clicked', 'Product Added'])[1 + g % 10], 'c-' || g % (:n / 5), "
    "CAST('{\"product_id\": \"p-' || g % 300 || '\"}' AS json), "
    ":first + g * :step, :first + g * :step FROM generate_series(0, :n - 1) g WHERE g % 10 < 4; "
    "INSERT INTO events (message_id, type, name, contact_id, properties, occurred_at, received_at) "
    "SELECT 'v-' || g, 'track', 'Product Viewed', "
    "CASE WHEN g % 100 = 7 THEN 'c-7' ELSE 'c-' || g % (:n / 5) END, "
    "CAST('{\"product_id\": \"p-' || g % 300 || '\"}' AS json), "
    ":first + g * :step, :first + g * :step FROM generate_series(0, :n - 1) g WHERE g % 10 > 3",
    "contact_summaries": "INSERT INTO contact_summaries (contact_id, first_active_at, "
    "last_active_at, last_viewed_at, last_click_at, orders, spent, last_order_at, last_amount, "
    "categories) SELECT c.id, e.first, e.last, e.viewed, e.clicked, coalesce(o.n, 0), "
    "coalesce(o.spent, 0), o.last, o.amount, least(coalesce(o.n, 0), 3) FROM contacts c "
    "LEFT JOIN (SELECT contact_id, min(occurred_at) AS first, max(occurred_at) AS last, "
    "max(occurred_at) FILTER (WHERE name = 'Product Viewed') AS viewed, "
    "max(occurred_at) FILTER (WHERE name = 'Email Link Clicked') AS clicked "
    "FROM events GROUP BY 1) e ON e.contact_id = c.id "
    "LEFT JOIN (SELECT contact_id, count(*) AS n, sum(amount) AS spent, max(ordered_at) AS last, "
    "max(amount) AS amount FROM orders WHERE state = 'completed' GROUP BY 1) o "
    "ON o.contact_id = c.id",
    "draws": "INSERT INTO draws (experiment, contact_id, variant, round, drawn_at) "
    f"SELECT {_EXPERIMENT} || '/way', 'c-' || g, "
    f"CASE WHEN g % 2 = 0 THEN 'plain' ELSE 'loud' END, 1, {_DREW} "
    "FROM generate_series(0, :n / 50 - 1) g; "
    "INSERT INTO experiments (name, round, plan, state, began_at) "
    f"VALUES ({_EXPERIMENT}, 1, CAST(:holdout AS json), 'running', :first); "
    "INSERT INTO draws (experiment, contact_id, variant, round, drawn_at) "
    f"SELECT {_EXPERIMENT}, 'c-' || g, CASE WHEN g % 10 = 0 THEN 'holdout' ELSE 'treated' END, 1, "
    f"{_DREW} FROM generate_series(0, :n / 50 - 1) g; "
    "INSERT INTO events (message_id, type, name, contact_id, properties, occurred_at, received_at) "
    "SELECT 'click-' || g, 'track', 'Email Link Clicked', 'c-' || g, '{}', "
    f"{_DREW} + interval '1 day', {_DREW} + interval '1 day' "
    "FROM generate_series(0, :n / 50 - 1) g WHERE g % 4 = 0; "
    "INSERT INTO engagement (kind, source, message_id, contact_id, at, is_machine, event_id) "
    f"SELECT 'click', 'link', 'm-' || 3 * g, 'c-' || g, {_DREW}, false, 'click-' || g "
    "FROM generate_series(0, :n / 50 - 1) g WHERE g % 4 = 0",
    "offer_codes": "INSERT INTO offer_codes (offer, key, code, source, taken_at) "
    "SELECT (CAST(:offers AS text[]))[1], 'POOL' || g, 'POOL-' || g, 'pool', "
    "CASE WHEN g % 2 = 0 THEN :first END FROM generate_series(0, :n / 50) g",
    "offer_claims": "INSERT INTO offer_claims (id, offer, contact_id, code, key, claimed_at, "
    "sent_at, expires_at) SELECT 'oc-' || g, (CAST(:offers AS text[]))[1 + g % 3], 'c-' || g, "
    "'CODE-' || g, 'CODE' || g, :first + 20 * g * :step, :first + 20 * g * :step, "
    ":first + 20 * g * :step + interval '14 days' FROM generate_series(0, :n / 20 - 1) g",
    "redemptions": "INSERT INTO redemptions (order_id, key, offer, contact_id, claim_id, "
    "redeemed_at) SELECT 'o-' || g, 'CODE' || g, (CAST(:offers AS text[]))[1 + g % 3], 'c-' || g, "
    "'oc-' || g, :first + 10 * g * :step FROM generate_series(0, :n / 20 - 1) g WHERE g % 3 = 0",
    "reviews": "INSERT INTO reviews (id, product_id, contact_id, rating, text, written_on, source, "
    "state, changed_at) SELECT 'r-' || g, 'p-' || g % 300, 'c-' || g, 1 + g % 5, 'Bra ' || g, "
    ":first + 50 * g * :step, 'product_reviewed', "
    "CASE WHEN g % 20 = 0 THEN 'pending' ELSE 'approved' END, :first + 50 * g * :step "
    "FROM generate_series(0, :n / 50 - 1) g",
    "feedback": "INSERT INTO feedback (id, type, message_id, is_ours, at, read_at, raw, kind) "
    "SELECT 'f-' || message_id, initcap(state), message_id, true, at, at, '{}', state "
    "FROM message_fates",
    "deliveries": "INSERT INTO deliveries (enrollment_id, seq, message_id, matched, urgent, "
    "created_at, delivered_at) SELECT id, 0, 'v-' || substr(id, 3), '[]', false, started_at, "
    "started_at FROM enrollments",
    "outbox": "INSERT INTO outbox (event_id, contact_id, committed_at) "
    "SELECT id, contact_id, received_at FROM events ORDER BY id DESC LIMIT :n / 1000",
    "segment_watches": "INSERT INTO segment_watches (segment, digest, complete_at) "
    "SELECT segment, '-', :first FROM unnest(CAST(:segments AS text[])) segment",
    "segment_memberships": "INSERT INTO segment_memberships (contact_id, segment, times, since, "
    "until) SELECT contact_id, segment, 1, min(since), "
    "CASE WHEN bool_and(until IS NOT NULL) THEN max(until) END FROM segment_stays GROUP BY 1, 2",
    "audit_log": "INSERT INTO audit_log (at, by, action, target, says, result, failed) "
    "SELECT :first + 100 * g * :step, 'doris', 'retry-parked', "
    "CAST('{\"enrollment\": \"e-' || g || '\"}' AS json), 'It tries again.', 'Done.', false "
    "FROM generate_series(0, :n / 100 - 1) g",
}

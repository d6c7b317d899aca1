"""What is written is read back as it was, and what this version cannot read is refused by name."""

import json
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sekvens.flows import codec
from sekvens.flows import conditions as c
from sekvens.flows import dealings as d
from sekvens.flows import steps as s
from sekvens.flows.builder import days, send
from sekvens.flows.catalogue import CATALOGUE
from sekvens.flows.catalogue.welcome import WELCOME
from sekvens.flows.codec import CodecError, from_json, to_json
from sekvens.flows.definition import Audience, ExitRule, Flow, Goal, Reentry
from sekvens.flows.outcomes import Deferred, Skipped, SkipReason
from sekvens.flows.shop_time import ShopTime
from sekvens.flows.state import State

words = st.text(max_size=8)
spans = st.timedeltas(timedelta(-400), timedelta(400))
patterns = st.builds(
    c.EventPattern,
    name=words,
    where=st.lists(st.tuples(words, words), max_size=2).map(tuple),
    same=st.none() | words,
    other=st.none() | words,
)
named: dict[str, Any] = {
    "times": st.integers(),
    "within": st.none() | spans,
    **dict.fromkeys(("product", "category", "brand"), st.none() | words),
}
dealings = (
    st.builds(
        d.Spent,
        measure=st.sampled_from(["total", "last", "average"]),
        at_least=st.integers(),
        within=st.none() | spans,
    )
    | st.builds(d.Ordered, **named)
    | st.builds(d.Viewed, **named)
    | st.builds(d.Breadth, categories=st.integers())
    | st.builds(d.TopShare, share=st.floats(0, 1))
    | st.builds(d.EngagementIs, level=st.sampled_from(["new", "active", "cooling", "dormant"]))
    | st.builds(d.ClickRate, at_least=st.integers(), within=spans, received=st.integers())
    | st.builds(d.Bounced, times=st.integers(), within=st.none() | spans)
)
conditions = st.recursive(
    st.just(c.Subscribed())
    | st.builds(
        c.Happened,
        pattern=patterns,
        within=st.none() | spans,
        times=st.integers(1, 5),
        each=st.none() | words,
    )
    | st.builds(c.HasTrait, trait=words)
    | st.builds(c.DateWithin, trait=words, within=spans)
    | st.builds(c.InFlow, flow=words)
    | st.builds(c.Received, times=st.integers(), within=st.none() | spans)
    | st.builds(c.OrderExpected, within=spans)
    | st.sampled_from([c.Lapsed(), c.Owns(), c.InStock(), c.ProductInStock(), c.PriceStands()])
    | st.builds(c.NeedsAgain, ahead=spans, overdue=spans)
    | st.builds(c.TraitIs, trait=words, value=words)
    | dealings,
    lambda inner: (
        st.builds(c.Not, condition=inner)
        | st.builds(c.InSegment, name=words, condition=inner)
        | st.builds(c.AllOf, conditions=st.lists(inner, max_size=2).map(tuple))
        | st.builds(c.AnyOf, conditions=st.lists(inner, max_size=2).map(tuple))
    ),
    max_leaves=4,
)
local_times = st.builds(
    s.LocalTime, at=st.times(), weekdays=st.lists(st.integers(0, 6), max_size=3).map(tuple)
)
best_times = st.builds(
    s.BestTime,
    earliest=st.times(),
    latest=st.times(),
    otherwise=st.times(),
    delay_max=spans,
    weekdays=st.lists(st.integers(0, 6), max_size=3).map(tuple),
)
dates = (
    st.builds(s.DateOf, trait=words, at=st.times())
    | st.builds(s.AnniversaryOf, pattern=patterns, at=st.times())
    | st.builds(s.OfferEnd, offer=words, days_before=st.integers(), at=st.times())
)
deeds = (
    st.builds(s.SetTrait, id=words, trait=words, value=words)
    | st.builds(s.SetConsent, id=words, status=words)
    | st.builds(s.Suppress, id=words, reason=words)
    | st.builds(s.Rest, id=words, duration=spans)
    | st.builds(s.Webhook, id=words, name=words)
    | st.builds(s.Enroll, id=words, flow=words)
)
leaves = (
    st.builds(
        s.Send,
        id=words,
        template=st.none() | words,
        purpose=st.none() | st.sampled_from(s.Purpose),
        because=st.none() | words,
        offer=st.none() | words,
        lateness_max=st.none() | spans,
        past_cap=st.booleans(),
        retells=st.none() | words,
        rewords=st.none() | words,
    )
    | st.builds(
        s.Wait,
        id=words,
        duration=spans,
        until=st.none() | local_times | best_times | dates,
        restart_on=st.lists(patterns, max_size=2).map(tuple),
    )
    | st.builds(s.ExitFlow, id=words, reason=st.sampled_from(s.ExitReason))
    | deeds
)


def branching(inner: st.SearchStrategy[s.Step]) -> st.SearchStrategy[s.Step]:
    branch = st.lists(inner, max_size=2).map(tuple)
    cases = st.lists(st.builds(s.Case, condition=conditions, steps=branch), max_size=2).map(tuple)
    answers = st.lists(st.builds(s.On, pattern=patterns, steps=branch), max_size=2).map(tuple)
    return (
        st.builds(
            s.WaitFor, id=words, pattern=patterns, timeout=spans, then=branch, otherwise=branch
        )
        | st.builds(s.Split, id=words, cases=cases, otherwise=branch)
        | st.builds(s.Listen, id=words, cases=answers, lasts=spans)
        | st.builds(
            s.Experiment,
            id=words,
            variants=st.lists(st.builds(s.Variant, name=words, steps=branch), max_size=2).map(
                tuple
            ),
            contacts=st.integers(),
            measure=st.sampled_from(s.Measure),
            looks=st.integers(),
            adopt=st.sampled_from(s.Adoption),
        )
    )


flows = st.builds(
    Flow,
    name=words,
    version=st.integers(),
    purpose=st.sampled_from(s.Purpose),
    trigger=patterns
    | st.builds(Audience, name=words, conditions=st.lists(conditions, max_size=2).map(tuple)),
    entry_key=st.none() | words,
    entry=st.lists(conditions, max_size=2).map(tuple),
    reentry=st.builds(
        Reentry, rule=st.sampled_from(["once", "after", "always", "each"]), gap=spans
    ),
    exit_when=st.lists(
        st.builds(ExitRule, pattern=patterns, reason=st.sampled_from(s.ExitReason)), max_size=2
    ).map(tuple),
    goal=st.none() | st.builds(Goal, pattern=patterns, within=spans),
    trigger_age_max=spans,
    trigger_when=st.lists(conditions, max_size=1).map(tuple),
    stay_while=st.lists(conditions, max_size=1).map(tuple),
    holdout=st.sampled_from([0.0, 0.1, 0.5]),
    steps=st.lists(st.recursive(leaves, branching, max_leaves=5), max_size=3).map(tuple),
)


instants = st.datetimes(timezones=st.just(UTC))
states = st.builds(
    State,
    step=st.none() | words,
    entered_at=instants,
    due_at=st.none() | instants,
    owed_since=st.none() | instants,
    seq=st.integers(),
    recorded=st.lists(words, max_size=2).map(tuple),
    skip=st.booleans(),
    parked=st.none() | words,
    heard=st.lists(words, max_size=2).map(tuple),
    answered=st.lists(words, max_size=2).map(tuple),
    listens_until=st.none() | instants,
    told=st.lists(words, max_size=2).map(tuple),
    exit=st.none() | st.sampled_from(s.ExitReason),
)


def stored(**changes: Any) -> dict[str, Any]:
    return {**to_json(WELCOME), **changes}


@settings(max_examples=100)
@given(flows)
def test_a_flow_is_read_back_from_json_text_as_it_was(flow: Flow) -> None:
    assert from_json(Flow, json.loads(json.dumps(to_json(flow)))) == flow


@settings(max_examples=100)
@given(states)
def test_a_state_is_read_back_from_json_text_as_it_was(state: State) -> None:
    assert from_json(State, json.loads(json.dumps(to_json(state)))) == state


@pytest.mark.parametrize("flow", CATALOGUE, ids=lambda flow: flow.name)
def test_a_flow_that_ships_is_read_back_as_it_was(flow: Flow) -> None:
    assert from_json(Flow, json.loads(json.dumps(to_json(flow)))) == flow


def test_a_flow_is_read_where_sys_modules_has_none_of_its_modules(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The workflow sandbox: modules that are passed through are shared, its `sys.modules` is not.
    monkeypatch.delitem(sys.modules, "sekvens.flows.conditions")
    codec._hints.cache_clear()

    assert from_json(Flow, to_json(WELCOME)) == WELCOME


def test_the_same_flow_is_always_the_same_text() -> None:
    once = json.dumps(to_json(WELCOME), sort_keys=True)

    assert once == json.dumps(to_json(from_json(Flow, json.loads(once))), sort_keys=True)


def test_instants_and_nested_outcomes_keep_their_kind() -> None:
    until = datetime(2026, 3, 4, 12, 0, 0, 123456, tzinfo=UTC)
    skipped = Skipped(reason=SkipReason.SUPPRESSED, exit=s.ExitReason.SUPPRESSED)

    assert from_json(Deferred, to_json(Deferred(until=until, reason="hours"))).until == until
    assert from_json(Skipped, to_json(skipped)).exit is s.ExitReason.SUPPRESSED


def test_what_holds_its_default_is_left_out_but_for_the_kind() -> None:
    assert to_json(send("hello")) == {"id": "hello", "kind": "send"}
    assert to_json(ShopTime()) == {"kind": "shop_time"}


def test_a_kind_of_step_from_a_newer_version_is_refused_by_name() -> None:
    with pytest.raises(CodecError, match="unknown kind 'teleport'"):
        from_json(Flow, stored(steps=[{"kind": "teleport", "id": "call"}]))


def test_a_field_from_a_newer_version_is_refused_by_name() -> None:
    with pytest.raises(CodecError, match="Flow has no field colour"):
        from_json(Flow, stored(colour="red"))


def test_a_missing_field_is_refused_by_name() -> None:
    data = stored()
    del data["version"]

    with pytest.raises(CodecError, match="version"):
        from_json(Flow, data)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("version", "one"),
        ("version", None),
        ("name", 7),
        ("purpose", "spam"),
        ("trigger_age_max", "a day"),
        ("trigger_age_max", None),
        ("steps", "hello"),
        ("steps", {"id": "hello"}),
        ("entry", None),
        ("reentry", {"kind": "reentry", "rule": "sometimes"}),
        ("kind", "wait"),
        ("trigger", "Product Added"),
        ("trigger", {"kind": "event", "name": "Product Added", "where": [["a", "b", "c"]]}),
    ],
)
def test_a_field_in_another_shape_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(CodecError):
        from_json(Flow, stored(**{field: value}))


def test_a_text_is_not_read_as_a_list_of_its_letters() -> None:
    state = {"kind": "state", "step": None, "entered_at": "2026-03-04T12:00:00+00:00"}

    with pytest.raises(CodecError, match=r"State\.recorded"):
        from_json(State, {**state, "recorded": "abc"})


def test_what_was_stored_does_not_get_into_the_message() -> None:
    with pytest.raises(CodecError) as refused:
        from_json(s.LocalTime, {"kind": "local_time", "at": "secret"})

    assert "LocalTime.at" in str(refused.value)
    assert "secret" not in str(refused.value)


@dataclass(frozen=True, kw_only=True)
class _Yesterday:
    id: str


@dataclass(frozen=True, kw_only=True)
class _Today:
    id: str
    lasts: timedelta = timedelta(days=1)
    at: time | None = None


def test_a_field_added_with_a_default_reads_what_was_stored_before_it() -> None:
    read = from_json(_Today, to_json(_Yesterday(id="x")))

    assert read == _Today(id="x")
    assert to_json(read) == {"id": "x"}


def test_a_value_other_than_the_default_is_written_and_read() -> None:
    changed = replace(_Today(id="x"), lasts=days(2), at=time(9))

    assert to_json(changed) == {"id": "x", "lasts": 172800.0, "at": "09:00:00"}
    assert from_json(_Today, to_json(changed)) == changed

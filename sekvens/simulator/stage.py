"""The stage of a story: what is the same for all of its contacts.

The flows that may be entered, the shop's rules, when scans look, when SES is down.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from functools import cached_property
from typing import Final

import msgspec

from sekvens.consent_section import ConsentSettings
from sekvens.enrollments.enroll import asked_at_entry
from sekvens.enrollments.position import next_send_at
from sekvens.enrollments.wire import SendInput
from sekvens.errors import NotSent, SettingsError
from sekvens.events.schema import ENROLLS_NOBODY
from sekvens.flows.conditions import Condition, HasTrait, InFlow, Received, Subscribed, TraitIs
from sekvens.flows.definition import Audience, Flow
from sekvens.flows.graph import Graph, compile_flow
from sekvens.flows.modes import mode_of
from sekvens.flows.steps import LocalTime, Mode, Send, Step
from sekvens.messages.calm import Rules
from sekvens.messages.patience import retry_after
from sekvens.messages.situation import rules_of
from sekvens.sections import SendingSettings
from sekvens.segments.figures import REORDER_GAP_DEFAULT
from sekvens.send_time.local_time import next_local_time
from sekvens.settings import Settings
from sekvens.simulator.naming import check_names
from sekvens.simulator.story import Outage, StockChange, Story

#: Nobody in memory has an id that anything hangs on.
_NOBODY: Final = ""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What is the same for everybody in a story."""

    starts: datetime
    ends: datetime
    graphs: tuple[Graph, ...]  #: of flows that may be entered, in the relay's order: by name
    rules: Rules
    priority: tuple[str, ...]
    zone: str  #: the shop's
    scans_at: time
    scan_interval: timedelta
    offers: Mapping[str, timedelta]  #: how long each holds
    outages: tuple[Outage, ...] = ()
    stock: tuple[StockChange, ...] = ()
    consent: ConsentSettings = field(default_factory=ConsentSettings)
    holdout: float = 0.0  #: the share of contacts who get no marketing at all
    reorder_gap: timedelta = REORDER_GAP_DEFAULT
    figures: Mapping[str, float] = field(default_factory=dict)  #: of the shop's own, by name
    #: modes that people have set, by flow and step
    by_hand: Mapping[str, Mapping[str, Mode]] = field(default_factory=dict)
    speed: float = 1.0  #: of the shop time of real services that a story is held to
    _until_next: dict[tuple[str, int, str | None], timedelta | None] = field(default_factory=dict)

    @cached_property
    def audiences(self) -> tuple[Graph, ...]:
        """List the flows that a scan finds contacts for."""
        return tuple(each for each in self.graphs if isinstance(each.flow.trigger, Audience))

    @cached_property
    def ranks(self) -> Mapping[str, int]:
        """Tell each flow's place where only one may send."""
        known = {name: place for place, name in enumerate(self.priority)}
        return {
            each.flow.name: known.get(each.flow.name, len(self.priority)) for each in self.graphs
        }

    @cached_property
    def _triggered(self) -> dict[str, list[Graph]]:
        found: dict[str, list[Graph]] = {}
        for graph in self.graphs:
            if not isinstance(graph.flow.trigger, Audience):
                found.setdefault(graph.flow.trigger.name, []).append(graph)
        return {name: graphs for name, graphs in found.items() if name not in ENROLLS_NOBODY}

    def triggered_by(self, name: str) -> Sequence[Graph]:
        """List the flows that an event of this name may start."""
        return self._triggered.get(name, ())

    @cached_property
    def asked_by_scan(self) -> Mapping[str, tuple[Condition, ...]]:
        """Tell what is asked of who is to enter by a scan: the quickest to answer first."""
        return {
            each.flow.name: tuple(
                sorted(asked_at_entry(each.flow, by_scan=True), key=_takes_longer)
            )
            for each in self.audiences
        }

    @cached_property
    def asked_by_event(self) -> Mapping[str, tuple[Condition, ...]]:
        """Tell what is asked of whom something else lets in: an event, or another flow."""
        return {each.flow.name: asked_at_entry(each.flow, by_scan=False) for each in self.graphs}

    def mode_of(self, flow: Flow, step: Step) -> Mode:
        """Tell the mode of a step: all are lived as if they were live, and marked."""
        key = (flow.name, flow.version, step.id)
        if key not in self._modes:
            self._modes[key] = mode_of(flow, step, self.by_hand.get(flow.name, {}))
        return self._modes[key]

    def order_for(self, flow: Flow, step: Send) -> SendInput:
        """Tell what the orders for a step's messages have in common, as the workflow gives them."""
        key = (flow.name, flow.version, step.id)
        if key not in self._orders:
            self._orders[key] = _order_for(flow, step, starts=self.starts, speed=self.speed)
        return self._orders[key]

    @cached_property
    def _modes(self) -> dict[tuple[str, int, str], Mode]:
        return {}

    @cached_property
    def _orders(self) -> dict[tuple[str, int, str], SendInput]:
        return {}

    def graph_of(self, flow: str) -> Graph | None:
        """Find a flow that may be entered."""
        return self._by_name.get(flow)

    @cached_property
    def _by_name(self) -> dict[str, Graph]:
        return {each.flow.name: each for each in self.graphs}

    def next_send_at(self, graph: Graph, step_id: str | None, now: datetime) -> datetime | None:
        """Estimate as `position.next_send_at` does; each step is worked out once."""
        key = (graph.flow.name, graph.flow.version, step_id)
        if key not in self._until_next:
            at = next_send_at(graph, step_id, now=now)
            self._until_next[key] = None if at is None else at - now
        wait = self._until_next[key]
        return None if wait is None else now + wait

    @cached_property
    def scans(self) -> tuple[datetime, ...]:
        """List when scans look."""
        return tuple(self._scans())

    def _scans(self) -> Iterator[datetime]:
        first = next_local_time(
            self.starts - timedelta(days=1), LocalTime(at=self.scans_at), self.zone
        )
        at = first
        while at <= self.ends:
            if at >= self.starts:
                yield at
            at += self.scan_interval

    def ses_takes_at(self, now: datetime, *, purpose: str) -> datetime:
        """Tell at which of a sender's attempts from now on SES takes it: now, or after an outage.

        The attempts are as far apart as `sekvens.messages.patience` has them.
        """
        if not self.outages:
            return now
        at, attempts = now, 0
        while any(outage.begins <= at < outage.ends for outage in self.outages):
            attempts += 1
            at += retry_after(NotSent(), attempts=attempts, purpose=purpose)
        return at


def _order_for(flow: Flow, step: Send, *, starts: datetime, speed: float) -> SendInput:
    latest = flow.lateness_max_of(step)
    return SendInput(
        enrollment_id=_NOBODY,
        contact_id=_NOBODY,
        flow=flow.name,
        flow_version=flow.version,
        step_id=step.id,
        template=flow.template_of(step),
        template_digest=_NOBODY,
        purpose=flow.purpose_of(step),
        now=starts,
        due_at=starts,
        started_at=starts,
        lateness_seconds_max=None if latest is None else latest.total_seconds(),
        offer=step.offer,
        shop_speed=speed,
        second_subject=step.has_second_subject,
        past_cap=step.past_cap,
    )


def _takes_longer(condition: Condition) -> bool:
    return not isinstance(condition, Subscribed | HasTrait | TraitIs | InFlow | Received)


def set_stage(story: Story, settings: Settings, flows: Sequence[Flow]) -> Stage:
    """Set the stage of a story, by the shop's settings and what the story sets over them.

    Raises:
        SettingsError: the story names something that the shop or its flows do not have.
    """
    check_names(story, settings, flows)
    off = {*settings.flows.off, *story.off}
    audiences, sending = settings.audiences, _sending(story, settings)
    return Stage(
        starts=story.starts,
        ends=story.ends,
        graphs=tuple(
            compile_flow(flow)
            for flow in sorted(flows, key=lambda flow: flow.name)
            if flow.name not in off
        ),
        rules=rules_of(sending),
        priority=sending.priority,
        zone=settings.shop.timezone,
        scans_at=time.fromisoformat(audiences.at),
        scan_interval=timedelta(hours=audiences.every_hours),
        offers={name: timedelta(days=offer.days) for name, offer in settings.shop.offers.items()},
        outages=story.outages,
        stock=story.stock,
        consent=settings.consent,
        holdout=settings.experiments.holdout,
    )


def _sending(story: Story, settings: Settings) -> SendingSettings:
    given = {**msgspec.to_builtins(settings.sending), **story.sending}
    try:
        return msgspec.convert(given, SendingSettings)
    except msgspec.ValidationError as error:
        raise SettingsError(
            f"{story.name}: [sending] of the story is wrong: {error}. It sets what the settings "
            "set there: quiet_from, quiet_until, marketing_per_day, marketing_per_week, priority, "
            "blackout_dates"
        ) from error

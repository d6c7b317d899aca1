"""The steps of a flow in a sentence each, in the language of a page."""

from collections.abc import Iterator
from functools import lru_cache
from types import ModuleType

from sekvens.flows import durations, wording_sv
from sekvens.flows.conditions import EventPattern
from sekvens.flows.definition import Flow
from sekvens.flows.steps import (
    Deed,
    ExitFlow,
    Experiment,
    Listen,
    Send,
    Split,
    Step,
    Wait,
    WaitFor,
)
from sekvens.flows.survey import of_no_day
from sekvens.flows.timetable import Span, timetable
from sekvens.flows.wording import shares_of
from sekvens.messages.why_words import WORDINGS
from sekvens.web.dashboard.reasons import Reasons
from sekvens.web.dashboard.words import Words

#: A step of a branch, with what leads into it.
Way = tuple[str, tuple[Step, ...]]


@lru_cache(maxsize=128)
def spans_of(flow: Flow) -> dict[str, Span]:
    """Tell when each step may be reached, but for those of which the flow knows no day."""
    unknown = of_no_day(flow)
    return {step: span for step, span in timetable(flow).items() if step not in unknown}


class StepWords:
    """Says what the steps of a flow do. `t` has the sentences (`words/flow.toml`)."""

    def __init__(self, t: Words) -> None:
        self.t = t
        self._wording = WORDINGS[t.language]
        self._durations: ModuleType = {"sv": wording_sv, "en": durations}[t.language]
        self._reasons = Reasons(t.language)

    def starts(self, flow: Flow) -> str:
        """Say what starts a flow."""
        return self.t("starts", what=self._wording.somebody_does(flow.trigger))

    def asks(self, flow: Flow) -> list[str]:
        """Say who may enter: each condition."""
        asked = (*flow.trigger_when, *flow.entry, *flow.stay_while)
        return [self._wording.in_force(condition) for condition in asked]

    def ends(self, flow_rules: Iterator[tuple[EventPattern, str]]) -> list[str]:
        """Say which events end it, and what that counts as."""
        return [
            self.t("ends_when", what=self._wording.they_do(pattern),
                   reason=self._reasons("exit", reason))
            for pattern, reason in flow_rules
        ]  # fmt: skip

    def hopes(self, flow: Flow) -> str:
        """Say what it hopes for; nothing of a flow without a goal."""
        if flow.goal is None:
            return ""
        within = self._durations.in_words(flow.goal.within)
        return self.t("hopes", what=self._wording.they_do(flow.goal.pattern), within=within)

    def moment(self, flow: Flow, step: Step) -> str:
        """Say when it is reached, counted from the start: `day 2`; nothing if nobody knows."""
        span = spans_of(flow).get(step.id)
        return "" if span is None else self._durations.as_moment(span.earliest, span.latest)

    def says(self, step: Step) -> str:
        """Say what a step does; of a send, only what is out of the ordinary."""
        match step:
            case Send():
                return self._send(step)
            case Wait():
                return self._wait(step)
            case WaitFor():
                time = self._durations.in_words(step.timeout)
                return self.t("step_wait_for", time=time, what=self._wording.they_do(step.pattern))
            case Split():
                return self.t.step_split
            case Experiment():
                return self.t("step_experiment", plan=self._wording.plan_in_words(step))
            case Listen():
                return self.t("step_listen", time=self._durations.in_words(step.lasts))
            case ExitFlow():
                return self.t("step_exit", reason=self._reasons("exit", step.reason))
            case _:
                return self._deed(step)

    def ways(self, step: Step) -> list[Way]:
        """List the branches of a step, with what leads into each."""
        match step:
            case WaitFor():
                return [(self.t.way_they_do, step.then), (self.t.way_they_do_not, step.otherwise)]
            case Split():
                cases = [
                    (self.t("way_if", what=self._wording.in_force(case.condition)), case.steps)
                    for case in step.cases
                ]
                return [*cases, (self.t.way_otherwise, step.otherwise)]
            case Experiment():
                return [
                    (self.t("way_variant", share=share, name=variant.name), variant.steps)
                    for variant, share in shares_of(step)
                ]
            case Listen():
                return [
                    (self.t("way_when", what=self._wording.they_do(on.pattern)), on.steps)
                    for on in step.cases
                ]
            case _:
                return []

    def _send(self, step: Send) -> str:
        said = [self.t("with_offer", offer=step.offer)] if step.offer else []
        if step.retells:
            said.append(self.t("retells", step=step.retells))
        if step.rewords:
            said.append(self.t("rewords", step=step.rewords))
        if step.past_cap:
            said.append(self.t.past_cap)
        if step.lateness_max is not None:
            said.append(self.t("lateness", time=self._durations.in_words(step.lateness_max)))
        return "; ".join(said)

    def _wait(self, step: Wait) -> str:
        time, until = self._durations.in_words(step.duration), ""
        if step.until is not None:
            until = self._wording.until_in_words(step.until)
        if not until:
            text = self.t("step_wait", time=time)
        elif step.duration:
            text = self.t("step_wait_then", time=time, until=until)
        else:
            text = self.t("step_wait_until", until=until)
        anew = [self._wording.they_do(pattern) for pattern in step.restart_on]
        return text + "".join(self.t("step_anew", what=what) for what in anew)

    def _deed(self, step: Deed) -> str:
        text: str = self._wording.deed_in_words(step)
        return text[:1].upper() + text[1:]

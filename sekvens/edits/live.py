"""The e-mails that newcomers get now: templates of the live versions, with who sends them."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from sekvens.enrollments.publish import PublishedFlow, live_flows
from sekvens.errors import SekvensError
from sekvens.flows.steps import Send
from sekvens.messages.templates import StoredTemplate, load


class NotLive(SekvensError):
    """No live flow sends this e-mail: publish one that does, with `starter.py flows publish`."""


@dataclass(frozen=True, kw_only=True)
class LiveEmail:
    """An e-mail as newcomers get it."""

    template: StoredTemplate
    flows: tuple[PublishedFlow, ...]  #: those that send it, its own first

    @property
    def name(self) -> str:
        """Its name, `welcome/hello`."""
        return self.template.name

    def sends(self) -> tuple[tuple[PublishedFlow, Send], ...]:
        """List the steps that send it, with their flows, its own first."""
        return tuple(
            (flow, step)
            for flow in self.flows
            for step in flow.graph.steps.values()
            if isinstance(step, Send) and flow.flow.template_of(step) == self.name
        )


def live_email(session: Session, name: str) -> LiveEmail:
    """Find an e-mail by its name; its own flow's text is the one, should two versions differ.

    Raises:
        NotLive: no live flow sends it.
        TemplateError: its row is gone or was changed by hand.
    """
    return email_of(session, name, live_flows(session))


def email_of(session: Session, name: str, live: Sequence[PublishedFlow]) -> LiveEmail:
    """Find an e-mail among all flows that are live, as `live_email` does."""
    own = name.partition("/")[0]
    flows = sorted(
        (flow for flow in live if name in flow.templates),
        key=lambda flow: (flow.flow.name != own, flow.flow.name),
    )
    if not flows:
        raise NotLive(
            f"no live flow sends {name}: publish one that does, with `starter.py flows publish`"
        )
    return LiveEmail(template=load(session, flows[0].templates[name]), flows=tuple(flows))

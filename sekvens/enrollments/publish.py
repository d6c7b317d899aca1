"""Publishing flows: a version, once published, is a row that never changes.

Whoever is under way goes by the version they entered with; new contacts enter the one live version.
The digest covers the definition and every template, so that neither can change behind the number.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from sekvens.enrollments.stranded import refuse_stranding
from sekvens.enrollments.tables import FlowVersion
from sekvens.enrollments.turns import Turn, take_turn
from sekvens.errors import FlowConflict, UnknownFlow
from sekvens.flows.codec import from_json, to_json
from sekvens.flows.definition import Flow
from sekvens.flows.graph import Graph, compile_flow
from sekvens.flows.moving import Policy
from sekvens.flows.steps import Send

logger = logging.getLogger(__name__)

#: Stores templates by content and says each one's digest: `sekvens.messages.templates.store`,
#: called as `(session, names, now=…)`.
StoreTemplates = Callable[..., dict[str, str]]

#: Puts in what was edited beside the repository, when a version is new, or refuses to:
#: `sekvens.edits.merging.merge`, called as `(session, digests, now=…)`.
MergeEdits = Callable[..., dict[str, str]]


@dataclass(frozen=True, kw_only=True)
class PublishedFlow:
    """A published version, ready to walk on."""

    flow: Flow
    graph: Graph
    definition: dict[str, Any]  #: the flow as JSON, as it is pinned into an enrollment
    templates: dict[str, str]  #: template name -> digest


@dataclass(frozen=True, kw_only=True)
class Change:
    """What is written down with a version: what it does to those under way, who wanted it, why."""

    policy: Policy = Policy.FINISH_OLD
    author: str | None = None
    note: str | None = None


#: Rows never change, so neither does what was made of them. The digest is part of the key because
#: one process may see two databases (tests do).
_published: dict[tuple[str, int, str], PublishedFlow] = {}


def publish(
    session: Session,
    flow: Flow,
    *,
    now: datetime,
    store_templates: StoreTemplates,
    merge_edits: MergeEdits | None = None,
    change: Change | None = None,
) -> FlowVersion:
    """Publish a version, and make it live if it is newer than the live one; a repeat does nothing.

    A repeat never moves `live`: an operator's choice of an older version survives a restart. Nor
    does it change the policy.

    Raises:
        FlowConflict: the version is published already, with another definition or other e-mails;
            or it moves people and does not say where to go on from a step that it has no more.
        EditConflict: an e-mail was edited on the dashboard, and in the files as well.
    """
    take_turn(session, Turn.PUBLISH, flow.name)
    templates = store_templates(session, _template_names(flow), now=now)
    definition = to_json(flow)
    digest = _digest(definition, templates)
    existing = session.get(FlowVersion, (flow.name, flow.version))
    if existing is not None:
        if existing.digest != digest:
            free = _next_number(session, definition, templates)
            raise FlowConflict(_conflict(existing, definition, templates, free=free))
        return existing
    if merge_edits is not None:
        templates = merge_edits(session, templates, now=now)
    change = change or Change()
    if change.policy is not Policy.FINISH_OLD:
        refuse_stranding(session, flow)
    published = add_version(session, definition, templates, change=change, now=now)
    if flow.version > _live_version(session, flow.name):
        make_live(session, flow.name, flow.version)
    return published


def add_version(
    session: Session,
    definition: dict[str, Any],
    templates: dict[str, str],
    *,
    change: Change,
    now: datetime,
) -> FlowVersion:
    """Write a new version down; nobody enters it before it is live."""
    added = FlowVersion(
        flow=definition["name"],
        version=definition["version"],
        digest=_digest(definition, templates),
        definition=definition,
        templates=templates,
        live=False,
        published_at=now,
        policy=change.policy,
        author=change.author,
        note=change.note,
    )
    session.add(added)
    session.flush()
    return added


def make_live(session: Session, name: str, version: int) -> FlowVersion:
    """Let new contacts enter this version, and no other one of the flow.

    Raises:
        UnknownFlow: this version is not published.
    """
    take_turn(session, Turn.PUBLISH, name)
    chosen = session.get(FlowVersion, (name, version))
    if chosen is None:
        raise UnknownFlow(
            f"{name} v{version} is not published; `starter.py flows list` shows what is"
        )
    others = update(FlowVersion).where(FlowVersion.flow == name, FlowVersion.version != version)
    session.execute(others.values(live=False))
    chosen.live = True
    session.flush()
    logger.info(
        "%s v%d is live", name, version, extra={"action": "flow_live", "flow": f"{name} v{version}"}
    )
    return chosen


def close(session: Session, name: str) -> None:
    """Let nobody enter a flow any more; whoever is under way goes on."""
    take_turn(session, Turn.PUBLISH, name)
    session.execute(update(FlowVersion).where(FlowVersion.flow == name).values(live=False))


def publish_catalogue(
    session: Session,
    flows: Iterable[Flow],
    *,
    now: datetime,
    store_templates: StoreTemplates,
    merge_edits: MergeEdits | None = None,
    off: Collection[str] = (),
    change: Change | None = None,
) -> list[FlowVersion]:
    """Publish every flow of a catalogue, as `starter.py flows publish` does before a deploy.

    Those that are `off` are closed; one that no longer is takes people again.

    Raises:
        FlowConflict, EditConflict: as for `publish`, of any of them; nothing is published.
        UnknownFlow: a flow that is to be off is not in the catalogue.
    """
    # In one order, whoever publishes: two that start at once wait for one another, never in a ring.
    ordered = sorted(flows, key=lambda flow: (flow.name, flow.version))
    unknown = sorted(set(off) - {flow.name for flow in ordered})
    if unknown:
        raise UnknownFlow(
            f"the settings switch off {', '.join(unknown)} ([flows] off), and there is no such "
            "flow: `starter.py flows list` shows those that there are"
        )
    versions = [
        publish(
            session,
            flow,
            now=now,
            store_templates=store_templates,
            merge_edits=merge_edits,
            change=change,
        )
        for flow in ordered
    ]
    for version in versions:
        if version.flow in off:
            close(session, version.flow)
        elif not _live_version(session, version.flow):
            make_live(session, version.flow, version.version)
    return versions


def live_flows(session: Session) -> list[PublishedFlow]:
    """List the flows that new contacts may enter, each in its live version."""
    query = select(FlowVersion.flow, FlowVersion.version, FlowVersion.digest)
    rows = session.execute(query.where(FlowVersion.live).order_by(FlowVersion.flow))
    return [published_flow(session, flow, version, digest) for flow, version, digest in rows]


def live_flow(session: Session, name: str) -> PublishedFlow:
    """Find a flow's live version.

    Raises:
        UnknownFlow: no flow of this name is published.
    """
    query = select(FlowVersion.version, FlowVersion.digest)
    row = session.execute(query.where(FlowVersion.flow == name, FlowVersion.live)).first()
    if row is None:
        raise UnknownFlow(
            f"no flow {name!r} is published; `starter.py flows list` shows those that are"
        )
    return published_flow(session, name, row.version, row.digest)


def pinned_flow(session: Session, name: str, version: int) -> PublishedFlow:
    """Read the version that an enrollment is pinned to.

    Raises:
        UnknownFlow: this version is not published.
    """
    query = select(FlowVersion.digest)
    digest = session.scalar(query.where(FlowVersion.flow == name, FlowVersion.version == version))
    return published_flow(session, name, version, digest or "")


def published_flow(session: Session, name: str, version: int, digest: str) -> PublishedFlow:
    """Read a published version, once per process; `digest` is the row's own.

    Raises:
        UnknownFlow: this version is not published.
        CodecError: it was published by a newer Sekvens than this one.
    """
    found = _published.get((name, version, digest))
    if found is None:
        row = session.get(FlowVersion, (name, version))
        if row is None:
            raise UnknownFlow(f"{name} v{version} is not published")
        flow = from_json(Flow, row.definition)
        found = PublishedFlow(
            flow=flow,
            graph=compile_flow(flow),
            definition=row.definition,
            templates=row.templates,
        )
        _published[name, version, digest] = found
    return found


def _template_names(flow: Flow) -> Sequence[str]:
    steps = compile_flow(flow).steps.values()
    return sorted({flow.template_of(step) for step in steps if isinstance(step, Send)})


def _live_version(session: Session, name: str) -> int:
    query = select(FlowVersion.version).where(FlowVersion.flow == name, FlowVersion.live)
    return session.scalar(query) or 0


def _digest(definition: dict[str, Any], templates: dict[str, str]) -> str:
    content = {"definition": definition, "templates": templates}
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _next_number(session: Session, definition: dict[str, Any], templates: dict[str, str]) -> int:
    """Tell under which number this can be published: that under which it is already, or a new one.

    What was edited on the dashboard and pulled since is published already.
    """
    name = definition["name"]
    query = select(FlowVersion).where(FlowVersion.flow == name)
    newest = session.scalars(query.order_by(FlowVersion.version.desc()).limit(1)).one()
    same = _digest({**definition, "version": newest.version}, templates) == newest.digest
    return newest.version + (0 if same else 1)


def _conflict(
    existing: FlowVersion, definition: dict[str, Any], templates: dict[str, str], *, free: int
) -> str:
    names = existing.templates.keys() | templates.keys()
    changed = sorted(n for n in names if existing.templates.get(n) != templates.get(n))
    if existing.definition != definition:
        changed.insert(0, "its definition")
    return (
        f"{existing.flow} v{existing.version} is published already, and this one differs in "
        f"{', '.join(changed)}. Contacts are under way in the published one: set "
        f"version={free} in the flow's file to publish this one, or undo the change"
    )

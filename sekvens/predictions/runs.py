"""A run: one recomputation of one subject over all contacts, window by window.

How far it has come stands in its row, which changes in the transaction that keeps a window: it may
be stopped anywhere, goes on where it was, and two at once do nothing twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from sekvens.db.session import Database
from sekvens.flows.shop_time import DAY
from sekvens.predictions.tables import PredictionModel
from sekvens.segments.audience import everybody

#: Contacts worked out in one transaction.
WINDOW: Final = 2_000
#: Older runs than so many are forgotten.
RUNS_KEPT: Final = 30


@dataclass(frozen=True, kw_only=True)
class Learnt:
    """What a run has learnt before it looks at anybody."""

    parameters: dict[str, Any]
    backtest: dict[str, Any]
    reason: str


class Subject(Protocol):
    """What is worked out: orders to come, or offers."""

    name: str  #: rows of runs hold it

    def learn(self, session: Session, *, as_of: datetime) -> Learnt:
        """Learn from what was known at an instant of shop time."""
        ...

    def work_out(
        self, session: Session, run: PredictionModel, contact_ids: Sequence[str]
    ) -> list[dict[str, Any]]:
        """Make the rows of some contacts."""
        ...

    def keep(
        self, session: Session, contact_ids: Sequence[str], rows: Sequence[dict[str, Any]]
    ) -> int:
        """Put rows in the place of those contacts' older ones; tell of how many contacts."""
        ...

    def drop_older(self, session: Session, version: int) -> None:
        """Delete what earlier runs have left."""
        ...


def unfinished(session: Session, subject: str, *, as_of: datetime) -> PredictionModel | None:
    """Find the newest run of a subject, if it is not over and not too old to go on."""
    row = newest(session, subject)
    if row is None or row.finished_at is not None or as_of - row.as_of >= DAY:
        return None
    return row


def newest(session: Session, subject: str, *, is_finished: bool = False) -> PredictionModel | None:
    """Find the newest run of a subject; or the newest that is over."""
    query = select(PredictionModel).where(PredictionModel.subject == subject)
    if is_finished:
        query = query.where(PredictionModel.finished_at.is_not(None))
    return session.scalar(query.order_by(PredictionModel.id.desc()).limit(1))


def begin(session: Session, subject: Subject, learnt: Learnt, *, as_of: datetime) -> int:
    """Begin a run, unless somebody else has meanwhile; tell its version."""
    there = unfinished(session, subject.name, as_of=as_of)
    if there is not None:
        return there.id
    run = PredictionModel(
        subject=subject.name,
        as_of=as_of,
        parameters=learnt.parameters,
        backtest=learnt.backtest,
        reason=learnt.reason,
    )
    session.add(run)
    session.flush()
    return run.id


def go_on(database: Database, subject: Subject, version: int, *, now: datetime) -> bool:
    """Work out one more window; tell whether the run is over. `now` is wall time."""
    with database.read() as session:
        run = session.get_one(PredictionModel, version)
        if run.finished_at is not None:
            return True
        behind = run.through_id
        ids = session.scalars(everybody(after=behind).limit(WINDOW)).all()
        rows = subject.work_out(session, run, ids) if ids else []
    with database.write() as session:
        run = session.get_one(PredictionModel, version, with_for_update=True)
        if run.through_id != behind or run.finished_at is not None:
            return run.finished_at is not None  # somebody else has worked this window out
        if ids:
            # Who was merged away or erased meanwhile is left out.
            stand = set(session.scalars(everybody(after=behind, until=ids[-1])))
            kept = [row for row in rows if row["contact_id"] in stand]
            run.predicted += subject.keep(session, ids, kept)
            run.through_id, run.contacts = ids[-1], run.contacts + len(ids)
        if len(ids) == WINDOW:
            return False
        subject.drop_older(session, version)
        run.finished_at = now
        _forget_old_runs(session, subject.name)
    return True


def _forget_old_runs(session: Session, subject: str) -> None:
    ids = select(PredictionModel.id).where(PredictionModel.subject == subject)
    old = session.scalars(ids.order_by(PredictionModel.id.desc()).offset(RUNS_KEPT)).all()
    if old:
        session.execute(delete(PredictionModel).where(PredictionModel.id.in_(old)))

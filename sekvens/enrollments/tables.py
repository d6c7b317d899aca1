"""Published flow versions, enrollments, and the deliveries that the relay owes them."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, false, text
from sqlalchemy.orm import Mapped, mapped_column

from sekvens.db.base import Base


class EnrollmentState(StrEnum):
    """Where an enrollment stands."""

    ACTIVE = "active"  #: under way
    PARKED = "parked"  #: held until a person looks
    ENDED = "ended"  #: over; `exit_reason` says why


class FlowVersion(Base):
    """A flow as published: immutable. `live` marks the version that new contacts enter."""

    __tablename__ = "flow_versions"

    flow: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str]
    definition: Mapped[dict[str, Any]]
    templates: Mapped[dict[str, Any]]  #: template name -> digest
    live: Mapped[bool]
    published_at: Mapped[datetime]  #: wall time
    policy: Mapped[str] = mapped_column(default="finish_old", server_default="finish_old")
    author: Mapped[str | None]  #: who published it, as their machine knows them
    note: Mapped[str | None]  #: why, in their words
    moves_from: Mapped[int | None]  #: the policy is for enrollments of this version or a newer one
    undoes: Mapped[int | None]  #: the version that this one takes back


class Enrollment(Base):
    """One contact's passage through one flow."""

    __tablename__ = "enrollments"
    __table_args__ = (
        Index("ix_enrollments_contact_id_state", "contact_id", "state"),
        Index("ix_enrollments_flow_contact_id_started_at", "flow", "contact_id", "started_at"),
        Index("ix_enrollments_flow_step_id", "flow", "step_id"),
        Index("ix_enrollments_due_at", "due_at"),
        Index("ix_enrollments_ended_at", "ended_at"),
        # Few of many: what is counted at every scrape, or in groups, must not read them all.
        Index(
            "ix_enrollments_parked",
            "flow",
            "parked_code",
            "step_id",
            "parked_at",
            "state",
            "id",
            sqlite_where=text("parked_at IS NOT NULL"),
            postgresql_where=text("parked_at IS NOT NULL"),
        ),
        # Of those under way alone, so that the relay may ask again and again whom a version moves,
        # and pages where they stand: all that is counted is in it.
        Index(
            "ix_enrollments_flow_flow_version",
            "flow",
            "flow_version",
            "step_id",
            "state",
            sqlite_where=text("state != 'ended'"),
            postgresql_where=text("state != 'ended'"),
        ),
        Index(
            "ix_enrollments_moving_since",
            "moving_since",
            sqlite_where=text("moving_since IS NOT NULL"),
            postgresql_where=text("moving_since IS NOT NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    flow: Mapped[str]
    flow_version: Mapped[int]  #: what events are delivered by; see `moving_since`
    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"))
    entry_key: Mapped[str | None]
    workflow_id: Mapped[str] = mapped_column(index=True)
    trigger_event_id: Mapped[int | None] = mapped_column(ForeignKey("events.id"))
    state: Mapped[str] = mapped_column(default=EnrollmentState.ACTIVE)
    parked_reason: Mapped[str | None]
    parked_code: Mapped[str | None]  #: the reason in a word: `template`, `offer_pool_empty`, …
    parked_at: Mapped[datetime | None]  #: wall time
    #: the step it stands at, as last written by an activity; of one that has ended, where it left
    step_id: Mapped[str | None]
    #: shop time at which its next e-mail is expected to leave: an estimate, by which lower flows
    #: let it go first; None: no more is known to come
    next_send_at: Mapped[datetime | None]
    exit_reason: Mapped[str | None]
    exit_owed: Mapped[
        str | None
    ]  #: `ExitReason`: it is to end, whether it has been told yet or not
    started_at: Mapped[datetime]  #: shop time
    ended_at: Mapped[datetime | None]  #: shop time
    last_seq: Mapped[int] = mapped_column(default=0)  #: the newest delivery's number
    delivered_seq: Mapped[int] = mapped_column(default=-1)  #: Temporal has all up to this one
    due_at: Mapped[datetime | None]  #: wall time of the relay's next look; None: nothing is owed
    signalled_at: Mapped[datetime | None]  #: wall time of the relay's last signal: the bounded pace
    leased_until: Mapped[datetime | None]  #: wall time until which one relay owns the deliveries
    #: wall time at which it was last owed its move to `flow_version`; None: its workflow is there
    moving_since: Mapped[datetime | None]


class Delivery(Base):
    """What the relay owes one enrollment: its start (`seq` 0) or an event it listens for."""

    __tablename__ = "deliveries"
    __table_args__ = (
        Index("ix_deliveries_delivered_at_enrollment_id", "delivered_at", "enrollment_id"),
    )

    enrollment_id: Mapped[str] = mapped_column(ForeignKey("enrollments.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    event_id: Mapped[int | None] = mapped_column(ForeignKey("events.id"))
    message_id: Mapped[str]  #: the event's `messageId`
    matched: Mapped[list[Any]]  #: keys of the flow's patterns that the event fits
    urgent: Mapped[bool]  #: an exit event goes at once, the rest at a bounded pace
    exit_reason: Mapped[str | None]  #: it ends the enrollment whatever it matches: `ExitReason`
    moves_to: Mapped[int | None]  #: it moves the enrollment to this version
    #: it lets a message that waits be looked at again
    looks: Mapped[bool] = mapped_column(default=False, server_default=false())
    #: of a start that is not one at the first step: {version, state}, the `State` by the codec
    begins: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime]  #: wall time at which what it tells was committed
    delivered_at: Mapped[datetime | None]  #: wall time

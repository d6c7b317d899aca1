"""Experiments as they were begun, who drew what, and the looks that were taken.

Times are shop time unless they say otherwise: an experiment counts what contacts do by that clock.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from sekvens.db.base import Base


class ExperimentState(StrEnum):
    """How far an experiment is. Persisted: members are never renamed."""

    RUNNING = "running"  #: whoever comes to it draws
    ADOPTED = "adopted"  #: whoever has not drawn gets the winner
    STOPPED = "stopped"  #: whoever has not drawn gets the first variant


class Verdict(StrEnum):
    """What a look came to. Persisted: members are never renamed."""

    OPEN = "open"  #: not yet known: the next look will see
    WON = "won"  #: one variant is better than all others
    NO_WINNER = "no_winner"  #: it was the last look, and nothing has been shown
    MISMATCH = (
        "mismatch"  #: the variants are not drawn as often as planned: nothing is to be believed
    )


class ExperimentPlan(Base):
    """An experiment, or a holdout, with the plan that it was begun by.

    Another plan (other variants, weights, or rules) begins a new round: who draws in it counts.
    """

    __tablename__ = "experiments"

    name: Mapped[str] = mapped_column(primary_key=True)
    round: Mapped[int]
    plan: Mapped[dict[str, Any]]  #: `sekvens.experiments.plan.Plan`
    state: Mapped[str]
    adopted: Mapped[str | None]  #: the variant of whoever has not drawn, once it is over
    began_at: Mapped[datetime]  #: of the round
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None]  #: a person, as their machine knows them; none: the look


class Draw(Base):
    """The variant that a contact has drawn in an experiment: once, and kept."""

    __tablename__ = "draws"
    __table_args__ = (Index("ix_draws_experiment_round", "experiment", "round"),)

    experiment: Mapped[str] = mapped_column(ForeignKey("experiments.name"), primary_key=True)
    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"), primary_key=True, index=True)
    variant: Mapped[str]
    #: none: drawn by a plan that had been replaced; it does not count
    round: Mapped[int | None]
    drawn_at: Mapped[datetime]


class EnrollmentVariant(Base):
    """The variant, drawn by its contact, by which an enrollment goes on: written once, and kept.

    It says of which variant a message is, whoever turns out to be one person later on.
    """

    __tablename__ = "enrollment_variants"

    enrollment_id: Mapped[str] = mapped_column(ForeignKey("enrollments.id"), primary_key=True)
    experiment: Mapped[str] = mapped_column(ForeignKey("experiments.name"), primary_key=True)
    variant: Mapped[str]
    at: Mapped[datetime]  #: wall time: what is claimed from then on is of this variant


class Look(Base):
    """One planned look: what was seen, and what it came to. To read the figures is none."""

    __tablename__ = "looks"

    experiment: Mapped[str] = mapped_column(ForeignKey("experiments.name"), primary_key=True)
    round: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)  #: from 1 to the plan's last
    at: Mapped[datetime]
    seen: Mapped[dict[str, Any]]  #: `sekvens.experiments.judging.Seen`
    verdict: Mapped[str]
    winner: Mapped[str | None]

"""What is expected of contacts, and the models that say so, with what they were tested against."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from sekvens.db.base import Base
from sekvens.events.tables import AutoId


class PredictionModel(Base):
    """One run of a recomputation: what was learnt, how it was tested, and how far it has come.

    Its id is the version that predictions name. A run whose `finished_at` is empty goes on behind
    `through_id`.
    """

    __tablename__ = "prediction_models"

    id: Mapped[int] = mapped_column(AutoId, primary_key=True, autoincrement=True)
    subject: Mapped[str]  #: `orders`, `next_best`
    as_of: Mapped[datetime]  #: shop time; nothing later was looked at
    parameters: Mapped[dict[str, Any]]
    backtest: Mapped[dict[str, Any]]
    reason: Mapped[str]  #: what was chosen, and why, in a sentence
    through_id: Mapped[str | None]  #: contact ids up to this one have been dealt with
    contacts: Mapped[int] = mapped_column(default=0)  #: dealt with so far
    predicted: Mapped[int] = mapped_column(default=0)  #: … of whom something is predicted
    finished_at: Mapped[datetime | None]  #: wall time


class Prediction(Base):
    """One expectation of one contact. Which of `value` and `falls_on` is filled the kind says."""

    __tablename__ = "predictions"

    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)  #: `Kind`
    value: Mapped[float | None]
    falls_on: Mapped[datetime | None]  #: shop time
    method: Mapped[str]  #: `Method`
    version: Mapped[int] = mapped_column(ForeignKey("prediction_models.id"), index=True)
    computed_at: Mapped[datetime]  #: shop time; orders since then it does not know

"""Working everything out anew: subject after subject, for as long as a batch may take."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from sekvens.clock import Clock
from sekvens.db.session import Database
from sekvens.flows.shop_time import ShopTime
from sekvens.next_best.wanting import NextBestProducts
from sekvens.predictions import runs
from sekvens.predictions.expecting import ExpectedOrders
from sekvens.predictions.runs import Subject
from sekvens.predictions.tables import PredictionModel
from sekvens.predictions.wire import Worked

#: A batch ends after the window in which this time is over.
BATCH_MAX: Final = timedelta(seconds=10)


def subjects() -> tuple[Subject, ...]:
    """List what is worked out, in this order."""
    return (ExpectedOrders(), NextBestProducts())


class Predictor:
    """Works predictions out, in pieces; called by many threads at once."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        shop_time: ShopTime,
        batch_max: timedelta = BATCH_MAX,
    ) -> None:
        self._database = database
        self._clock = clock
        self._shop_time = shop_time
        self._batch_max = batch_max
        self._subjects = subjects()

    def batch(self, worked: Worked, beat: Callable[[Worked], None]) -> Worked:
        """Go on for a while where an earlier batch, or a run that was stopped, came to."""
        deadline = time.monotonic() + self._batch_max.total_seconds()
        while True:
            worked = self._step(worked)
            beat(worked)
            if worked.is_over or time.monotonic() >= deadline:
                return worked

    def _step(self, worked: Worked) -> Worked:
        subject = self._subject_of(worked.version)
        version = worked.version
        if version is None or subject is None:
            return self._begin(self._subjects[0])
        is_over = runs.go_on(self._database, subject, version, now=self._clock.now())
        if not is_over:
            return self._told(version)
        following = self._subjects[self._subjects.index(subject) + 1 :]
        return self._begin(following[0]) if following else self._told(version, is_over=True)

    def _begin(self, subject: Subject) -> Worked:
        """Begin a run, or go on with one that was stopped."""
        as_of = self._shop_time.at(self._clock.now())
        with self._database.read() as session:
            there = runs.unfinished(session, subject.name, as_of=as_of)
            if there is not None:
                return self._told(there.id)
            learnt = subject.learn(session, as_of=as_of)
        with self._database.write() as session:
            version = runs.begin(session, subject, learnt, as_of=as_of)
        return self._told(version)

    def _subject_of(self, version: int | None) -> Subject | None:
        """Tell what a version is about; None: its run has been forgotten meanwhile."""
        if version is None:
            return None
        with self._database.read() as session:
            run = session.get(PredictionModel, version)
        return next((each for each in self._subjects if run and each.name == run.subject), None)

    def _told(self, version: int, *, is_over: bool = False) -> Worked:
        with self._database.read() as session:
            run = session.get_one(PredictionModel, version)
        return Worked(
            version=version,
            subject=run.subject,
            contacts=run.contacts,
            predicted=run.predicted,
            is_over=is_over,
        )

"""Retrying what is parked: one enrollment, or all of one flow, step and reason.

They are told by signal, at a bounded pace, while whoever asked waits; so only so many at once.
"""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Final

from sqlalchemy.orm import Session
from temporalio.service import RPCError

from sekvens.enrollments import names, queries
from sekvens.enrollments.bulk import Answer, Told, tell_parked
from sekvens.enrollments.tables import Enrollment
from sekvens.enrollments.temporal import ClientStarter
from sekvens.errors import TemporalUnavailable
from sekvens.plugin import settled_client
from sekvens.staff.tables import Role
from sekvens.web.dashboard.action import Action, Prospect, Refused
from sekvens.web.dashboard.asked import Asked, House

#: So many are told at once, those held longest first: some ten seconds at this pace.
AT_ONCE: Final = 200
A_SECOND: Final = 20.0


def look_at_retrying(_house: House, session: Session, asked: Asked) -> Prospect | Refused:
    """Say how many would be tried again."""
    found = _meant(session, asked)
    if not found:
        return Refused(says=asked.t.nothing_to_retry)
    count = min(len(found), AT_ONCE)
    says = asked.t("will_retry", n=count)
    if len(found) > count:
        says = f"{says} {asked.t('retry_rest', n=len(found) - count)}"
    return Prospect(says=says, count=count)


def retry(house: House, asked: Asked) -> str:
    """Let them try again.

    Raises:
        TemporalUnavailable: nobody could be told.
    """
    with house.database.read() as session:
        found = _meant(session, asked)[:AT_ONCE]
    answers = asyncio.run(_tell(house, found))
    told, failed = _of(answers, Told.TOLD), _of(answers, Told.FAILED)
    if failed and len(failed) == len(answers):
        raise TemporalUnavailable(failed[0].why or "")
    said = [asked.t("retried", n=len(told))]
    if failed:
        said.append(asked.t("not_told", n=len(failed)))
    left_alone = _of(answers, Told.LEFT_ALONE)
    if left_alone:
        said.append(asked.t("left_alone", n=len(left_alone)))
    return " ".join(said)


def _meant(session: Session, asked: Asked) -> Sequence[Enrollment]:
    """Find the parked enrollments that are meant: one by its id, or all of a group."""
    given = asked.query.get
    if given("enrollment"):
        return [each for each in queries.parked(session) if each.id == given("enrollment")]
    flow, step, code = given("flow", ""), given("step", ""), given("code", "")
    found = queries.parked(session, flow)
    return [each for each in found if (each.step_id or "", each.parked_code or "") == (step, code)]


async def _tell(house: House, found: Sequence[Enrollment]) -> list[Answer]:
    try:
        async with settled_client() as client:
            tell = partial(ClientStarter(client).tell, word=names.RETRY_SIGNAL)
            told = tell_parked(house.database, found, tell, a_second=A_SECOND)
            return [answer async for answer in told]
    except (RPCError, RuntimeError) as error:  # it cannot connect
        raise TemporalUnavailable from error


def _of(answers: Sequence[Answer], told: Told) -> list[Answer]:
    return [each for each in answers if each.told == told]


RETRY = Action(
    name="retry-parked",
    words="operations",
    role=Role.OPERATOR,
    look=look_at_retrying,
    do=retry,
    on=("enrollment", "flow", "step", "code"),
)

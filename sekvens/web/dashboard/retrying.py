"""Retrying what is parked: one enrollment, or all of one flow, step and reason.

They are told by signal, at a bounded pace, while whoever asked waits; so only so many at once.
"""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Final

from sqlalchemy.orm import Session
from temporalio.service import RPCError

from sekvens.enrollments import names, parking
from sekvens.enrollments.bulk import Answer, Told, tell_parked
from sekvens.enrollments.tables import Enrollment, EnrollmentState
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
    whole, found = _meant(session, asked)
    if not found:
        return Refused(says=asked.t.nothing_to_retry)
    count = len(found)
    says = asked.t("will_retry", n=count)
    if whole > count:
        says = f"{says} {asked.t('retry_rest', n=whole - count)}"
    return Prospect(says=says, count=count)


def retry(house: House, asked: Asked) -> str:
    """Let them try again.

    Raises:
        TemporalUnavailable: nobody could be told.
    """
    with house.database.read() as session:
        _, found = _meant(session, asked)
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


def _meant(session: Session, asked: Asked) -> tuple[int, Sequence[Enrollment]]:
    """Find the parked enrollments that are meant: how many, and those that are told at once.

    One is named by its id, many by their group.
    """
    given = asked.query.get
    if given("enrollment"):
        one = session.get(Enrollment, given("enrollment"))
        is_parked = one is not None and one.state == EnrollmentState.PARKED
        return (1, [one]) if one is not None and is_parked else (0, [])
    group = parking.group_of(
        session, given("flow", ""), given("step") or None, given("code") or None
    )
    if group is None:
        return 0, []
    return group.enrollments, parking.members(session, group, limit=AT_ONCE)


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

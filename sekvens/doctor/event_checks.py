"""Whether SES's events come back: configuration set, destination, topic and queue."""

import json
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

from sekvens.doctor.findings import CouldNotBeAsked, Finding, fault, ok, warning
from sekvens.doctor.set_up import SetUp
from sekvens.sections import is_local

#: Without open and click: SES's own tracking is switched off in each call.
WANTED: Final = (
    "SEND", "DELIVERY", "BOUNCE", "COMPLAINT", "REJECT", "DELIVERY_DELAY", "RENDERING_FAILURE",
)  # fmt: skip
#: A message of the queue that came in the midst of a second attempt is left to come again.
RECEIVES_MIN: Final = 10
WAITING_MAX: Final = 10_000
_SNS: Final = "sns.amazonaws.com"


def event_destination(set_up: SetUp) -> Finding:
    """Whether the configuration set publishes what we live by."""
    name = set_up.settings.ses.configuration_set
    if not name and is_local(set_up.settings.ses.endpoint_url):
        return ok("the local SES publishes its events without a configuration set")
    if not name:
        return warning(
            "no configuration set: SES tells us nothing of our messages, and time alone settles a "
            "lost answer",
            "make one with an event destination, and name it in ses.configuration_set",
        )
    destinations = set_up.destinations()
    if destinations is None:
        return fault(f"SES has no configuration set {name!r}", "create it, or mend the setting")
    types = {
        kind
        for each in destinations
        if each.get("Enabled") and each.get("SnsDestination")
        for kind in each.get("MatchingEventTypes", [])
    }
    if "SEND" not in types:
        return fault(
            f"no enabled SNS destination of {name!r} has SEND: no lost answer is ever settled",
            "add SEND to its event types",
        )
    missing = [kind for kind in WANTED if kind not in types]
    if missing:
        return warning(f"{name!r} publishes no {', '.join(missing)}", "add them to the destination")
    return ok(f"{name!r} publishes {', '.join(WANTED)}")


def queue_answers(set_up: SetUp) -> Finding:
    """Whether the queue of events can be read, and is read."""
    if not set_up.settings.feedback.queue_url:
        return warning(
            "no queue of SES's events: a lost answer is never settled by evidence, and marketing "
            "is then skipped as outcome_unknown",
            "subscribe an SQS queue to the topic, and name it in feedback.queue_url",
        )
    try:
        attributes = set_up.queue()
    except CouldNotBeAsked as error:
        return fault(f"the queue cannot be reached: {error}", "look at feedback.queue_url")
    waiting = int(attributes.get("ApproximateNumberOfMessages", "0"))
    if waiting > WAITING_MAX:
        return warning(f"{waiting:,} events wait in the queue", "see that workers run and read it")
    return ok(f"the queue answers; {waiting:,} events wait in it")


def queue_policy(set_up: SetUp) -> Finding | None:
    """Whether the topic, and it alone, may put events into the queue."""
    if not set_up.settings.feedback.queue_url:
        return None
    attributes = set_up.queue()
    topics = _topics(set_up)
    try:
        allowed = _allowed(json.loads(attributes.get("Policy") or "{}"))
    except (ValueError, AttributeError, TypeError):
        return fault("the queue's policy cannot be read", "write it anew")
    if not allowed:
        return fault(
            "the queue's policy lets no SNS topic send to it, so no event arrives",
            "allow sqs:SendMessage to sns.amazonaws.com, with aws:SourceArn the topic",
        )
    outside = [t for t in topics if not any(fnmatchcase(t, one) for one in allowed)]
    if topics and len(outside) == len(topics):
        return fault(
            "the queue's policy names another topic than the one SES publishes to",
            "put the topic's ARN into the policy's aws:SourceArn",
        )
    if "*" in allowed:
        return warning(
            "any SNS topic of anybody may send to the queue",
            "narrow the policy by aws:SourceArn to the topic",
        )
    return ok("the topic may send to the queue, and no stranger's")


def dead_letters(set_up: SetUp) -> Finding | None:
    """Whether what cannot be taken in is put aside, late enough."""
    local = is_local(set_up.settings.feedback.queue_url)
    if not set_up.settings.feedback.queue_url:
        return None
    posted = set_up.queue().get("RedrivePolicy")
    if not posted:
        if local:
            return ok("the local queue has no dead-letter queue, and needs none")
        return warning("the queue has no dead-letter queue", "give it one, after 10 receives")
    try:
        receives = int(json.loads(posted)["maxReceiveCount"])
    except (ValueError, KeyError, TypeError):
        return fault("the queue's redrive policy cannot be read", "write it anew")
    if receives < RECEIVES_MIN:
        return warning(
            f"an event is put aside after {receives} receives, and some must come again",
            f"set maxReceiveCount to {RECEIVES_MIN} or more",
        )
    return ok(f"an event is put aside after {receives} receives")


def _topics(set_up: SetUp) -> list[str]:
    """List the topics that SES publishes to; none if that cannot be asked."""
    try:
        destinations = set_up.destinations() if set_up.settings.ses.configuration_set else None
    except CouldNotBeAsked:
        return []
    arns = [
        (each.get("SnsDestination") or {}).get("TopicArn")
        for each in destinations or ()
        if each.get("Enabled")
    ]
    return [arn for arn in arns if arn]


def _allowed(policy: Mapping[str, Any]) -> set[str]:
    """List the topics, as patterns, that a policy lets send."""
    found: set[str] = set()
    for statement in _many(policy.get("Statement")):
        if statement.get("Effect") == "Allow" and _is_sns(statement) and _sends(statement):
            sources = _sources(statement.get("Condition") or {})
            found |= sources or {"*"}
    return found


def _is_sns(statement: Mapping[str, Any]) -> bool:
    principal = statement.get("Principal")
    if isinstance(principal, Mapping):
        named = [*_many(principal.get("Service")), *_many(principal.get("AWS"))]
        return _SNS in named or "*" in named
    return principal == "*"


def _sends(statement: Mapping[str, Any]) -> bool:
    return any(
        fnmatchcase("sqs:sendmessage", str(action).lower())
        for action in _many(statement.get("Action"))
    )


def _sources(condition: Mapping[str, Any]) -> set[str]:
    return {
        str(arn)
        for test in condition.values()
        for key, arns in test.items()
        if key.lower() == "aws:sourcearn"
        for arn in _many(arns)
    }


def _many(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]

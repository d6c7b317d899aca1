"""A log line is a sentence, followed by what machines look for."""

import logging

from sekvens.log import SentenceFormatter


def line(**extra: object) -> str:
    record = logging.makeLogRecord(
        {"name": "sekvens.x", "levelname": "INFO", "msg": "%s went", "args": ("it",), **extra}
    )
    return SentenceFormatter().format(record)


def test_a_line_ends_with_its_action_and_its_ids():
    written = line(enrollment_id="e-1", action="message_skipped", contact_id="c-1")

    assert written.endswith("it went  action=message_skipped enrollment_id=e-1 contact_id=c-1")


def test_a_librarys_extras_are_left_out():
    assert line(secret="s", temporal_workflow={"id": "w"}).endswith("sekvens.x it went")

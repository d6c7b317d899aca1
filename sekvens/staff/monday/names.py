"""Names of the Monday mail that outlive a deploy: they stand in histories and schedules."""

#: The workflow type, as the Temporal UI shows it; no flow may be called so.
MONDAY_WORKFLOW = "monday-mail"
MONDAY_ACTIVITY = "send_monday_mails"
#: Id of the schedule by which the staff are written to.
MONDAY_SCHEDULE = "monday-mail"

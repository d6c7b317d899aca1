"""Names of looks that outlive a deploy: they stand in histories and schedules."""

#: The workflow type, as the Temporal UI shows it; no flow may be called so.
LOOKS_WORKFLOW = "experiment-looks"
LOOKS_ACTIVITY = "look_at_experiments"
#: Id of the schedule by which experiments are looked at.
LOOKS_SCHEDULE = "experiment-looks"

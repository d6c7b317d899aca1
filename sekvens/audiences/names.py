"""Names of the scheduled work that outlive a deploy: they stand in histories and schedules.

Renaming one orphans what is under way; `tests/replay/test_names_are_pinned.py` pins each of them.
"""

#: Workflow types, as the Temporal UI shows them; no flow may be called so.
SCAN_WORKFLOW = "audience-scan"
RETENTION_WORKFLOW = "retention"
EXPIRY_WORKFLOW = "expiry"
SEGMENTS_WORKFLOW = "segments"
REFRESH_WORKFLOW = "metrics-refresh"

SCAN_ACTIVITY = "scan_audience_batch"
ERASE_ACTIVITY = "erase_inactive_batch"
EXPIRE_ACTIVITY = "expire_batch"
SEGMENTS_ACTIVITY = "watch_segments_batch"
REFRESH_ACTIVITY = "refresh_metrics_batch"

PROGRESS_QUERY = "progress"

#: Id of the schedule that keeps to what the privacy settings say.
RETENTION_SCHEDULE = "retention"
#: Id of the schedule by which old data goes.
EXPIRY_SCHEDULE = "expiry"
#: Id of the schedule by which entering and leaving a segment is noticed.
SEGMENTS_SCHEDULE = "segments"
#: Id of the schedule by which metrics are counted.
REFRESH_SCHEDULE = "metrics-refresh"
#: What the ids of the audiences' schedules begin with.
AUDIENCE_PREFIX = "audience/"


def schedule_id(flow: str) -> str:
    """Make the id of a flow's schedule: `audience/<flow>`."""
    return AUDIENCE_PREFIX + flow


def scan_id(flow: str) -> str:
    """Make the workflow id of a flow's scans; a schedule adds the time to it."""
    return f"{SCAN_WORKFLOW}/{flow}"

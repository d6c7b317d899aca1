"""Names of the recomputation that outlive a deploy: they stand in histories and schedules.

Renaming one orphans what is under way; `tests/replay/test_names_are_pinned.py` pins each of them.
"""

#: Workflow type and id; no flow may be called so.
PREDICTION_WORKFLOW = "predictions"
PREDICT_ACTIVITY = "predict_batch"
#: Id of the schedule by which predictions are worked out anew.
PREDICTION_SCHEDULE = "predictions"

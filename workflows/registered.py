"""The workflows that a worker registers, in one list."""

from workflows.audiences import AudienceScanWorkflow, ExpiryWorkflow, RetentionWorkflow
from workflows.enrollment import EnrollmentWorkflow
from workflows.predictions import PredictionWorkflow

WORKFLOWS = [
    EnrollmentWorkflow,
    AudienceScanWorkflow,
    RetentionWorkflow,
    ExpiryWorkflow,
    PredictionWorkflow,
]

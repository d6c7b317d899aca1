"""The workflows that a worker registers, in one list."""

from workflows.audiences import AudienceScanWorkflow, ExpiryWorkflow, RetentionWorkflow
from workflows.enrollment import EnrollmentWorkflow
from workflows.experiments import LooksWorkflow
from workflows.metrics import MetricsRefreshWorkflow
from workflows.monday import MondayWorkflow
from workflows.predictions import PredictionWorkflow
from workflows.segments import SegmentsWorkflow

WORKFLOWS = [
    EnrollmentWorkflow,
    AudienceScanWorkflow,
    RetentionWorkflow,
    ExpiryWorkflow,
    SegmentsWorkflow,
    MetricsRefreshWorkflow,
    LooksWorkflow,
    PredictionWorkflow,
    MondayWorkflow,
]

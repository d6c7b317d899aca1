"""The only code that Temporal replays."""

from workflows.audiences import AudienceScanWorkflow, RetentionWorkflow
from workflows.enrollment import EnrollmentWorkflow

WORKFLOWS = [EnrollmentWorkflow, AudienceScanWorkflow, RetentionWorkflow]

"""The only code that Temporal replays."""

from workflows.enrollment import EnrollmentWorkflow

WORKFLOWS = [EnrollmentWorkflow]

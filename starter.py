"""The command line of Sekvens. `python starter.py --help` lists the commands.

Each command is one module of `sekvens.commands`; nothing is decided here.
"""

from collections.abc import Sequence

import click

from sekvens import __version__
from sekvens.commands.answers import answers
from sekvens.commands.approve import approve
from sekvens.commands.audiences import audiences
from sekvens.commands.contacts import contacts, show
from sekvens.commands.content import content
from sekvens.commands.demo import demo, up
from sekvens.commands.doctor import doctor
from sekvens.commands.enrollments import enroll, signal
from sekvens.commands.experiments import experiments
from sekvens.commands.feeds import feeds
from sekvens.commands.flows import flows
from sekvens.commands.metrics import metrics
from sekvens.commands.monday import monday
from sekvens.commands.offers import offers
from sekvens.commands.parked import exit_, parked, retry, skip
from sekvens.commands.predict import predict
from sekvens.commands.preview import preview
from sekvens.commands.products import products
from sekvens.commands.program import Program
from sekvens.commands.reconcile import reconcile
from sekvens.commands.replay import make_replay
from sekvens.commands.reviews import reviews
from sekvens.commands.schema import migrate
from sekvens.commands.segments import segments
from sekvens.commands.send_time import send_time
from sekvens.commands.services import api, local_ses, relay
from sekvens.commands.settings import init
from sekvens.commands.show_settings import settings
from sekvens.commands.simulate import simulate
from sekvens.commands.staff import staff
from sekvens.commands.status import status
from sekvens.commands.switches import pause, resume, stop


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="sekvens")
@click.option("--debug", is_flag=True, help="Show the traceback of a failure.")
def main(*, debug: bool) -> None:
    """Sekvens: lifecycle e-mail for a shop, each contact in a flow one durable workflow.

    Settings come from sekvens.toml and SEKVENS_* (without either: the sample shop), the way to
    Temporal from Temporal's own configuration (TEMPORAL_ADDRESS, temporal.toml).

    Example: starter.py demo --for 60
    """


def registered() -> Sequence[type]:
    """Hand in the workflows that a worker registers: the command line cannot import them itself."""
    from workflows.registered import WORKFLOWS

    return WORKFLOWS


for command in (
    *(demo, up, init, settings, migrate),
    *(api, relay, local_ses),
    *(flows, preview, content, simulate, feeds),
    *(products, reviews, answers, offers),
    *(audiences, segments, send_time, contacts, predict, staff, monday),
    *(metrics, experiments),
    *(enroll, signal, show),
    *(status, doctor, stop, pause, resume, approve),
    *(parked, retry, skip, exit_),
    *(reconcile, make_replay(registered)),
):
    main.add_command(command)

if __name__ == "__main__":
    main(prog_name="starter.py")

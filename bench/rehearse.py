"""A rolling deploy with enrollments in flight, rehearsed: nothing lost, nothing twice, old drained.

    python -m bench.rehearse --enrollments 1000

On PostgreSQL, with a local SES whose rate nobody reaches. The new version is another code. The exit
code is 1 if anything was lost or came twice, or was ordered by a code that is not its worker's.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.e2e.rehearsing import RAMP_PERCENT, Rehearsed, rehearse, versioned_stack

ENROLLMENTS = 1000
#: The first e-mails must have left before the second ones are due, almost two days later.
DAY_SECONDS_EACH = 0.24
DAY_SECONDS_MIN = 10.0


def main() -> int:
    """Rehearse, and print what came of it."""
    given = _arguments()
    enrollments = given.enrollments
    day_seconds = given.day or max(DAY_SECONDS_MIN, DAY_SECONDS_EACH * enrollments)
    began = time.monotonic()

    def say(sentence: str) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {sentence}", flush=True)

    with (
        tempfile.TemporaryDirectory(prefix="sekvens-rehearsal-") as folder,
        versioned_stack(
            Path(folder),
            day_seconds=day_seconds,
            postgresql=True,
            ses_options=("--rate", "100000", "--per-day", "-1"),
        ) as stack,
    ):
        came = rehearse(stack, enrollments=enrollments, say=say)
    _print(came)
    return 1 if came.lost or came.twice or came.astray else 0


def _print(came: Rehearsed) -> None:
    print(f"\nRehearsal: {came.in_flight:,} enrollments in flight at the switch")
    print(f"  worked off by both versions    {came.by_both:6,}")
    print(f"  … by the new one alone         {came.by_new:6,}  ({RAMP_PERCENT} % ramped)")
    print(f"  … by the old one alone         {came.by_old:6,}")
    print(f"  by the old code, then the new  {came.both_codes:6,}")
    print(f"  … by the new code alone        {came.new_code - came.both_codes:6,}")
    print(f"  … by the old code alone        {came.old_code - came.both_codes:6,}")
    print(f"  … by another than its worker's {len(came.astray):6,}")
    print(f"  pinned, and stayed             {came.stayed:6,}")
    print(f"  the gate took                  {came.gate_seconds:6.1f} s")
    print(f"  the old one's last task        {came.old_works_seconds:6.1f} s after the switch")
    print(f"  the old one drained            {came.drained_seconds:6.1f} s after the switch")
    print(
        f"Verdict: {len(came.lost)} lost an e-mail, {len(came.twice)} got one twice, by SES's log"
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--enrollments", type=int, default=ENROLLMENTS, help="how many")
    parser.add_argument("--day", type=float, help="how long a day lasts, in seconds")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

"""The command `poise`: a file for each of its commands. This wing alone knows Click.

Every command imports what it needs when it runs, so that `poise --help` answers at once.
"""

from __future__ import annotations

import click

from poise import __version__
from poise.commands.analyze import analyze
from poise.commands.classify import classify
from poise.commands.desk import desk
from poise.commands.doctor import doctor
from poise.commands.export import export
from poise.commands.handout import handout
from poise.commands.purge import purge
from poise.commands.report import report
from poise.commands.schedule import schedule
from poise.commands.status import status


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="poise")
def main() -> None:
    """Poise shows people how they come across in recorded practice interviews.

    It reads recordings, follows the candidate's face, and reports its apparent expression over
    time: never what a person felt, and no score.
    """


for command in (
    analyze, report, handout, export, status, purge, schedule, desk, classify, doctor,
):  # fmt: skip
    main.add_command(command)

"""A command every night: for systemd, cron, and the task scheduler of Windows, quoted for each."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Sequence
from datetime import datetime, time
from xml.sax.saxutils import escape

from poise.errors import SettingsError

_SERVICE = """\
# ~/.config/systemd/user/poise.service
[Unit]
Description=Poise: recordings of the day

[Service]
Type=oneshot
ExecStart={command}
Nice=10
"""
_TIMER = """\
# ~/.config/systemd/user/poise.timer
# Then: systemctl --user daemon-reload && systemctl --user enable --now poise.timer
# To run without anybody logged in: loginctl enable-linger
[Unit]
Description=Poise, every night

[Timer]
OnCalendar=*-*-* {at}
Persistent=true

[Install]
WantedBy=timers.target
"""
_TASK = """\
<!-- In PowerShell: Register-ScheduledTask -TaskName Poise -Xml (Get-Content -Raw poise.xml) -->
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Description>Poise: recordings of the day</Description>
  </RegistrationInfo>
  <Triggers>
    <CalendarTrigger>
      <StartBoundary>{start}</StartBoundary>
      <ScheduleByDay>
        <DaysInterval>1</DaysInterval>
      </ScheduleByDay>
    </CalendarTrigger>
  </Triggers>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <StartWhenAvailable>true</StartWhenAvailable>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <Priority>7</Priority>
  </Settings>
  <Actions>
    <Exec>
      <Command>{command}</Command>
      <Arguments>{arguments}</Arguments>
    </Exec>
  </Actions>
</Task>
"""


def systemd_units(command: Sequence[str], at: time) -> tuple[str, str]:
    """A service and the timer that starts it, also later where the machine was off.

    Quoted as systemd.service(5) says: specifiers and variables stand for themselves.

    Raises:
        SettingsError: If a line break is in the command.
    """
    _check(command)
    words = " ".join(
        '"{}"'.format(
            word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
        )
        for word in command
    )
    return _SERVICE.format(command=words), _TIMER.format(at=at.strftime("%H:%M:%S"))


def cron_line(command: Sequence[str], at: time) -> str:
    """A line for `crontab -e`, quoted for the shell, with what cron takes for a line break escaped.

    Raises:
        SettingsError: If a line break is in the command.
    """
    _check(command)
    return f"{at.minute} {at.hour} * * * nice " + shlex.join(command).replace("%", r"\%") + "\n"


def windows_task(command: Sequence[str], first: datetime) -> str:
    """A task as XML, which needs no quoting for cmd.exe; the arguments as a C program splits them.

    Args:
        command: A program and its arguments.
        first: When it is started for the first time, local time.

    Raises:
        SettingsError: If a line break is in the command.
    """
    _check(command)
    return _TASK.format(
        start=first.strftime("%Y-%m-%dT%H:%M:%S"),
        command=escape(command[0]),
        arguments=escape(subprocess.list2cmdline(command[1:])),
    )


def _check(command: Sequence[str]) -> None:
    if any(not word.isprintable() for word in command):
        raise SettingsError(
            "a name has a character that no line can hold, such as a line break",
            remedy="Rename that directory.",
        )

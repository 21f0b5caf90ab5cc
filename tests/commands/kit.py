"""What the tests of commands share."""

from __future__ import annotations

from collections.abc import Callable

from click.testing import Result

Poise = Callable[..., Result]

"""What a GPU server, its supervisor and the workers say to each other; no networks are needed."""

from __future__ import annotations

import secrets
import sys
import tempfile
from dataclasses import dataclass
from multiprocessing.connection import Client
from pathlib import Path
from typing import Any

from poise.errors import ModelError
from poise.expression.model_spec import ModelSpec


class GpuServerGone(ModelError):
    """The GPU server was given up; what it was asked must be computed elsewhere."""


@dataclass(frozen=True)
class Address:
    """Where a GPU server listens, and the key that opens it."""

    path: str
    key: bytes

    @classmethod
    def new(cls) -> Address:
        """A place that nobody else has; on Linux and Windows no file belongs to it."""
        name = f"poise-{secrets.token_hex(8)}"
        if sys.platform == "win32":
            path = rf"\\.\pipe\{name}"
        elif sys.platform == "linux":
            path = f"\0{name}"
        else:
            path = str(Path(tempfile.gettempdir(), name))
        return cls(path, secrets.token_bytes(32))

    def connect(self) -> Any:
        """A connection to whoever listens there.

        Raises:
            OSError, EOFError: If nobody does, or the key is another one.
        """
        return Client(self.path, authkey=self.key)


@dataclass(frozen=True, kw_only=True)
class Described:
    """What a GPU server says of the networks it holds.

    Args:
        spec: Of the expression model.
        device_name, precision: As `ExpressionClassifier` has them, for provenance.
    """

    spec: ModelSpec
    device_name: str
    precision: str


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """What a GPU server is to do: the first message of its supervisor."""

    address: Address
    model: str
    device: str
    batch_size: int


@dataclass(frozen=True)
class CannotStart:
    """The server's answer if it cannot load the networks."""

    reason: str


BEAT = "beat"  # the server's answer while all is well

"""Decoding backends behind one protocol: PyAV and decord.

Both deliver upright frames with the container's presentation time stamps. `open_decoder` is used
inside the decoding process (`poise.media.decoders.server`) only.
"""

from __future__ import annotations

from pathlib import Path

from poise.errors import SettingsError
from poise.media.decoders.protocol import AS_IT_IS, VideoDecoder, View

BACKENDS = ("pyav", "decord")
ENGINE = "nvdec:"  # and the number of a GPU


def open_decoder(path: Path, backend: str, view: View = AS_IT_IS) -> VideoDecoder:
    """Open a recording with one of `BACKENDS`, or with a GPU's engine (`nvdec:0`).

    Raises:
        VideoError: If it is no video or cannot be opened.
        SettingsError: If the backend is not installed.
    """
    try:
        from poise.media.decoders.pyav import PyAVDecoder

        if backend.startswith(ENGINE):
            from poise.media.engines.sources import CUVID, Engine

            return PyAVDecoder(path, view, Engine(CUVID, int(backend[len(ENGINE) :])))
        decoder = PyAVDecoder(path, view)
        if backend == "decord":  # which takes whatever FFmpeg takes, of any size
            from poise.media.decoders.decord import DecordDecoder

            return DecordDecoder(path, decoder)
        return decoder
    except ImportError as error:
        raise SettingsError(
            f"the decoder {backend!r} is not installed ({error})",
            remedy="Install it, or choose another with --decoder.",
        ) from error

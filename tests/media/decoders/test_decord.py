"""decord: it is asked before what it would take a file for."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from poise.errors import SettingsError, VideoError
from poise.media import container_types
from poise.media.container_types import opened
from poise.media.decoders import open_decoder
from poise.media.decoders.decord import format_found, opened_reader
from tests.clips import counting_clip
from tests.media.disguises import (
    lists,
)


def test_where_decord_is_not_installed_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "decord", None)
    monkeypatch.delitem(sys.modules, "poise.media.decoders.decord", raising=False)
    with pytest.raises(SettingsError, match="'decord' is not installed"):
        open_decoder(counting_clip(tmp_path / "a.mp4", range(0, 200, 40)), "decord")


def test_decord_is_asked_what_it_would_take_a_file_for(
    tmp_path: Path, own: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its FFmpeg's word counts even where nothing was found in the bytes before."""
    for kind, data in own.items():
        path = tmp_path / f"a.{kind}"
        path.write_bytes(data)
        with opened(path) as (container, name):
            assert container.is_called(format_found(name))
    path.write_bytes(lists(tmp_path, 1)["hls"].encode() + own["ts"])
    assert format_found(str(path)) == "hls,applehttp"
    assert format_found(str(tmp_path / "%d.png")) == "image2"
    assert format_found(str(tmp_path / "missing")) is None
    monkeypatch.setattr(container_types, "names_others", lambda head: False)
    monkeypatch.setattr(container_types, "begun_as", lambda head: container_types.TRANSPORT_STREAM)
    with pytest.raises(VideoError, match="another kind of file than it begins as"):
        opened_reader(path)

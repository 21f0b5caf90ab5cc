"""The sound is read as it is, on the clock of the container, whatever it is like."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition

from poise.errors import VideoError
from poise.media.audio import SAMPLE_RATE_HZ, SOUND_STATUSES, SoundBlock, SoundEnd
from poise.media.decoders import open_decoder
from poise.media.listening import BLOCK_S, listen
from poise.media.reader import DecodingProcess
from poise.types import FloatArray
from tests.clips import counting_clip, cut_off, damaged, write_audio
from tests.sounds import LATE, silence, vowels, write_late, write_sounding


def _heard(path: Path) -> tuple[list[SoundBlock], SoundEnd]:
    *blocks, end = listen(path)
    assert isinstance(end, SoundEnd)
    assert end.status in SOUND_STATUSES
    assert all(isinstance(block, SoundBlock) for block in blocks)
    return blocks, end  # type: ignore[return-value]


def _tone(seconds: float) -> FloatArray:
    t = np.arange(round(seconds * SAMPLE_RATE_HZ))
    return (0.3 * np.sin(t * 0.17)).astype(np.float32)


def _first_loud_s(blocks: list[SoundBlock]) -> float:
    for block in blocks:
        loud = np.flatnonzero(np.abs(block.samples) > 0.1)
        if len(loud):
            return block.start_s + loud[0] / SAMPLE_RATE_HZ
    raise AssertionError("nothing is loud")


@pytest.mark.parametrize(
    ("name", "codec", "rate_hz"),
    [
        ("clip.mp4", "aac", 44_100),
        ("clip.mkv", "libopus", 48_000),
        ("clip.avi", "pcm_s16le", 8_000),
        ("clip.ts", "aac", 48_000),
        ("clip.mov", "pcm_s16be", 16_000),
    ],
)
def test_a_tone_begins_when_the_file_says(
    tmp_path: Path, name: str, codec: str, rate_hz: int
) -> None:
    sound = np.concatenate([silence(1.5), _tone(1.0)])
    path = write_sounding(
        tmp_path / name, [(0, sound)], pictures_s=(0, 2), codec=codec, rate_hz=rate_hz
    )
    blocks, end = _heard(path)
    assert end == SoundEnd(status="heard")
    assert _first_loud_s(blocks) == pytest.approx(1.5, abs=0.05)
    assert sum(len(block.samples) for block in blocks) == pytest.approx(40_000, abs=2_500)
    assert all(block.samples.dtype == np.float32 for block in blocks)


def test_sound_that_begins_later_keeps_its_time(tmp_path: Path) -> None:
    path = write_sounding(tmp_path / "late.mkv", [(2.0, _tone(1))], pictures_s=(0, 4))
    blocks, _ = _heard(path)
    assert _first_loud_s(blocks) == pytest.approx(2.0, abs=0.05)


@pytest.mark.parametrize("kind", LATE)
def test_sound_counts_from_the_containers_zero_where_nothing_starts_there(
    tmp_path: Path, kind: str
) -> None:
    path = write_late(tmp_path, kind, [(5.0, np.concatenate([silence(1.2), _tone(1.0)]))])
    blocks, _ = _heard(path)
    assert _first_loud_s(blocks) == pytest.approx(6.2, abs=0.05)


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_chapters_are_on_the_same_clock(tmp_path: Path, suffix: str) -> None:
    late = write_late(tmp_path, "mkv")
    path = tmp_path / f"chapters.{suffix}"
    with av.open(str(late)) as source, av.open(str(path), "w") as target:
        target.set_chapters([
            {"id": k, "start": start, "end": end, "time_base": Fraction(1, 1000),
             "metadata": {"title": title}}
            for k, (start, end, title) in enumerate([(0, 6000, "Hello"), (6000, 7500, "Why us?")])
        ])  # fmt: skip
        into = {s: target.add_stream_from_template(s) for s in source.streams}
        for packet in source.demux():
            if packet.size:
                packet.stream = into[packet.stream]
                target.mux(packet)
    hello, why = _heard(path)[1].chapters
    assert (hello[0], hello[1], why[0]) == pytest.approx((0, 6, 6), abs=0.01)


def test_a_hole_is_kept(tmp_path: Path) -> None:
    path = write_sounding(
        tmp_path / "hole.mkv", [(0, _tone(1)), (5.0, _tone(1))], pictures_s=(0, 6),
        codec="pcm_s16le",
    )  # fmt: skip
    blocks, _ = _heard(path)
    assert [block.follows for block in blocks] == [False, False]
    assert blocks[1].start_s == pytest.approx(5.0, abs=0.05)
    assert len(blocks[0].samples) == pytest.approx(SAMPLE_RATE_HZ, abs=800)


def test_a_short_hole_is_filled_with_silence(tmp_path: Path) -> None:
    path = write_sounding(
        tmp_path / "hole.mkv", [(0, _tone(1)), (1.3, _tone(1))], pictures_s=(0, 3),
        codec="pcm_s16le",
    )  # fmt: skip
    (block,), _ = _heard(path)
    assert len(block.samples) == pytest.approx(2.3 * SAMPLE_RATE_HZ, abs=800)
    assert not block.samples[round(1.05 * SAMPLE_RATE_HZ) : round(1.25 * SAMPLE_RATE_HZ)].any()


def test_blocks_are_bounded_and_follow_each_other(tmp_path: Path) -> None:
    path = write_sounding(tmp_path / "long.mkv", [(0, _tone(65))], codec="pcm_s16le")
    blocks, _ = _heard(path)
    assert len(blocks) >= 3
    assert max(len(b.samples) for b in blocks) <= (BLOCK_S + 5) * SAMPLE_RATE_HZ
    for before, after in pairwise(blocks):
        assert after.follows
        end_s = before.start_s + len(before.samples) / SAMPLE_RATE_HZ
        assert after.start_s == pytest.approx(end_s, abs=1e-6)
    assert sum(len(b.samples) for b in blocks) == pytest.approx(65 * SAMPLE_RATE_HZ, abs=1600)


def test_sound_may_outlast_the_picture_and_the_other_way_round(tmp_path: Path) -> None:
    longer = write_sounding(tmp_path / "longer.mp4", [(0, _tone(5))], pictures_s=(0, 1))
    shorter = write_sounding(tmp_path / "shorter.mp4", [(0, _tone(1))], pictures_s=(0, 5))
    assert sum(len(b.samples) for b in _heard(longer)[0]) > 4.9 * SAMPLE_RATE_HZ
    assert sum(len(b.samples) for b in _heard(shorter)[0]) < 1.2 * SAMPLE_RATE_HZ
    assert _heard(longer)[1] == _heard(shorter)[1] == SoundEnd(status="heard")


def test_no_sound_and_silence_are_told_apart(tmp_path: Path) -> None:
    mute = counting_clip(tmp_path / "mute.mp4", range(0, 1000, 100))
    silent = write_sounding(tmp_path / "silent.mp4", [(0, silence(2))])
    assert _heard(mute) == ([], SoundEnd(status="none"))
    assert _heard(silent)[1] == SoundEnd(status="silent")


@pytest.mark.parametrize(("default", "status"), [(0, "silent"), (1, "heard")])
def test_of_several_tracks_the_default_one_is_heard_and_that_is_said(
    tmp_path: Path, default: int, status: str
) -> None:
    """As from a call that was recorded with the microphone and what came back side by side."""
    path = tmp_path / "both.mkv"
    with (
        av.open(str(write_sounding(tmp_path / "quiet.mkv", [(0.0, silence(1))]))) as quiet,
        av.open(str(write_sounding(tmp_path / "loud.mkv", [(0.0, vowels(1))]))) as loud,
        av.open(str(path), "w") as container,
    ):
        sounds = quiet.streams.audio[0], loud.streams.audio[0]
        taken = [*quiet.demux(), *loud.demux(sounds[1])]
        into = {
            stream: container.add_stream_from_template(stream)
            for stream in (quiet.streams.video[0], *sounds)
        }
        for k, sound in enumerate(sounds):
            into[sound].disposition = Disposition.default if k == default else Disposition(0)
        for packet in taken:
            if packet.size:
                packet.stream = into[packet.stream]
                container.mux(packet)
    assert _heard(path)[1].status == status
    (remark,) = open_decoder(path, "pyav").remarks
    assert remark.text == f"it holds 2 sound tracks; only number {default + 1} is listened to"


def test_sound_alone_can_be_listened_to(tmp_path: Path) -> None:
    assert _heard(write_audio(tmp_path / "sound.mp4"))[1].status == "silent"


def test_damaged_sound_is_read_as_far_as_possible(tmp_path: Path) -> None:
    whole = write_sounding(tmp_path / "whole.ts", [(0, vowels(10))], pictures_s=(0, 10))
    broken = damaged(whole, tmp_path / "broken.ts", start=0.4, share=0.2)
    blocks, end = _heard(broken)
    assert blocks[-1].start_s + len(blocks[-1].samples) / SAMPLE_RATE_HZ > 9
    assert end.status == "heard"
    short = cut_off(whole, tmp_path / "short.ts", 0.5)
    assert 3 < sum(len(b.samples) for b in _heard(short)[0]) / SAMPLE_RATE_HZ < 7


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "list.mp4"
    path.write_text("#EXTM3U\n#EXTINF:1,\n/etc/passwd\n")
    with pytest.raises(VideoError, match="playlist"):
        list(listen(path))


def test_it_comes_through_the_decoding_process(tmp_path: Path) -> None:
    path = write_sounding(tmp_path / "clip.mp4", [(0, _tone(2))], pictures_s=(0, 2))
    with DecodingProcess() as process:
        *blocks, end = process.listen(path)
        assert end == SoundEnd(status="heard")
        here, _ = _heard(path)
        for there, block in zip(blocks, here, strict=True):
            assert isinstance(there, SoundBlock)
            assert np.array_equal(there.samples, block.samples)
        with pytest.raises(VideoError):
            list(process.listen(tmp_path / "absent.mp4"))
        process.describe(path, backend="pyav")
        before = process.pid
        list(process.listen(path))
        process.describe(path, backend="pyav")
        assert process.pid == before  # it goes on, also after it has listened
        next(process.listen(path))  # left in the middle
        assert process.describe(path, backend="pyav").width_px == 64

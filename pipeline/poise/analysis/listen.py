"""Listening to a recording: voices, and whether the mouth that is seen moves with them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from poise.analysis.context import AnalysisContext
from poise.analysis.crop_file import CropFile
from poise.faces.mouth import mouth_motion, mouth_profiles
from poise.media.voice_activity import WINDOW_S, Voice, hear
from poise.spoken import Sound, Turn
from poise.timeline.speech import (
    find_turns,
    heard_spans,
    look_pairs,
    speaking_at,
    unheard,
    voiced_stretches,
)
from poise.types import FloatArray, IntArray, TimeArray

_COMPARED_AT_ONCE = 256


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What was heard, and seen of a mouth.

    Args:
        sound: What was heard.
        speaking: Who speaks in each sampled frame, int8 [F]; None where nothing can be heard.
    """

    sound: Sound
    speaking: npt.NDArray[np.int8] | None


def listen(
    path: Path,
    context: AnalysisContext,
    crops: CropFile,
    pts_s: TimeArray,
    face_frame: IntArray,
    face_crop: IntArray,
    track_id: IntArray,
) -> Heard:
    """Who speaks when. Whatever is wrong with the sound, the rest of the analysis goes on.

    Args:
        path: The recording.
        context: Decoding process and settings.
        crops: Aligned crops of all faces.
        pts_s: Of the sampled frames, float64 [F].
        face_frame: Rows, among the F, of the frames that show the candidate, int64 [J].
        face_crop: Rows of the candidate's crops, int64 [J].
        track_id: Face tracks of the candidate there, int64 [J].
    """
    look_s, motion = _looks(crops, pts_s[face_frame], face_crop, track_id)
    sound, voice = _heard(path, context)
    turns: tuple[Turn, ...] = ()
    speaking = None
    if voice is not None:
        stretches = voiced_stretches(voice.start_s, voice.probability, WINDOW_S)
        turns = _in_milliseconds(find_turns(stretches, look_s, motion))
        speaking = speaking_at(pts_s.round(3), turns, heard_spans(voice.start_s, WINDOW_S))
    besides = _in_milliseconds(unheard(turns, look_s, motion))
    return Heard(sound=replace(sound, turns=turns, unheard=besides), speaking=speaking)


def _in_milliseconds(turns: list[Turn]) -> tuple[Turn, ...]:
    """In whole ones, as tables have them."""
    return tuple(
        replace(turn, start_s=round(turn.start_s, 3), end_s=round(turn.end_s, 3)) for turn in turns
    )


def _heard(path: Path, context: AnalysisContext) -> tuple[Sound, Voice | None]:
    """What the sound is like, and where there is voice; None where nothing can be heard."""
    if not context.settings.sound:
        return Sound(status="off"), None
    try:
        voice = hear(context.decoding.listen(path))
    except (OSError, RuntimeError, ValueError) as error:  # the picture is worth more than the sound
        return Sound(status="broken", detail=f"the sound could not be heard ({error})"), None
    sound = Sound(status=voice.status, detail=voice.detail, chapters=voice.chapters)
    return sound, voice if len(voice.start_s) and voice.status != "silent" else None


def _looks(
    crops: CropFile, pts_s: TimeArray, rows: IntArray, track_id: IntArray
) -> tuple[TimeArray, FloatArray]:
    """Middle and motion of each comparison of two looks at the mouth; crops are read in parts."""
    earlier, later = look_pairs(pts_s, track_id)
    motion = np.empty(len(earlier), np.float32)
    for start in range(0, len(earlier), _COMPARED_AT_ONCE):
        part = slice(start, start + _COMPARED_AT_ONCE)
        first, last = int(earlier[part][0]), int(later[part][-1]) + 1
        profiles = mouth_profiles(crops.read(rows[first:last].tolist()))
        motion[part] = mouth_motion(profiles[earlier[part] - first], profiles[later[part] - first])
    return (pts_s[earlier] + pts_s[later]) / 2, motion

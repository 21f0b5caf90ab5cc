"""The choice of the face tracks that show the candidate.

No face is identified: what joins tracks across a gap is where the face is, how large it is, and how
alike the aligned crops are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from poise.types import FloatArray, Image, IntArray

_MAX_SIZE_RATIO = 1.7
_MIN_LIKENESS = 0.4
_MIN_LIKENESS_ELSEWHERE = 0.6
_SAME_PLACE = 2.0  # of the side
_MIN_CONFIDENCE = 0.9  # patterns on cloth are found as faces, too, but less surely
_MIN_CONFIDENCE_ONCE = 0.98  # of what is seen in a single frame


@dataclass(frozen=True, kw_only=True)
class FaceTrack:
    """One face through time.

    Args:
        track_id: As given by `Tracker`.
        rows: Its faces, as positions in the list of all faces, int64 [K], in order of time.
        frames: Its frames, int64 [K].
        side_px: Median height of its boxes.
        centre: Median place of its centre, as shares of the frame's width and height, [2].
        place_px: The same in pixels, [2].
        appearance: Mean aligned crop, standardised, float32 [P].
    """

    track_id: int
    rows: IntArray
    frames: IntArray
    side_px: float
    centre: npt.NDArray[np.float64]
    place_px: npt.NDArray[np.float64]
    appearance: FloatArray

    def prominence(self, frame_height_px: int) -> float:
        """Presence, size and position in one figure: the candidate's is the highest."""
        distance = float(np.abs(self.centre - [0.5, 0.45]).max())
        position = float(np.exp(-((distance / 0.4) ** 2)))
        size = float(np.sqrt(self.side_px / frame_height_px))
        return len(self.rows) * size * (0.4 + 0.6 * position)


def gather_tracks(
    track_id: IntArray,
    frame: IntArray,
    boxes_xyxy_px: FloatArray,
    appearance: npt.NDArray[np.floating],
    frame_size_px: tuple[int, int],
) -> list[FaceTrack]:
    """Collect faces into tracks.

    Args:
        track_id, frame: Track and frame of each face, int64 [M].
        boxes_xyxy_px: float32 [M, 4].
        appearance: Standardised thumbnails, float32 [M, P].
        frame_size_px: Width and height of the frame.
    """
    tracks = []
    for identifier in np.unique(track_id):
        rows = np.flatnonzero(track_id == identifier)
        boxes = boxes_xyxy_px[rows]
        place = np.median((boxes[:, :2] + boxes[:, 2:]) / 2, axis=0)
        tracks.append(
            FaceTrack(
                track_id=int(identifier),
                rows=rows,
                frames=frame[rows],
                side_px=float(np.median(boxes[:, 3] - boxes[:, 1])),
                centre=place / np.array(frame_size_px),
                place_px=place,
                appearance=standardised(appearance[rows].mean(axis=0, dtype=np.float32)),
            )
        )
    return tracks


def choose_candidate(tracks: list[FaceTrack], frame_height_px: int) -> list[FaceTrack]:
    """The tracks that show the candidate, the most prominent first.

    The most prominent track starts; tracks that share no frame with it are joined, longest first,
    where size, place and appearance speak for the same face.
    """
    by_prominence = sorted(tracks, key=lambda t: -t.prominence(frame_height_px))
    if not by_prominence:
        return []
    chosen = by_prominence[:1]
    frames = set(chosen[0].frames.tolist())
    for track in sorted(by_prominence[1:], key=lambda t: -len(t.rows)):
        if frames.isdisjoint(track.frames.tolist()) and _same_face(chosen[0], track):
            chosen.append(track)
            frames.update(track.frames.tolist())
    return chosen


def thumbnails(crops: Image) -> FloatArray:
    """Standardised 12x12 gray thumbnails of aligned crops, float32 [M, 144].

    Args:
        crops: uint8 [M, S, S, 3], S a multiple of 12 or cut to one.
    """
    side = crops.shape[1] // 12 * 12
    gray = crops[:, :side, :side].mean(axis=3, dtype=np.float32)
    blocks = gray.reshape(len(crops), 12, side // 12, 12, side // 12).mean(axis=(2, 4))
    return standardised(blocks.reshape(len(crops), 144))


def standardised(values: FloatArray) -> FloatArray:
    """Zero mean and unit length along the last axis, so that products are correlations."""
    centred = values - values.mean(axis=-1, keepdims=True)
    length = np.linalg.norm(centred, axis=-1, keepdims=True)
    return np.asarray(centred / np.maximum(length, 1e-6), np.float32)


def of_people(track_id: IntArray, detection_confidence: FloatArray) -> npt.NDArray[np.bool_]:
    """Which faces belong to tracks that are sure to be of people, bool [M].

    Args:
        track_id: int64 [M].
        detection_confidence: float32 [M].
    """
    sure = []
    for track in np.unique(track_id):
        confidence = detection_confidence[track_id == track]
        least = _MIN_CONFIDENCE if len(confidence) > 1 else _MIN_CONFIDENCE_ONCE
        if np.median(confidence) >= least:
            sure.append(track)
    return np.isin(track_id, sure)


def frames_with_others(
    frame: IntArray, is_candidate: npt.NDArray[np.bool_], count: int
) -> IntArray:
    """How many faces beside the candidate's each frame shows, int64 [count]."""
    return np.bincount(frame[~is_candidate], minlength=count).astype(np.int64)


def _same_face(candidate: FaceTrack, track: FaceTrack) -> bool:
    ratio = candidate.side_px / track.side_px
    if not 1 / _MAX_SIZE_RATIO <= ratio <= _MAX_SIZE_RATIO:
        return False
    likeness = float(candidate.appearance @ track.appearance)
    shift = float(np.abs(candidate.place_px - track.place_px).max())
    near = shift <= _SAME_PLACE * candidate.side_px
    return likeness >= (_MIN_LIKENESS if near else _MIN_LIKENESS_ELSEWHERE)

"""Turn the NASA portrait of scikit-image into a face that can change its expression.

Everything is placed in *portrait pixels*: the coordinates of the 512 x 512 picture that
``skimage.data.astronaut()`` returns, x to the right, y down. Each output pixel is traced
back through placement, head pose, brows, lids and mouth to the pixel it shows, so that a
frame is sampled once and stays sharp. Where bending is not enough (the closed mouth, the
furrow between the brows), a few soft strokes are painted over it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import data

Floats = NDArray[np.floating[Any]]
Image = NDArray[np.uint8]

ROWS = 345  # rows of the portrait in use; below them a helmet hides the body
TEXTURE_SCALE = 2  # the portrait is enlarged once, so that sampling loses little
FACE_BOX = (176, 76, 273, 184)  # left, top, right, bottom of what an expression may move
NECK_BASE = (222.0, 196.0)  # the head turns about this point
MOUTH_CENTRE = 223.7
FOLDS = (  # the creases that a smile draws from the nose to the sides of the mouth
    ((209, 121), (203, 128), (198, 133), (196, 139)),
    ((237, 121), (243, 129), (248, 134), (250, 139), (248, 144)),
)
CHEEK_LIGHTS = (((198, 120), (7, 6)), ((244, 119), (4, 5)))  # centres, radii

# Knots across the mouth: -1 and 1 are its corners. Rows of the lips in the portrait ...
LIP_U = (-1.0, -0.82, -0.64, -0.45, -0.26, 0.0, 0.2, 0.4, 0.58, 0.77, 1.0)
SMILING_LIPS = (
    (139.0, 139.2, 139.1, 138.9, 138.8, 140.2, 139.6, 139.4, 139.5, 139.6, 139.7),
    (139.3, 140.2, 141.4, 142.4, 143.2, 143.6, 143.3, 142.3, 141.2, 140.3, 140.0),
    (139.7, 143.0, 146.4, 148.5, 149.3, 149.8, 149.2, 148.2, 146.2, 143.5, 140.3),
    (140.2, 145.3, 149.0, 151.6, 153.0, 154.0, 153.6, 152.2, 149.8, 146.5, 140.7),
)
# ... and how far the closed lips reach above and below the line between them.
UPPER_LIP = (0.2, 1.3, 2.3, 3.2, 4.0, 3.5, 4.0, 3.3, 2.4, 1.4, 0.2)
PARTED = (-0.8, -1.1, 7.5, 8.0)  # how far the mouth that speaks moves the four lip edges
LOWER_LIP = (0.2, 1.2, 2.5, 3.8, 4.7, 5.0, 4.8, 4.0, 2.8, 1.4, 0.2)

# Rows of the lids at some columns, and the row from which the skin above is stretched.
EYES = (
    (
        (190.0, 192.0, 196.0, 200.0, 204.0, 208.0, 212.0, 214.5),
        (100.6, 100.3, 97.8, 96.8, 97.0, 98.4, 101.8, 103.2),
        (101.0, 101.5, 103.5, 104.4, 104.6, 104.2, 103.2, 103.4),
    ),
    (
        (234.5, 237.0, 240.0, 244.0, 248.0, 252.0, 256.0, 259.5),
        (104.0, 103.8, 101.2, 99.4, 99.2, 100.2, 101.8, 103.0),
        (104.4, 104.8, 105.8, 106.6, 106.8, 106.1, 104.8, 103.5),
    ),
)
LEFT_BROW = ((189.5, 90.0), (197.0, 88.2), (204.5, 89.3), (212.0, 92.0))
RIGHT_BROW = ((237.5, 93.2), (246.0, 92.0), (254.0, 92.2), (262.0, 95.5))
LEFT_FROWN = ((0.7, 1.3), (1.5, 3.5), (2.9, 5.7), (4.6, 6.0))
RIGHT_FROWN = ((-4.6, 6.0), (-2.9, 5.9), (-1.5, 3.9), (-0.7, 1.8))


@dataclass(frozen=True, kw_only=True)
class Look:
    """What the face shows.

    valence: 1 smiles with open lips, 0 is neutral, -1 frowns, and less more so.
    blink: 0 open, 1 shut.
    opening: how far speaking parts the lips, 0 to 1.
    """

    valence: float = 0.0
    blink: float = 0.0
    opening: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Pose:
    """Where a person stands in the frame, and how the head is held.

    centre_px: where ``NECK_BASE`` lies in the frame; scale: frame pixels per portrait
    pixel; tilt_deg: head turned in the picture plane, clockwise; yaw, nod: portrait pixels
    by which the middle of the face moves against the hair; mirrored: left and right swap.
    """

    centre_px: tuple[float, float]
    scale: float
    tilt_deg: float = 0.0
    yaw: float = 0.0
    nod: float = 0.0
    mirrored: bool = False


def bump(x: Floats, middle: float | Floats, width: float) -> Floats:
    """Return the bell exp(-((x - middle) / width)^2 / 2), 1 at its middle."""
    return np.asarray(np.exp(-0.5 * ((x - middle) / width) ** 2), np.float32)


def along(x: Floats, columns: Sequence[float], values: Sequence[float]) -> Floats:
    """Interpolate ``values`` given at ``columns`` at every x, constant beyond the ends."""
    return np.asarray(np.interp(x, columns, values), np.float32)


def piecewise_rows(y: Floats, target: list[Floats], source: list[Floats]) -> Floats:
    """Map rows so that each target knot shows its source knot; linear between them.

    Args:
        y: rows to map [H, W].
        target: knots in ascending order, each [H, W]; beyond the first and the last,
            rows stay where they are.
        source: what the knots map to, as many as ``target``.

    Returns:
        The mapped rows [H, W].
    """
    result = y.copy()
    for k in range(len(target) - 1):
        inside = (y >= target[k]) & (y < target[k + 1])
        part = (y - target[k]) / np.maximum(target[k + 1] - target[k], 1e-3)
        mapped = source[k] + part * (source[k + 1] - source[k])
        result = np.where(inside, mapped, result)
    return result


def person_mask(portrait: Image) -> Floats:
    """Cut the person out of the studio background with GrabCut; alpha [ROWS, 512] in 0..1."""
    mask = np.full((ROWS, portrait.shape[1]), cv2.GC_PR_BGD, np.uint8)
    for top, bottom, left, right in (
        (0, ROWS, 0, 18), (0, ROWS, 365, 512), (0, 10, 0, 512), (0, 140, 0, 140),
        (0, 140, 315, 512), (0, 215, 0, 95), (0, 270, 0, 50), (0, 215, 330, 512),
    ):  # fmt: skip
        mask[top:bottom, left:right] = cv2.GC_BGD
    body = ((110, 190), (190, 148), (262, 180), (306, 240), (345, 260), (360, ROWS),
            (25, ROWS), (50, 270))  # fmt: skip
    core = ((135, 180), (185, 155), (255, 185), (295, 235), (320, 260), (340, ROWS),
            (50, ROWS), (70, 270))  # fmt: skip
    cv2.ellipse(mask, (226, 95), (70, 75), 0, 0, 360, cv2.GC_PR_FGD, -1)
    cv2.fillPoly(mask, [np.array(body, np.int32)], cv2.GC_PR_FGD)
    cv2.fillPoly(mask, [np.array(core, np.int32)], cv2.GC_FGD)
    cv2.ellipse(mask, (226, 95), (55, 62), 0, 0, 360, cv2.GC_FGD, -1)
    cv2.setRNGSeed(0)
    bgr = np.ascontiguousarray(portrait[:ROWS, :, ::-1])
    no_box, colours, more_colours = (0, 0, 1, 1), np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(bgr, mask, no_box, colours, more_colours, 5, cv2.GC_INIT_WITH_MASK)
    person = np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)
    soft = np.asarray(cv2.GaussianBlur(person, (0, 0), 0.9), np.float32)
    return np.asarray(np.clip(soft * 1.5 - 0.45, 0, 1), np.float32)


def without_folds(portrait: Image) -> Image:
    """Return the portrait with the smile's creases and lit cheeks smoothed away."""
    crease = np.zeros(portrait.shape[:2], np.uint8)
    for fold in FOLDS:
        cv2.polylines(crease, [np.array(fold, np.int32)], False, 255, 6, cv2.LINE_AA)
    for centre, radii in CHEEK_LIGHTS:
        cv2.ellipse(crease, centre, radii, 0, 0, 360, 255, -1)
    keep = np.zeros(portrait.shape[:2], np.float32)
    left, top, right, bottom = FACE_BOX
    keep[top:bottom, left:right] = 1
    keep[134:156, 202:247] = 0  # the lips must not bleed into the skin
    keep[crease > 20] = 0
    total = cv2.GaussianBlur(portrait.astype(np.float32) * keep[..., None], (0, 0), 4)
    filled = total / np.maximum(cv2.GaussianBlur(keep, (0, 0), 4), 1e-3)[..., None]
    weight = cv2.GaussianBlur(crease, (0, 0), 1.2).astype(np.float32)[..., None] / 255
    return np.clip(portrait * (1 - weight) + filled * weight, 0, 255).astype(np.uint8)


def recoloured(portrait: Image) -> Image:
    """Return the portrait as another person: dark hair, blue suit, warmer skin."""
    hsv = cv2.cvtColor(portrait, cv2.COLOR_RGB2HSV)
    rows, columns = np.mgrid[: portrait.shape[0], : portrait.shape[1]].astype(np.float32)
    face = ((columns - 222) / 47) ** 2 + ((rows - 128) / 62) ** 2 < 1
    hair = (~face & (rows < 136)).astype(np.float32)
    hair[np.hypot((columns - 222) / 46, (rows - 62) / 20) < 1] = 1
    hair = cv2.GaussianBlur(hair, (0, 0), 2.5)[..., None]
    suit = ((hsv[..., 0] < 14) & (hsv[..., 1] > 120) & (rows > 175)).astype(np.float32)
    suit = cv2.GaussianBlur(suit, (0, 0), 0.8)[..., None]
    gray = cv2.cvtColor(portrait, cv2.COLOR_RGB2GRAY).astype(np.float32)[..., None]
    result = portrait.astype(np.float32) * np.array((0.93, 0.88, 0.84), np.float32)
    result += hair * (gray * np.array((0.42, 0.34, 0.30), np.float32) - result)
    result += suit * (gray * np.array((0.45, 0.62, 0.95), np.float32) - result)
    return np.clip(result, 0, 255).astype(np.uint8)


def enlarged(portrait: Image, alpha: Floats) -> Image:
    """Enlarge to the texture: RGB premultiplied by alpha, and alpha; uint8 [H, W, 4]."""
    size = (portrait.shape[1] * TEXTURE_SCALE, ROWS * TEXTURE_SCALE)
    colour = cv2.resize(portrait[:ROWS], size, interpolation=cv2.INTER_CUBIC)
    opacity = cv2.resize(alpha, size, interpolation=cv2.INTER_LINEAR)[..., None]
    return np.concatenate([colour * opacity, opacity * 255], axis=2).round().astype(np.uint8)


class Puppet:
    """The portrait, ready to be drawn with any look and pose."""

    def __init__(self, *, other_person: bool = False) -> None:
        """Prepare the textures; ``other_person`` changes the colours of hair and suit."""
        portrait: Image = data.astronaut()  # type: ignore[no-untyped-call]
        alpha = person_mask(portrait)
        versions = portrait, without_folds(portrait)
        if other_person:
            versions = recoloured(versions[0]), recoloured(versions[1])
        self._smiling, self._relaxed = (enlarged(version, alpha) for version in versions)

    def draw(self, frame: Image, pose: Pose, look: Look) -> Image:
        """Return ``frame`` (RGB uint8 [H, W, 3]) with the person drawn over it."""
        height, width = frame.shape[:2]
        columns, rows = np.meshgrid(np.arange(width), np.arange(height))
        x = (columns.astype(np.float32) - pose.centre_px[0]) / pose.scale
        y = (rows.astype(np.float32) - pose.centre_px[1]) / pose.scale + NECK_BASE[1]
        x, y = turn_head((-x if pose.mirrored else x) + NECK_BASE[0], y, pose)
        left, top, right, bottom = FACE_BOX
        face = (x > left) & (x < right) & (y > top) & (y < bottom)
        if not face.any():
            return paste(frame, self._sample(self._smiling, x, y))
        where = np.ix_(
            *(np.arange(i.min(), i.max() + 1) for i in (np.nonzero(face)[0], np.nonzero(face)[1]))
        )
        fx, fy = x[where], y[where]
        x[where], y[where] = bend_face(fx, fy, look)
        layer = self._sample(self._smiling, x, y)
        relaxing = 1 - look.valence if look.valence > 0 else 1 + 0.5 * look.valence
        if relaxing > 0:
            relaxed = self._sample(self._relaxed, x[where], y[where])
            layer[where] += relaxing * (relaxed - layer[where])
        layer[where] = paint_face(layer[where], fx, fy, look)
        return paste(frame, layer)

    @staticmethod
    def _sample(texture: Image, x: Floats, y: Floats) -> Floats:
        """Sample the texture at portrait positions; float32 [H, W, 4]."""
        columns = np.asarray(x * TEXTURE_SCALE + 0.5, np.float32)
        rows = np.asarray(y * TEXTURE_SCALE + 0.5, np.float32)
        sampled = cv2.remap(texture, columns, rows, cv2.INTER_LINEAR)  # empty outside
        return np.asarray(sampled, np.float32)


def paste(frame: Image, layer: Floats) -> Image:
    """Lay a premultiplied RGBA layer (0..255) over a frame."""
    result = frame * (1 - layer[..., 3:] / 255) + layer[..., :3]
    return np.clip(result + 0.5, 0, 255).astype(np.uint8)


def turn_head(x: Floats, y: Floats, pose: Pose) -> tuple[Floats, Floats]:
    """Undo the head's tilt, yaw and nod; the body (below the collar) stays as it is."""
    weight = 1 / (1 + np.exp((y - 186 - 0.0006 * (x - 222) ** 2) / 9))
    angle = weight * np.float32(np.radians(pose.tilt_deg))
    dx, dy = x - NECK_BASE[0], y - NECK_BASE[1]
    x = NECK_BASE[0] + np.cos(angle) * dx + np.sin(angle) * dy
    y = NECK_BASE[1] - np.sin(angle) * dx + np.cos(angle) * dy
    depth = bump(x, 223, 30) * bump(y, 125, 36)
    return x - pose.yaw * depth, y - pose.nod * depth


def bend_face(x: Floats, y: Floats, look: Look) -> tuple[Floats, Floats]:
    """Return the portrait position that each position of the bent face shows."""
    left, top, right, bottom = FACE_BOX
    inside = np.clip(np.minimum.reduce([x - left, right - x, y - top, bottom - y]) / 6, 0, 1)
    brow_x, brow_y = move_brows(x, y, look)
    bent_x, bent_y = bend_mouth(brow_x, bend_eyes(brow_x, brow_y, look), look)
    return x + inside * (bent_x - x), y + inside * (bent_y - y)


def brow_points(look: Look) -> Floats:
    """Return the brows' eight points; a smile has raised them, a frown lowers them."""
    frown = 0.25 + 0.75 * -look.valence if look.valence < 0 else 0.25 * (1 - look.valence)
    rest = np.array(LEFT_BROW + RIGHT_BROW, np.float32)
    return rest + np.float32(frown) * np.array(LEFT_FROWN + RIGHT_FROWN, np.float32)


def move_brows(x: Floats, y: Floats, look: Look) -> tuple[Floats, Floats]:
    """Draw the brows together and down, by Gaussian displacements fitted to their points."""
    targets = brow_points(look)
    moves = targets - brow_points(Look(valence=1))
    apart = targets[:, None] - targets[None]
    kernel = np.exp(-0.5 * (apart**2).sum(axis=2) / 5.5**2) + 0.02 * np.eye(len(targets))
    weights = np.linalg.solve(kernel, moves)
    dx, dy = np.zeros_like(x), np.zeros_like(y)
    for (px, py), (wx, wy) in zip(targets, weights, strict=True):
        bell = bump(x, px, 5.5) * bump(y, py, 5.5)
        dx += np.float32(wx) * bell
        dy += np.float32(wy) * bell
    return x - dx, y - dy


def bend_eyes(x: Floats, y: Floats, look: Look) -> Floats:
    """Lower the upper lids and move the lower ones; return the rows to show."""
    smile, frown = max(look.valence, 0.0), max(-look.valence, 0.0)
    for columns, upper, lower in EYES:
        upper_row, lower_row = along(x, columns, upper), along(x, columns, lower)
        opening = np.maximum(lower_row - upper_row, 0)
        fade = bump(np.maximum(np.abs(x - sum(columns) / len(columns)) - 11, 0), 0, 2.5)
        fall = (0.2 * (1 - smile) - 0.3 * frown) * (1 - look.blink) * fade
        drop = max(look.blink, 0.13 * (1 - smile) + 0.12 * frown) * (opening + 0.2) * fade
        lash, above, below = 1.7, upper_row - 7, lower_row + 8
        target = [above, upper_row - lash + drop, upper_row + drop, lower_row + fall, below]
        source = [above, upper_row - lash, upper_row, lower_row, below]
        y = np.where(fade > 0.01, piecewise_rows(y, target, source), y)
    return y


def lip_rows(u: Floats, look: Look) -> list[Floats]:
    """Return where the four lip edges lie at mouth positions u (-1 and 1: corners)."""
    smile, frown = max(look.valence, 0.0), max(-look.valence, 0.0)
    arch = np.minimum(np.abs(u), 1.25) ** 2
    line = 147.2 + 0.5 * u + 2.1 * arch + frown * (5.1 * arch - 2.6)
    upper, lower = (along(u, LIP_U, lip) for lip in (UPPER_LIP, LOWER_LIP))
    shut = [line - upper * (1 - 0.25 * frown), line - 0.25, line + 0.25, line + lower]
    wide = [along(u, LIP_U, edge) for edge in SMILING_LIPS]
    rows = [w * smile + s * (1 - smile) for w, s in zip(wide, shut, strict=True)]
    if look.opening > 0:  # the jaw takes the lower lip along, less so towards the corners
        drop = look.opening * np.clip(1 - arch, 0, 1)
        parts = zip(rows, PARTED, strict=True)
        rows = [row + np.asarray(drop * part, np.float32) for row, part in parts]
    return rows


def mouth_half_width(look: Look) -> float:
    """Return half the distance between the corners of the mouth."""
    return 15.7 + 5.6 * max(look.valence, 0.0) - 0.6 * min(look.valence, 0.0)


def bend_mouth(x: Floats, y: Floats, look: Look) -> tuple[Floats, Floats]:
    """Close the lips, narrow the mouth and set its corners; return where to look."""
    if look.valence >= 1 and look.opening == 0:
        return x, y
    half, reach = mouth_half_width(look), 38.0
    away = np.abs(x - MOUTH_CENTRE)
    u = (x - MOUTH_CENTRE) / np.float32(half)
    wide_half = mouth_half_width(Look(valence=1))
    widened = np.interp(away, (0, half, reach, 999), (0, wide_half, reach, 999))
    near = np.clip((y - 124) / 16, 0, 1) * np.clip((174 - y) / 18, 0, 1)
    shift = np.sign(x - MOUTH_CENTRE) * (widened - away) * near * near * (3 - 2 * near)
    target, source = lip_rows(u, look), lip_rows(u, Look(valence=1))
    fade = np.clip((reach - away) / (reach - half), 0, 1)
    fade = fade * fade * (3 - 2 * fade)
    beside = np.abs(u) > 1
    source = [np.where(beside, t + fade * (s - t), s) for t, s in zip(target, source, strict=True)]
    above = 132 - 12 * np.clip(np.abs(u) - 0.5, 0, 1)
    below = np.full_like(x, 174)
    rows = piecewise_rows(y, [above, *target, below], [above, *source, below])
    return x + shift, rows


def paint_face(layer: Floats, x: Floats, y: Floats, look: Look) -> Floats:
    """Paint what bending cannot make: the line of the closed lips, shadows, the furrow."""
    smile, frown = max(look.valence, 0.0), max(-look.valence, 0.0)
    u = (x - MOUTH_CENTRE) / mouth_half_width(look)
    edges = lip_rows(u, look)
    line, lower_edge = (edges[1] + edges[2]) / 2, edges[3]
    ends = np.clip((1.05 - np.abs(u)) / 0.14, 0, 1)
    seam = (1 - smile) ** 2 * ends * np.exp(-(((y - line) / 0.95) ** 2))
    if look.opening > 0:  # no line between parted lips, but the dark of the mouth
        inside = np.clip(np.minimum(y - edges[1], edges[2] - y) / 0.8 + 0.5, 0, 1)
        seam = np.maximum(
            seam * (1 - look.opening), 0.75 * min(1.0, 2 * look.opening) * inside * ends
        )
    colour = layer[..., :3] + 0.8 * seam[..., None] * (
        np.array((104, 48, 44), np.float32) - layer[..., :3]
    )
    shade = (1 - smile) * 0.18 * bump(u, 0, 0.45) * np.exp(-(((y - lower_edge - 2.2) / 1.8) ** 2))
    for side in (-1, 1):
        corner = bump(u, side * 1.03, 0.08) * np.exp(-(((y - line - 0.5) / 1.6) ** 2))
        droop = bump(u, side * (1.1 + 0.02 * (y - line)), 0.09) * bump(y - line, 3, 2.6)
        shade = shade + (1 - smile) * 0.2 * corner + 0.28 * frown * droop
        furrow = bump(x, 224.6 + side * (3.2 + 0.1 * (94 - y)), 1.3) * bump(y, 96.0, 2.8)
        fold = bump(x, 224 + side * (14.5 + 0.55 * (y - 124)), 1.6) * bump(y, 132, 6)
        shade = shade + frown * (0.42 * furrow + 0.28 * fold)
    for columns, _, lower in EYES:
        lashes = along(x, columns, lower) - 0.3
        within = bump(np.maximum(np.abs(x - sum(columns) / len(columns)) - 9, 0), 0, 1.2)
        shade = shade + 0.6 * look.blink**2 * within * np.exp(-(((y - lashes) / 0.9) ** 2))
    brows = brow_points(look)
    for points in (brows[:4], brows[4:]):
        px, py = points[:, 0], points[:, 1]
        distance = y - along(x, list(px), list(py))
        within = bump(np.maximum(np.abs(x - px.mean()) - np.ptp(px) / 2 + 1.5, 0), 0, 1.2)
        shade = shade + (0.14 + 0.24 * frown) * within * np.exp(-((distance / 1.5) ** 2))
    colour *= 1 - np.clip(shade, 0, 0.8)[..., None] * np.array((0.72, 1.0, 1.1), np.float32)
    return np.concatenate([colour, layer[..., 3:]], axis=2)

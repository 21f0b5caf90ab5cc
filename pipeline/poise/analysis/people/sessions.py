"""Sessions: whether the recordings of a candidate show one person.

Embeddings that were stored are compared; nothing is decoded.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from poise.faces.candidate import TWO_ALIKE, TWO_PRESENT
from poise.identity_findings import IdentityFindings
from poise.types import FloatArray

SAME_PERSON = 0.40
"""Distance of the mean embeddings of two recordings, at most, for them to show the same person.

Means of two pictures of other days (LFW): 4 % of one person's lie further apart, 0.02 % of
different people's closer; means of ten pictures of actors of one origin in the same light: none
and 9 %.
"""

NOT_THE_SAME = "not_the_same"
"""Why it is not sure who a recording shows: its face is not the one of the candidate's others."""

IN_BOTH = "in_both"
"""Why it is not sure: who is taken for the candidate here is somebody else's neighbour there."""


def doubts(found: Mapping[str, IdentityFindings]) -> dict[str, str]:
    """Recordings of one candidate of which it is not sure whom they show.

    A recording's own doubt comes first; that two people are seen in it is settled where the one
    that was taken, and not the other, is the one of a sure recording. Of those that disagree, the
    ones that agree with a portrait stand, else the larger part that agrees among itself; of two
    equal parts none does.

    Args:
        found: What was found of who is seen, by recording; those that were not compared have no
            embedding.

    Returns:
        By recording, one of the codes in `poise.faces.candidate` or of this module; a recording
        that is sure is absent.
    """
    result = {name: own.doubt for name, own in found.items() if own.doubt}
    names = [name for name, own in found.items() if len(own.embedding) and name not in result]
    if not names:
        return result
    embeddings = np.concatenate([found[name].embedding for name in names])
    alike = _distances(embeddings, embeddings) <= SAME_PERSON
    standing = sorted(_standing(alike, [found[name].by_portrait for name in names]))
    for name in [name for name, doubt in result.items() if doubt in (TWO_ALIKE, TWO_PRESENT)]:
        own = found[name]
        if _shows(own.embedding, embeddings[standing]) and not _shows(
            own.others, embeddings[standing]
        ):
            del result[name]
    for k, name in enumerate(names):
        if k in standing or found[name].by_portrait:
            continue
        result[name] = IN_BOTH if _is_neighbour(found, name, names) else NOT_THE_SAME
    return result


def _standing(alike: npt.NDArray[np.bool_], by_portrait: list[bool]) -> set[int]:
    """Which recordings are sure to show the candidate."""
    sure = np.flatnonzero(by_portrait)
    if len(sure):
        return set(np.flatnonzero(alike[sure].any(axis=0)).tolist())
    groups = sorted(_groups(alike), key=len, reverse=True)
    if len(groups) > 1 and len(groups[0]) == len(groups[1]):
        return set()
    return groups[0]


def _groups(alike: npt.NDArray[np.bool_]) -> list[set[int]]:
    """Recordings connected by likeness: a face changes from session to session, step by step."""
    left, groups = set(range(len(alike))), []
    while left:
        group, edge = set(), {min(left)}
        while edge:
            group |= edge
            edge = {int(k) for j in edge for k in np.flatnonzero(alike[j])} - group
        groups.append(group)
        left -= group
    return groups


def _is_neighbour(found: Mapping[str, IdentityFindings], name: str, names: list[str]) -> bool:
    """Whether the face taken for the candidate in a recording stands beside it in another."""
    own = found[name].embedding
    return any(_shows(own, found[other].others) for other in names if other != name)


def _shows(first: FloatArray, second: FloatArray) -> bool:
    """Whether one of some faces is one of the others."""
    return bool((_distances(first, second) <= SAME_PERSON).any())


def _distances(first: FloatArray, second: FloatArray) -> FloatArray:
    """Distance of each embedding, float32 [M, 128], to each of others, [K, 128]: float32 [M, K]."""
    return np.asarray(np.linalg.norm(first[:, None] - second[None], axis=2), np.float32)

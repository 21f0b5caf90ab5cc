"""How many recordings a machine can analyse at the same time."""

from __future__ import annotations

from poise.system.platform import available_memory_bytes, cores

PROCESS_BYTES = 1_100_000_000  # of a worker and its decoder, for recordings of about an hour


def suitable_jobs() -> int:
    """One process for each core, as far as there is memory for them."""
    free = available_memory_bytes()
    return cores() if free is None else min(cores(), _that_fit(free))


def crowding(jobs: int) -> list[str]:
    """Warnings if that many processes are more than the machine can compute with or hold.

    Args:
        jobs: As the user set it; 0: chosen by `suitable_jobs`.
    """
    there, free, needed = cores(), available_memory_bytes(), jobs * PROCESS_BYTES
    warnings = []
    if jobs > 2 * there:
        warnings.append(
            f"Warning: {jobs} processes on {there} cores are no faster than {there}, and may take "
            f"{needed / 1e9:.0f} GB of memory."
        )
    if free is not None and jobs > 1 and needed > free:
        warnings.append(
            f"Warning: {jobs} processes may need {needed / 1e9:.0f} GB of memory, and "
            f"{free / 1e9:.1f} GB are free: --jobs {_that_fit(free)} would do."
        )
    return warnings


def _that_fit(free: int) -> int:
    return max(1, free // PROCESS_BYTES)

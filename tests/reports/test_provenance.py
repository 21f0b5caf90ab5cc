"""Where a report comes from."""

from __future__ import annotations

from poise import __version__
from poise.reports.provenance import provenance
from poise.settings import Settings
from tests.factories import make_spec


def test_versions_are_those_of_the_processes_that_made_the_results() -> None:
    origins = [{"poise": "0.1", "torch": "2.6", "device": "cuda"}, {},
               {"poise": "0.2", "torch": "2.6"}]  # fmt: skip
    facts = provenance(Settings(), make_spec(), origins)
    assert (facts["poise"], facts["torch"], facts["device"]) == ("0.1, 0.2", "2.6", "cuda")
    assert "python" not in facts


def test_without_any_they_are_those_of_this_process() -> None:
    facts = provenance(Settings(sample_rate_hz=2.0), make_spec(), [{}])
    assert facts["poise"] == __version__ and {"python", "torch"} <= set(facts)
    assert "sample_rate_hz=2.0" in facts["parameters"]
    assert facts["model sha256"] == make_spec().sha256 and facts["model"].startswith("made up")

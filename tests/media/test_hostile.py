"""Files made to harm: a video, a JSON, a CSV, a TOML, a model, a name, a link.

`tests/README.md` says which test covers which case.
"""

from __future__ import annotations

import csv
import io
import json
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

import poise.media.decoders.sizes
import poise.media.decoders.streams
from poise.batch.intake.discovery import discover
from poise.errors import ModelError, PoiseError, SettingsError, VideoError
from poise.expression.artefact import load_model
from poise.expression.model_spec import read_spec
from poise.faces.photographs import load_picture
from poise.media.decoders.pyav import PyAVDecoder
from poise.media.reader import DecodingProcess
from poise.reports.tables import data_dictionary, write_table
from poise.settings import Settings, read_settings
from poise.storage.table_schema import Column, recordings_schema
from tests.clips import counting_clip, write_clip
from tests.conftest import ROOT

# A video


@pytest.mark.parametrize("backend", ["pyav", "decord"])
@pytest.mark.parametrize("kind", ["hls", "hls with a file", "concat", "dash", "sdp", "text"])
@pytest.mark.parametrize("suffix", [".mp4", ".ts"])
def test_a_playlist_in_the_guise_of_a_video_opens_nothing(
    tmp_path: Path, decoding: DecodingProcess, listener: tuple[int, list[str]],
    backend: str, kind: str, suffix: str,
) -> None:  # fmt: skip
    port, calls = listener
    secret = counting_clip(tmp_path / "outside" / "secret.mp4", range(0, 1000, 200))
    address = f"http://127.0.0.1:{port}/x.ts"
    text = {
        "hls": f"#EXTM3U\n#EXTINF:1,\n{address}\n#EXT-X-ENDLIST\n",
        "hls with a file": f"#EXTM3U\n#EXTINF:1,\nfile://{secret}\n#EXT-X-ENDLIST\n",
        "concat": f"ffconcat version 1.0\nfile '{secret}'\nfile '{address}'\n",
        "dash": '<?xml version="1.0"?><MPD profiles="urn:mpeg:dash:profile:isoff-on-demand:2011">'
        f"<BaseURL>{address}</BaseURL></MPD>",
        "sdp": f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video {port} RTP/AVP 96",
        "text": f"{address}\n" * 50,
    }[kind]
    path = tmp_path / "in" / f"a{suffix}"
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")
    with pytest.raises(VideoError, match="is a playlist or description") as caught:
        decoding.describe(path, backend=backend)
    assert "secret" not in str(caught.value)
    assert calls == []


def test_a_name_that_reads_like_an_address_is_a_file(
    tmp_path: Path, decoding: DecodingProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = counting_clip(tmp_path / "concat:a|b.mp4", range(0, 600, 200))
    for backend in ("pyav", "decord"):
        assert decoding.describe(path, backend=backend).width_px == 64


def test_frames_that_would_take_too_much_memory_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = counting_clip(tmp_path / "a.mp4", range(0, 600, 200))
    monkeypatch.setattr(poise.media.decoders.sizes, "MAX_PIXELS", 64 * 48 - 1)
    with pytest.raises(VideoError, match=r"too large \(64 x 48"):
        PyAVDecoder(path)


def test_frames_that_grow_on_the_way_are_not_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The header says small frames, the frames say otherwise: FFmpeg itself is bounded."""
    path = counting_clip(tmp_path / "a.mp4", range(0, 600, 200))
    monkeypatch.setattr(poise.media.decoders.streams, "MAX_PIXELS", 64 * 48 - 1)
    with pytest.raises(VideoError, match="not a single frame"):
        list(PyAVDecoder(path).sample(5, None))


def test_a_picture_that_unpacks_to_gigabytes_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Pillow.new("1", (19_000, 19_000)).save(tmp_path / "bomb.png")
    with pytest.raises(VideoError, match="cannot be read as a picture"):
        load_picture(tmp_path / "bomb.png")


def test_a_gif_bomb_in_the_guise_of_a_video_is_refused(
    tmp_path: Path, decoding: DecodingProcess
) -> None:
    data = bytearray(b"GIF89a" + (65_000).to_bytes(2, "little") * 2 + b"\x80\0\0" + bytes(6))
    data += b"," + bytes(4) + (65_000).to_bytes(2, "little") * 2 + b"\0\x02\x02\x4c\x01\0;"
    (tmp_path / "a.gif").write_bytes(data)
    with pytest.raises(VideoError):
        list(decoding.sample(tmp_path / "a.gif", backend="auto", rate_hz=5, short_side_px=360)[1])


# A link, a name


def test_a_link_that_leads_out_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "in" / "kim").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    for folder in ("outside", "in"):
        (tmp_path / folder / "secret.mp4").write_bytes(b"x")
    (tmp_path / "in" / "kim" / "file.mp4").symlink_to(tmp_path / "outside" / "secret.mp4")
    (tmp_path / "in" / "kim" / "up.mp4").symlink_to("../../outside/secret.mp4")
    (tmp_path / "in" / "folder").symlink_to(tmp_path / "outside")
    (tmp_path / "in" / "round").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "kim" / "inside.mp4").symlink_to("../secret.mp4")
    found = [r.recording_id for r in discover(tmp_path / "in").recordings]
    assert found == ["kim/inside.mp4", "secret.mp4"]


def test_a_directory_of_recordings_that_is_a_link_itself_is_one(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.mp4").write_bytes(b"x")
    (tmp_path / "in").symlink_to(tmp_path / "real")
    assert [r.recording_id for r in discover(tmp_path / "in").recordings] == ["a.mp4"]


_NASTY = st.text(
    alphabet=st.characters(exclude_categories=["Cs"]) | st.sampled_from('./\\~:*?"<>|\0\r\n=@$`'),
    max_size=60,
)


@given(candidate=_NASTY, name=_NASTY)
def test_no_candidate_leaves_the_reports(
    tmp_path_factory: pytest.TempPathFactory, candidate: str, name: str
) -> None:
    root = tmp_path_factory.mktemp("in")
    (root / "a.mp4").write_bytes(b"x")
    table = io.StringIO()
    csv.writer(table).writerows(
        [("recording", "candidate_id", "display_name"), ("a.mp4", candidate, name)]
    )
    (root / "candidates.csv").write_text(table.getvalue(), encoding="utf-8", newline="")
    (found,) = discover(root).recordings
    output = root.parent / "reports"
    directory = (output / found.candidate_id).resolve()
    assert directory.parent == output.resolve()
    assert directory.name not in ("", ".", "..", ".poise", "index.html", "recordings.csv")


# A CSV, a TOML


@given(data=st.binary(max_size=300))
def test_a_candidates_csv_of_any_bytes_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    root = tmp_path_factory.mktemp("in")
    (root / "a.mp4").write_bytes(b"x")
    (root / "candidates.csv").write_bytes(b"recording,note\na.mp4," + data)
    try:
        assert len(discover(root).recordings) == 1
    except SettingsError as error:
        assert error.remedy


def test_a_candidates_csv_without_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"x")
    with (tmp_path / "candidates.csv").open("wb") as file:
        file.truncate(200_000_000)
    with pytest.raises(SettingsError, match="larger than 16 MB"):
        discover(tmp_path)


@given(data=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_settings_of_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.mktemp("toml") / "poise.toml"
    path.write_bytes(data)
    try:
        assert isinstance(read_settings(path, {}), Settings)
    except SettingsError as error:
        assert error.remedy


@pytest.mark.parametrize(
    "text",
    [
        "a=" + "[" * 100_000,
        "language = '" + "x" * 2_000_000 + "'",
        "a." * 50_000 + "b = 1",
        "a." * 7_000 + "b = 1",
    ],
    ids=["deep", "large", "dotted", "dotted within bounds"],
)
def test_settings_made_to_exhaust_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "poise.toml").write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError):
        read_settings(tmp_path / "poise.toml", {})


# What Excel and a browser are given


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_no_formula_reaches_a_spreadsheet(tmp_path: Path, begin: str) -> None:
    schema = recordings_schema(["positive"])
    text = begin + 'HYPERLINK("http://x","y")'
    foreign = [c.name for c in schema if c.foreign]
    assert foreign == ["recording_id", "candidate_id", "display_name", "session_date", "note",
                       "error", "remarks", "codec", "model"]  # fmt: skip
    rows = pd.DataFrame([dict.fromkeys(foreign, text), dict.fromkeys(foreign, "plain = text")])
    path = write_table(rows, schema, tmp_path / "t", format="csv")
    with path.open(encoding="utf-8", newline="") as file:
        first, second = csv.DictReader(file)
    assert all(first[name] == "'" + text for name in foreign)
    assert all(second[name] == "plain = text" for name in foreign)
    assert first["status"] == ""
    whole = pd.read_parquet(write_table(rows, schema, tmp_path / "t", format="parquet"))
    assert whole["note"].tolist() == [text, "plain = text"]


def test_the_data_dictionary_says_how_formulas_are_kept_out() -> None:
    schema = [
        Column(name="a", dtype="string", meaning="Foreign.", foreign=True),
        Column(name="b", dtype="string", meaning="Own."),
    ]
    rows, _ = data_dictionary({"t": schema})
    assert "apostrophe" in rows["meaning"][0] and rows["meaning"][1] == "Own."


# A model, a result


@pytest.fixture
def model(tmp_path: Path, model_dir: Path) -> Path:
    """A copy of a model, to be harmed."""
    return Path(shutil.copytree(model_dir, tmp_path / "model"))


class _Exploding:
    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, ("exploded",)


def test_a_pickle_in_the_guise_of_weights_is_not_loaded(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (model / "model.safetensors").write_bytes(pickle.dumps(_Exploding()))
    with pytest.raises(ModelError, match="cannot read the weights"):
        load_model(model)
    assert not Path("exploded").exists()


def test_a_header_that_claims_gigabytes_is_refused(model: Path) -> None:
    (model / "model.safetensors").write_bytes((2**40).to_bytes(8, "little") + b"{}")
    with pytest.raises(ModelError, match="cannot read the weights"):
        load_model(model)


@pytest.mark.parametrize(
    "text",
    ["[" * 200_000, '{"name": "' + "x" * 5_000_000 + '"}', "[]", "null", '{"labels": 1}'],
    ids=["deep", "large", "list", "null", "wrong"],
)
def test_a_description_made_to_harm_is_refused(model: Path, text: str) -> None:
    (model / "model.json").write_text(text, encoding="utf-8")
    with pytest.raises(ModelError):
        read_spec(model)


@pytest.mark.parametrize(
    "changes",
    [{"input_px": 10**9}, {"input_px": -1}, {"input_px": float("nan")}, {"architecture": "os"}],
    ids=str,
)
def test_a_description_of_absurd_sizes_is_refused(model: Path, changes: dict[str, object]) -> None:
    plain = json.loads((model / "model.json").read_text(encoding="utf-8"))
    (model / "model.json").write_text(json.dumps(plain | changes), encoding="utf-8")
    with pytest.raises(ModelError):
        read_spec(model)


@given(data=st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
))  # fmt: skip
def test_any_json_is_a_description_or_is_refused(
    tmp_path_factory: pytest.TempPathFactory, data: object
) -> None:
    folder = tmp_path_factory.mktemp("model")
    (folder / "model.json").write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(ModelError):
        read_spec(folder)


def test_stored_arrays_are_never_unpickled(tmp_path: Path) -> None:
    from poise.analysis.sightings import Sightings

    np.savez(tmp_path / "x.npz", pts_s=np.array([_Exploding()], dtype=object))
    with pytest.raises((ValueError, KeyError)):
        Sightings.load(tmp_path / "x.npz")


def test_nothing_in_the_package_unpickles_files() -> None:
    """Pickle is spoken between our own processes only, by `multiprocessing` and joblib."""
    forbidden = ("import pickle", "pickle.load", "torch.load(", "allow_pickle=True", "joblib.load",
                 "eval(", "exec(", "yaml.load(", "shell=True", "os.system(")  # fmt: skip
    for path in (ROOT / "pipeline").rglob("*.py"):
        text = path.read_text(encoding="utf-8").replace(".eval()", "")
        text = text.replace('torch.load(path, map_location="cpu", weights_only=True)', "")
        if path.name == "pipe.py":  # as `multiprocessing` does, from our own reader's pipe
            text = text.replace("import pickle", "").replace("pickle.loads(item.pickled", "")
        assert not [word for word in forbidden if word in text], path


# A whole run over recordings with hostile names


def test_hostile_names_and_notes_go_through_a_whole_run(
    tmp_path: Path, model_dir: Path, workers_closed: None
) -> None:
    from poise.batch.run import analyze

    nasty = '=cmd|"/c calc"!A1<script>alert(1)</script>'
    folder = tmp_path / "in" / "<img src=x onerror=alert(1)>"
    write_clip(folder / "a&b'c.mp4", [np.full((48, 64, 3), 90, np.uint8)] * 3, (0, 200, 400))
    table = io.StringIO()
    csv.writer(table).writerows(
        [("recording", "candidate_id", "display_name", "note"),
         (f"{folder.name}/a&b'c.mp4", "../../../etc/passwd", nasty, nasty)]
    )  # fmt: skip
    (tmp_path / "in" / "candidates.csv").write_text(table.getvalue(), encoding="utf-8", newline="")
    result = analyze(tmp_path / "in", tmp_path / "out",
                     Settings(model=str(model_dir), device="cpu", jobs=1))  # fmt: skip
    assert result.exit_code == 0
    assert {p.name for p in tmp_path.iterdir()} == {"in", "out"}
    for page in (tmp_path / "out").rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert "<script>alert" not in text and "<img src=x" not in text
    with (tmp_path / "out" / "recordings.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["display_name"] == row["note"] == "'" + nasty


def test_errors_of_this_house_are_all_that_leaves(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    os.mkfifo(tmp_path / "in" / "a.mp4")  # reading it would wait for ever
    assert discover(tmp_path / "in").recordings == []
    with pytest.raises(PoiseError):
        discover(tmp_path / "in" / "a.mp4")

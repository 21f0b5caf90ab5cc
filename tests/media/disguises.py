"""What names somebody else's recording, in every way that FFmpeg might follow."""

from __future__ import annotations

from pathlib import Path

from poise.errors import PoiseError
from poise.media.decoders.server import SampleEnd
from poise.media.reader import DecodingProcess
from poise.types import Image

BACKENDS = ("pyav", "decord")


LIST = "is a playlist or description that names other files, not a recording"


OTHER = "is not a kind of recording that Poise reads"


NUMBERS = range(10)


TIMES_MS = range(0, 1000, 100)


VICTIM_SIZE = (160, 120)


def shown(decoding: DecodingProcess, path: Path, backend: str) -> tuple[list[Image], str]:
    """All pictures that anyone could get of a file, and why there are no more."""
    images: list[Image] = []
    reason = ""
    try:
        info = decoding.describe(path, backend=backend)
        assert (info.width_px, info.height_px) != VICTIM_SIZE
    except PoiseError as error:
        reason = str(error)
    try:
        _, items = decoding.sample(path, backend=backend, rate_hz=10, short_side_px=None)
        images += [image for item in items if not isinstance(item, SampleEnd)
                   for image in item.images]  # fmt: skip
    except PoiseError as error:
        reason = str(error)
    try:
        images += decoding.fetch(path, backend=backend, pts_s=[0.0, 0.5])
    except PoiseError as error:
        reason = str(error)
    return images, reason


def assert_own(images: list[Image]) -> None:
    """None is the victim's."""
    for image in images:
        assert image.shape[:2] != VICTIM_SIZE[::-1]
        assert not (image[..., 0].mean() > 200 and image[..., 2].mean() < 90)


def lists(victims: Path, port: int) -> dict[str, str]:
    """What names the victim's recordings and an address, in every way that FFmpeg might follow."""
    web = f"http://127.0.0.1:{port}/x.ts"
    file = f"file://{victims}/Victim/session.ts"
    segment = "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n"
    return {
        "hls": segment.format("../Victim/session.ts"),
        "hls beside": segment.format("beside.ts"),
        "hls file": segment.format(file),
        "hls web": segment.format(web),
        "hls variants": "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=9\n../Victim/session.ts\n",
        "ffconcat": "ffconcat version 1.0\nfile beside.ts\n",
        "ffconcat up": f"ffconcat version 1.0\nfile '../Victim/session.ts'\nfile '{file}'\n",
        "mpd": '<?xml version="1.0"?><MPD profiles="urn:mpeg:dash:profile:isoff-on-demand:2011">'
        f"<BaseURL>{web}</BaseURL></MPD>",
        "sdp": f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video {port} RTP/AVP 33",
        "smil": f'<smil><body><video src="{file}"/></body></smil>',
        "ism": f'<SmoothStreamingMedia><c Url="{web}"/></SmoothStreamingMedia>',
        "rtsp": f"RTSPtext\nrtsp://127.0.0.1:{port}/x",
        "xspf": f'<playlist version="1"><location>{file}</location></playlist>',
        "cue": 'FILE "../Victim/session.ts" WAVE\n  TRACK 01 AUDIO\n',
        "asx": f'<asx version="3.0"><entry><ref href="{web}"/></entry></asx>',
        "pls": f"[playlist]\nFile1={file}\nNumberOfEntries=1\n",
        "reference": f"[Reference]\r\nRef1={web}\r\n",
        "vobsub": "# VobSub index file, v7\nid: en, index: 0\n",
    }  # fmt: skip


KINDS = list(lists(Path(), 0))

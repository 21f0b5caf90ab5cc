"""The mirror beside its browser: latency, rate, backlog, memory; with a clock in the picture.

    python benchmarks/live.py --seconds 600 --cores 0,1

Chromium's fake camera plays a sample whose pictures carry their number as a bar code (640 x 480, 30
per second). A second video element of the page, on the same camera, notes when each number was
captured; what the page sends is kept, and the number in it is read afterwards from the JPEG itself.
An answer counts as drawn at the first animation frame after the page has drawn it. So the latency
from capture to drawn answer does not rest on what the page believes of its own pictures.

Beside latency, which a loaded machine stretches, stands the processor time that an answer takes: in
the engine, in the server (with Playwright's client), and in the browser, which also decodes the
film, records it, and reads this script's bar codes.

The backlog is what was sent and not yet answered, at most; memory is that of the engine's process
and of the server's, once a second. With `--cores` server, engine and browser share those.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import tempfile
import threading
import time
from pathlib import Path
from statistics import median

import av
import numpy as np
from PIL import Image

SAMPLE = Path(__file__).resolve().parent.parent / "sample_videos" / "Sample A" / "interview 1.mp4"
BITS, CELL_PX = 16, 16  # of the bar code, along the upper edge
_NOTES = (
    f"const [WIDTH, MIDDLE, BITS, CELL] = {[BITS * CELL_PX, CELL_PX // 2, BITS, CELL_PX]};"
    """
window.notes = { captured: {}, sent: [], drawn: [], flying: 0, most: 0 };
(() => {
  const board = document.createElement("canvas");
  [board.width, board.height] = [WIDTH, 1];
  const pen = board.getContext("2d", { willReadFrequently: true });
  const read = (picture) => {
    pen.drawImage(picture, 0, MIDDLE, WIDTH, 1, 0, 0, WIDTH, 1);
    const row = pen.getImageData(0, 0, WIDTH, 1).data;
    let number = 0;
    for (let k = 0; k < BITS; k += 1) number = 2 * number + (row[4 * (k * CELL + MIDDLE)] > 127);
    return number;
  };
  const own = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    const stream = await own(wanted);
    const video = document.createElement("video");
    [video.muted, video.srcObject] = [true, new MediaStream(stream.getVideoTracks())];
    await video.play();
    const next = (now, about) => {
      (notes.captured[read(video)] ??= []).push(about.captureTime ?? now);
      video.requestVideoFrameCallback(next);
    };
    video.requestVideoFrameCallback(next);
    return stream;
  };
  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function (data) {
    if (typeof data !== "string") {
      const number = new DataView(data.buffer).getUint32(0, true);
      notes.most = Math.max(notes.most, (notes.flying += 1));
      createImageBitmap(new Blob([data.subarray(12)])).then((picture) => {
        notes.sent.push([number, read(picture)]);
        picture.close();
      });
    }
    send.call(this, data);
  };
  new MutationObserver(() => {
    const number = Number(document.documentElement.dataset.drawn);
    notes.flying -= 1;
    requestAnimationFrame(() => notes.drawn.push([number, performance.now()]));
  }).observe(document, { attributes: true, subtree: true, attributeFilter: ["data-drawn"] });
})();
"""
)


def make_camera(path: Path, seconds: float) -> int:
    """A film of pictures with their numbers; how many there are."""
    with av.open(str(SAMPLE)) as container:
        frames = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
    count = int(30 * seconds)
    with path.open("wb") as file:
        for number in range(count):
            at = number % (2 * len(frames) - 2)  # forwards and backwards
            image = frames[at if at < len(frames) else 2 * len(frames) - 2 - at].copy()
            bits = [(number >> (BITS - 1 - k)) & 1 for k in range(BITS)]
            image[:CELL_PX, : BITS * CELL_PX] = np.repeat(np.array(bits) * 255, CELL_PX)[:, None]
            held = io.BytesIO()
            Image.fromarray(image).save(held, "JPEG", quality=80)
            file.write(held.getvalue())
    return count


def resident_mb(pid: int) -> float:
    """Resident memory of a process (Linux)."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def processor_s(pid: int, *, below: bool = False) -> float:
    """Processor time of a process, or of all those below it (Linux)."""
    parents, spent = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            told = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(folder.name)] = int(told[1])
        spent[int(folder.name)] = (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")
    if not below:
        return spent.get(pid, 0.0)
    family = {pid}
    while more := {child for child, own in parents.items() if own in family} - family:
        family |= more
    return sum(spent[one] for one in family - {pid})


def latencies_ms(notes: dict[str, object], film_s: float) -> list[float]:
    """From each picture's capture to its drawn answer; a number shows once in each round."""
    captured: dict[str, list[float]] = notes["captured"]  # type: ignore[assignment]
    shown = dict(notes["sent"])  # type: ignore[call-overload]
    found = []
    for number, drawn in notes["drawn"]:  # type: ignore[attr-defined]
        times = [
            t for t in captured.get(str(shown.get(number)), []) if 0 <= drawn - t < 500 * film_s
        ]
        if times:
            found.append(drawn - max(times))
    return found


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--film", type=float, default=60, help="seconds until the film repeats")
    parser.add_argument("--cores", default="", help="such as 0,1")
    given = parser.parse_args()
    if given.cores:
        os.sched_setaffinity(0, {int(core) for core in given.cores.split(",")})

    from playwright.sync_api import sync_playwright

    from poise.desk.live import socket
    from poise.desk.live.process import EngineProcess
    from poise.desk.serving import listen, server_of
    from poise.desk.state import Desk
    from poise.reports.pages.pdf import browser_options, find_browser
    from poise.settings import Settings

    engines: list[EngineProcess] = []

    class Noted(EngineProcess):
        def __init__(self, settings: Settings) -> None:
            super().__init__(settings)
            engines.append(self)

    socket.EngineProcess = Noted  # type: ignore[misc]
    memory: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as name, listen() as listening, sync_playwright() as drive:
        folder = Path(name).resolve()
        for part in ("in", "out"):
            (folder / part).mkdir()
        make_camera(folder / "camera.mjpeg", given.film)
        desk = Desk(
            reports=folder / "out", recordings=folder / "in", port=listening.getsockname()[1],
            settings=Settings(device="cpu"),
        )  # fmt: skip
        server = server_of(desk)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        own = [option for option in browser_options()[1:] if "resolver" not in option]
        browser = drive.chromium.launch(
            executable_path=find_browser(),
            args=[*own, "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
                  f"--use-file-for-fake-video-capture={folder / 'camera.mjpeg'}"],
        )  # fmt: skip
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        cookie = {"name": desk.cookie, "value": desk.secret}
        context.add_cookies([{**cookie, "url": f"http://127.0.0.1:{desk.port}"}])
        page = context.new_page()
        page.add_init_script(_NOTES)
        page.on("dialog", lambda dialog: dialog.accept())
        page.goto(f"http://127.0.0.1:{desk.port}/live")
        page.fill("[name=candidate]", "Benchmark")
        page.click("#begin button")
        page.wait_for_selector("#next", state="visible", timeout=120_000)
        page.click("#next")
        page.wait_for_selector("#question:not([hidden]), #skip:not([hidden])", timeout=120_000)
        if page.is_visible("#skip"):
            page.click("#skip")
        page.wait_for_timeout(2000)
        page.evaluate("Object.assign(notes, { sent: [], drawn: [], most: notes.flying })")
        own_pid, engine_pid = os.getpid(), engines[-1].pid

        def costs_s() -> list[float]:
            engine_s = processor_s(engine_pid)
            browser_s = processor_s(own_pid, below=True) - engine_s
            return [engine_s, processor_s(own_pid), browser_s]

        costs, began, loads = costs_s(), time.monotonic(), []
        while time.monotonic() - began < given.seconds:
            page.wait_for_timeout(1000)
            memory.append((resident_mb(engines[-1].pid), resident_mb(os.getpid())))
            loads.append(os.getloadavg()[0])
        spent_s = time.monotonic() - began
        costs = [after - before for before, after in zip(costs, costs_s(), strict=True)]
        notes = page.evaluate("notes")
        browser.close()
        server.should_exit = True
        thread.join()
    found = sorted(latencies_ms(notes, given.film))
    tenth = max(1, len(memory) // 10)
    engine = [m for m, _ in memory]
    print(json.dumps({
        "machine": platform.processor() or platform.machine(), "cores": given.cores or "all",
        "load": [round(min(loads), 1), round(max(loads), 1)], "seconds": round(spent_s),
        "answers": len(notes["drawn"]), "answers_per_s": round(len(notes["drawn"]) / spent_s, 1),
        "matched": len(found), "median_ms": round(median(found)),
        "p95_ms": round(found[int(0.95 * len(found))]), "most_ms": round(found[-1]),
        "backlog": notes["most"],
        "processor_ms_per_answer": dict(
            zip(("engine", "server", "browser"),
                [round(1000 * s / len(notes["drawn"]), 1) for s in costs], strict=True)
        ),
        "engine_mb": [round(median(engine[:tenth])), round(median(engine[-tenth:]))],
        "server_mb": [round(memory[0][1]), round(memory[-1][1])],
    }, indent=1))  # fmt: skip


if __name__ == "__main__":
    main()

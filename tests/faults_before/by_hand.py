"""What the command does not show: the package itself is called, on both sides in the same way."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

from tests.faults_before.cases import case
from tests.faults_before.inputs import people
from tests.faults_before.sides import Side
from tests.processes import is_alive

_SERVER = (
    "from pipeline.settings import Settings\n"
    "from pipeline.owner import OwnerProcess as Server, RemoteNetworks",
    "from functools import partial\n"
    "from poise.settings import Settings\n"
    "from poise.analysis.gpu.client import RemoteNetworks\n"
    "from poise.analysis.gpu.supervisor import GpuServerProcess\n"
    "Server = partial(GpuServerProcess, silence_limit_s=6.0)",
)  # of a GPU; here it computes on the processor


@case("D4", "two recordings that could not be hashed: their results")
def _(side: Side) -> object:
    return side.by_hand(
        "from pipeline.settings import Settings\n"
        "from pipeline.store import ResultStore\n"
        "from pipeline.types import Recording\n"
        "MODEL = ''",
        "from poise.expression.model_spec import SHIPPED_MODEL, read_spec\n"
        "from poise.settings import Settings\n"
        "from poise.storage.results.store import ResultStore\n"
        "from poise.types import Recording\n"
        "MODEL = read_spec(SHIPPED_MODEL)",
        """
from pathlib import Path
store, keys = ResultStore(Path("out")), set()
for name in ("kim", "lee"):
    Path(name).write_text(name)
    recording = Recording(path=Path(name), recording_id=name, candidate_id=name, display_name=name)
    keys.add(store.key(recording, Settings(), MODEL))
print("one for both" if len(keys) == 1 else "one each")
""",
    )


@case("G1", "a GPU server, five seconds after its batch was killed: processes left")
def _(side: Side) -> object:
    told = side.by_hand(
        *_SERVER,
        """
import os, signal
from tests.processes import descendants
server = Server(Settings(), "cpu")
RemoteNetworks(server.address)  # it serves
print(*descendants(os.getpid()), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
""",
    )
    time.sleep(5)
    left = [process for process in map(int, told.split()) if is_alive(process)]
    for process in left:
        with suppress(OSError):
            os.kill(process, signal.SIGKILL)
    return len(left)


@case("G1 close", "a GPU server closed while it is started again, seven times: processes left")
def _(side: Side) -> object:
    return side.by_hand(
        *_SERVER,
        """
import os, signal, time
from tests.processes import descendants
left = 0
for wait_s in (0.05, 0.1, 0.15, 0.19, 0.2, 0.21, 0.25):
    server = Server(Settings(), "cpu")
    while not (first := descendants(os.getpid())):
        time.sleep(0.01)
    for process in first:
        os.kill(process, signal.SIGKILL)
    time.sleep(wait_s)
    server.close()
    time.sleep(1)
    for process in descendants(os.getpid()):
        left += 1
        os.kill(process, signal.SIGKILL)
        time.sleep(0.5)
print(left, flush=True)
os._exit(0)
""",
    )


@case("J13", "a GPU server that is stopped, and asked: within a minute")
def _(side: Side) -> object:
    return side.by_hand(
        *_SERVER,
        """
import os, signal, threading
import numpy as np
from tests.processes import descendants
server = Server(Settings(), "cpu")
remote = RemoteNetworks(server.address)
crops = np.zeros((1, remote.spec.input_px, remote.spec.input_px, 3), np.uint8)
for process in descendants(os.getpid()):
    os.kill(process, signal.SIGSTOP)
asking = threading.Thread(target=remote.predict, args=(crops,), daemon=True)
asking.start()
asking.join(60)
print("no answer" if asking.is_alive() else "an answer, of another one", flush=True)
for process in descendants(os.getpid()):
    os.kill(process, signal.SIGKILL)
os._exit(0)
""",
    )


@case("J13 start", "a GPU server that cannot start: how often it is tried in half a minute")
def _(side: Side) -> object:
    return side.by_hand(
        *_SERVER,
        """
import os, time
from tests.processes import descendants
server, seen, started = Server(Settings(model="none"), "cpu"), set(), time.monotonic()
while time.monotonic() - started < 30:
    seen |= set(descendants(os.getpid()))
    time.sleep(0.05)
print(len(seen), flush=True)
server.close()
os._exit(0)
""",
    )


@case("G2", "analyze(jobs=1) in a notebook: what is left behind")
def _(side: Side) -> object:
    people(side, "kim/1.mp4")
    return side.by_hand(
        "from pipeline import Settings, analyze",
        "from poise import Settings, analyze",
        """
import gc, os, torch
from tests.processes import descendants
torch.set_num_threads(3)
analyze("in", "out", Settings(device="cpu", jobs=1))
left = len(descendants(os.getpid())), 3 - torch.get_num_threads(), gc.get_freeze_count()
print("{} child, {} threads too few, {} objects frozen".format(*left) if any(left) else "nothing")
""",
    )


@case("G7", "eight bits, and a torch that renamed its operator")
def _(side: Side) -> object:
    return side.by_hand(
        "import pipeline.classify as classifier",
        "import poise.expression.classifier as classifier",
        """
import numpy as np, torch
def renamed(*arguments):
    raise AttributeError("no such operator")
torch.ops.onednn.qconv2d_pointwise = renamed
classifier.prefers_int8 = lambda device: True
classifier.computing_type = lambda device: torch.float32
try:
    made = classifier.ExpressionClassifier(device="cpu")
    made.predict(np.zeros((1, made.spec.input_px, made.spec.input_px, 3), np.uint8))
    print("computed in float32")
except AttributeError as error:
    print(f"AttributeError: {error}")
""",
    )


@case("F8 log", "a folder with spaces, in a message that goes to the log")
def _(side: Side) -> object:
    return side.by_hand(
        "from pipeline.journal import without_paths",
        "from poise.system.run_log import without_paths",
        'print(without_paths("cannot read /mnt/Kim Minji (2)/take 1/a b.mp4: torn"))',
    )


@case("I", "forty people of twenty faces, each right or wrong throughout: the interval's width")
def _(side: Side) -> object:
    return side.by_hand(
        "from training.metrics import accuracies, confusion_matrix, interval\n"
        "def of_people(*more): return ()",
        "from poise_training.evaluation.metrics import accuracies, by_person, confusion_matrix\n"
        "from poise_training.evaluation.metrics import interval\n"
        "def of_people(*more): return (by_person(*more),)",
        """
import numpy as np
right = np.repeat(np.random.default_rng(2).random(40) < 0.7, 20)
truth = np.zeros(800, np.int64)
confusion = confusion_matrix(truth, (~right).astype(np.int64), 2)
people = [str(k // 20) for k in range(800)]
low, high = interval(confusion, accuracies, *of_people(truth * 2 + ~right, (2, 2), people))
drawn = right[::20][np.random.default_rng(0).integers(0, 40, (2000, 40))].mean(axis=1)
print(f"{high - low:.2f} ({np.ptp(np.quantile(drawn, [0.025, 0.975])):.2f})")
""",
    )

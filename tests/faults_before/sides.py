"""The two commands that are compared, and what can be read from what they wrote."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from poise.expression.model_spec import SHIPPED_MODEL
from tests.conftest import ROOT

LIMIT_S = 600
_MAIN = "import sys; from {0}.{1} import main; sys.argv[0] = 'poise'; main()"


@dataclass(frozen=True)
class Side:
    """One of the two commands, in a folder of its own.

    Args:
        package: Where its package lies.
        main: What runs it.
        folder: Where it works: recordings lie in `in`, reports go to `out`.
        model: The expression model that it ships.
        old: Whether it is that of before.
    """

    package: Path
    main: str
    folder: Path
    model: Path
    old: bool

    @property
    def environment(self) -> dict[str, str]:
        """What its processes are started with."""
        return {**os.environ, "PYTHONPATH": str(self.package), "OMP_NUM_THREADS": "1"}

    def line(self, *words: object) -> list[str]:
        """The command with these words, as a process is started."""
        return [sys.executable, "-c", self.main, *map(str, words)]

    def run(
        self, *words: object, cwd: Path | None = None, limit_s: float = LIMIT_S, **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the command; a process that takes too long ends with code 124."""
        try:
            return subprocess.run(
                self.line(*words), cwd=cwd or self.folder, env=self.environment | more,
                capture_output=True, text=True, errors="replace", timeout=limit_s, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            told = f"more than {limit_s:.0f} s"
            return subprocess.CompletedProcess(self.line(*words), 124, "", told)

    def analyze(self, *more: object, **keywords: object) -> subprocess.CompletedProcess[str]:
        """Analyse `in` into `out`, with one process."""
        return self.run("analyze", self.root, "-o", self.out, "--jobs", 1, *more, **keywords)  # type: ignore[arg-type]

    def started(self, *more: object, **environment: str) -> subprocess.Popen[bytes]:
        """Begin to analyse `in` into `out`, in a session of its own."""
        return subprocess.Popen(
            self.line("analyze", self.root, "-o", self.out, *more),
            env=self.environment | environment, cwd=self.folder, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def by_hand(self, before: str, now: str, then: str) -> str:
        """What Python prints that calls the package itself.

        Args:
            before, now: Imports, under the same names, from the package of then and of now.
            then: What is done with them, the same on both sides.
        """
        path = os.pathsep.join([str(self.package), str(ROOT)])
        errors = self.folder / "errors.txt"  # not a pipe: what lives on would keep it open
        with errors.open("w") as file:
            done = subprocess.run(
                [sys.executable, "-c", f"{before if self.old else now}\n{then}"], stderr=file,
                cwd=self.folder, env=self.environment | {"PYTHONPATH": path}, text=True,
                stdout=subprocess.PIPE, timeout=LIMIT_S, check=False,
            )  # fmt: skip
        return done.stdout.strip() or f"nothing: {errors.read_text().splitlines()[-1:]}"

    def analyze_in_shell(self, script: str) -> subprocess.CompletedProcess[str]:
        """Analyse in a shell.

        Args:
            script: With `{}` where the command stands.
        """
        words = f"analyze '{self.root}' -o '{self.out}' --jobs 1"
        command = f"exec '{sys.executable}' -c \"{self.main}\" {words}"
        return subprocess.run(
            ["sh", "-c", script.format(command)], env=self.environment, cwd=self.folder,
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    @property
    def root(self) -> Path:
        """Where the recordings lie."""
        return self.folder / "in"

    @property
    def out(self) -> Path:
        """Where the reports go."""
        return self.folder / "out"

    def add(self, name: str, source: Path) -> Path:
        """Lay a copy of a file among the recordings."""
        target = self.root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        return target

    def write(self, name: str, text: str) -> Path:
        """Write a file among the recordings."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def edited_model(self, change: Callable[[dict[str, Any]], object]) -> Path:
        """A copy of the shipped model whose description was changed."""
        model = self.folder / "model"
        shutil.copytree(self.model, model)
        path = model / "model.json"
        said = json.loads(path.read_text(encoding="utf-8"))
        change(said)
        path.write_text(json.dumps(said), encoding="utf-8")
        return model

    def row(self, name: str = "") -> pd.Series:
        """A row of recordings.csv, the only one without a name."""
        rows = pd.read_csv(self.out / "recordings.csv")
        return rows[rows["recording_id"] == name].iloc[0] if name else rows.iloc[0]

    def table(self, name: str) -> pd.DataFrame:
        """A table of the only candidate."""
        return pd.read_csv(next(self.out.glob(f"*/{name}.csv")))

    def page(self, name: str) -> str:
        """A page; empty if there is none."""
        pages = list(self.out.rglob(name))
        return pages[0].read_text(encoding="utf-8") if pages else ""

    def results(self) -> int:
        """How many results are stored."""
        return len(list((self.out / ".poise" / "results").glob("*")))


def old_and_new(old: Path, folder: Path) -> dict[str, Side]:
    """Both commands.

    Args:
        old: A checkout of 6f2cd69.
        folder: Where they may work.
    """
    site = folder / "old"
    shutil.copytree(old / "pipeline", site / "pipeline")
    shutil.copytree(old / "training", site / "training")
    shutil.copytree(old / "templates", site / "pipeline" / "templates")
    (model,) = {path.parent for path in (site / "pipeline" / "models").rglob("*.safetensors")}
    return {
        "before": Side(site, _MAIN.format("pipeline", "cli"), folder, model, old=True),
        "now": Side(ROOT, _MAIN.format("poise", "commands"), folder, SHIPPED_MODEL, old=False),
    }


def ended(done: subprocess.CompletedProcess[str]) -> str:
    """How a command ended: its code, and an error if there was one."""
    told = "traceback" if "Traceback" in done.stderr else ""
    errors = [line for line in done.stderr.splitlines() if "Error" in line]
    return f"exit {done.returncode}" + (f", {told or errors[-1][:70]}" if told or errors else "")

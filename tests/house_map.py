"""The map in CONTRIBUTING.md: every module once, with the first line of its docstring.

python -m tests.house_map    # writes it (`make map`)
"""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "CONTRIBUTING.md"
BEGIN, END = "<!-- map: made by `make map` -->", "<!-- end of the map -->"
PACKAGES = (ROOT / "pipeline" / "poise", ROOT / "training" / "poise_training")
# The stair, from the ground up: as the contract in pyproject.toml has it.
STAIR = (
    "", "system", "media", "expression", "faces", "timeline", "analysis", "storage", "reports",
    "batch", "desk", "commands",
)  # fmt: skip


def modules(package: Path) -> list[Path]:
    """All modules of a package, wing by wing as they stand on the stair."""

    def place(path: Path) -> tuple[int, str, bool, str]:
        folder = path.parent.relative_to(package).as_posix()
        wing = "" if folder == "." else folder.split("/")[0]
        order = STAIR.index(wing) if wing in STAIR else len(STAIR)
        return order, folder, path.name != "__init__.py", path.name

    return sorted(package.rglob("*.py"), key=place)


def first_line(path: Path) -> str:
    """First line of a module's docstring, without its full stop.

    Raises:
        ValueError: If it has none.
    """
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    if not said:
        raise ValueError(f"{path} has no docstring")
    return said.split("\n")[0].rstrip(".")


def drawn() -> str:
    """The map, as Markdown."""
    lines = []
    for package in PACKAGES:
        lines += [f"| `{package.relative_to(ROOT).as_posix()}/` | |", "|---|---|"]
        for path in modules(package):
            name = path.relative_to(package).as_posix().removesuffix(".py")
            folder, _, leaf = name.rpartition("/")
            if leaf == "__init__":
                if folder:
                    lines.append(f"| **`{folder}/`** | **{first_line(path)}** |")
                continue
            lines.append(f"| `{name}` | {first_line(path)} |")
        lines.append("")
    return "\n".join(lines)


def in_document() -> str:
    """The map as CONTRIBUTING.md has it."""
    text = DOCUMENT.read_text(encoding="utf-8")
    return text.partition(BEGIN)[2].partition(END)[0].strip("\n") + "\n"


def main() -> None:
    """Write the map into CONTRIBUTING.md."""
    before, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    text = f"{before}{BEGIN}\n\n{drawn()}\n{END}{after}"
    DOCUMENT.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()

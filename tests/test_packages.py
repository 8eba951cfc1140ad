"""The packages as a user meets them: what an import costs, and what shadows what."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
HEAVY = ("torch", "transformers", "datasets", "pyarrow", "pandas", "scipy", "math_verify", "sympy")


def python(code: str, *paths: Path) -> subprocess.CompletedProcess[str]:
    where = ":".join(map(str, [*paths, ROOT]))
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd="/", env={"PYTHONPATH": where}, timeout=120
    )


def test_importing_arena_costs_no_torch() -> None:
    done = python(f"import sys, arena, agents, arena.run; print([m for m in {HEAVY} if m in sys.modules])")
    assert done.stdout.strip() == "[]", done.stderr


def test_another_projects_agents_is_named(tmp_path: Path) -> None:
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "__init__.py").write_text("class Agent: ...\n")
    done = python("import arena", tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("ImportError: the name 'agents' belongs to another package here")


def test_no_room_imports_upwards() -> None:
    """agents < arena < analysis < training, human."""
    allowed = {
        "agents": {"agents"},
        "arena": {"agents", "arena"},
        "analysis": {"agents", "arena", "analysis"},
        "training": {"agents", "arena", "analysis", "training"},
        "human": {"agents", "arena", "analysis", "human"},
    }
    for room, may in allowed.items():
        for path in (ROOT / room).rglob("*.py"):
            for line in path.read_text().splitlines():
                words = line.split()
                if words[:1] in (["from"], ["import"]) and len(words) > 1:
                    other = words[1].split(".")[0]
                    assert other not in allowed or other in may, f"{path}: {line.strip()}"

"""Configurations as they are written: recipes, their controls, TOML files, and FIELD=VALUE on the command line.

What wins: FIELD=VALUE over flags over ``--config`` over a recipe's control over the recipe.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, fields
from importlib import resources
from pathlib import Path
from typing import Any

from arena.command import fail
from training.config import CALL, TrainConfig, saved


def defaults(recipe: str = "", control: str = "", path: Path | None = None) -> TrainConfig:
    """What a recipe says, a control of it over it, and a file over both. Raises UserError."""
    config, own = TrainConfig(), read_toml(path, "--config") if path else {}
    if saved(config).keys() <= own.keys():  # a run's own config.toml: it has all that its recipe and control said
        if recipe or control:
            fail(f"--config {path}: is the whole configuration of a run; leave --recipe and --control out")
    else:
        recipe, control = recipe or own.get("recipe", ""), control or own.get("control", "")
        if control and not recipe:
            fail(f"--control {control}: name the --recipe that it belongs to")
        if recipe:
            table, controls = read_recipe(recipe)
            set_fields(config, table, f"--recipe {recipe}")
            if control and control not in controls:
                fail(f"--control {control}: {recipe} has {', '.join(controls) or 'no controls'}")
            if control:
                set_fields(config, controls[control], f"--recipe {recipe}: controls.{control}")
    set_fields(config, own, f"--config {path}")
    config.recipe, config.control, config.config = recipe or config.recipe, control or config.control, path
    return config


def recipe_names() -> list[str]:
    """The recipes that come with the package."""
    return sorted(one.name.removesuffix(".toml") for one in _recipes().iterdir() if one.name.endswith(".toml"))


def _recipes() -> Any:
    return resources.files("training") / "recipes"


def read_recipe(name: str) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """(fields, controls) of a recipe by name or file. Raises UserError."""
    path = _recipes() / f"{name}.toml" if name in recipe_names() else Path(name)
    if path.suffix != ".toml" or not path.is_file():
        fail(f"--recipe {name}: there is no such recipe; known are {', '.join(recipe_names())}, or a .toml file")
    table = _parsed(path, f"--recipe {name}")
    controls = table.pop("controls", {})
    if not isinstance(controls, dict) or not all(isinstance(one, dict) for one in controls.values()):
        fail(f"--recipe {name}: controls must be tables, [controls.NAME]")
    return table, controls


def read_toml(path: Path, flag: str) -> dict[str, Any]:
    """A TOML file. Raises UserError naming the flag."""
    return _parsed(path, f"{flag} {path}")


def _parsed(path: Any, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        fail(f"{where}: {error.strerror}")
    except ValueError as error:  # of the encoding, too
        fail(f"{where}: not TOML: {error}")


def set_fields(config: Any, given: Mapping[str, Any], where: str) -> None:
    """Sets fields of a configuration from tables as TOML has them. Raises UserError naming the field and the fix."""
    known = {one.name: one for one in fields(config)}
    for name, value in given.items():
        if name.replace("-", "_") not in known:
            fail(f"{where}: there is no field {name!r}; known here are {', '.join(known)}")
        name = name.replace("-", "_")
        now = getattr(config, name)
        if dataclasses.is_dataclass(now):
            if not isinstance(value, Mapping):
                fail(f"{where}: {name} must be a table, not {value!r}")
            set_fields(now, value, f"{where}: {name}")
        elif name == "objective":
            _set_objective(config, value, where)
        elif name == "agents":
            _set_agents(config, value, where)
        else:
            setattr(config, name, _typed(now, value, f"{where}: {name}"))


def _set_objective(config: TrainConfig, value: Any, where: str) -> None:
    """Options go on with the objective that is there, unless another is named."""
    if not isinstance(value, Mapping):
        fail(f"{where}: objective must be a table, not {value!r}")
    renamed = value.get("name", config.objective.get("name")) != config.objective.get("name")
    config.objective = {**({} if renamed else config.objective), **value}


def _set_agents(config: TrainConfig, value: Any, where: str) -> None:
    from agents.contract import AgentError
    from agents.registry import defined_agents
    from arena.config import agent_tables

    try:
        # Over the tables that are there, field by field: a control may change a single one.
        before = {name: asdict(agent) for name, agent in config.agents.items()}
        tables = {name: {**before.get(name, {}), **table} for name, table in agent_tables(value).items()}
        config.agents = {**config.agents, **defined_agents([], tables)}
    except AgentError as error:
        fail(f"{where}: {error}")


def _typed(now: Any, value: Any, where: str) -> Any:
    """The value as the field's type has it; a whole number will do for a float."""
    wanted = str if now is None or isinstance(now, Path) else type(now)
    kind = type(now[0]) if wanted is list and now else object
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        fail(f"{where} must be of type {wanted.__name__}, not {value!r}")
    if wanted is list and now and not all(isinstance(item, int | float if kind is float else kind) for item in value):
        fail(f"{where} must be a list like {now!r}, not {value!r}")
    return Path(value) if now is None or isinstance(now, Path) else value


def set_texts(config: TrainConfig, texts: list[str]) -> None:
    """Sets FIELD=VALUE, the value as TOML has it; a bare word is a text. Raises UserError."""
    for text in texts:
        path, equals, value = text.partition("=")
        if not equals:
            fail(f"--set {text}: write FIELD=VALUE, as objective.j=0.2")
        try:
            parsed = tomllib.loads(f"value = {value}")["value"]
        except ValueError:
            parsed = value
        if (field := path.strip()) in (*CALL, "recipe", "control"):
            fail(f"--set {text}: {field} is no field of a run; give it as --{field.replace('_', '-')}")
        for name in reversed(field.split(".")):
            parsed = {name: parsed}
        set_fields(config, parsed, f"--set {text}")

"""How the app is asked for, and that its manual has every key."""

from __future__ import annotations

from pathlib import Path

import pytest

from human.app import keys


def test_the_desk_flag(monkeypatch: pytest.MonkeyPatch) -> None:
    from arena import audience
    from arena.command import UserError
    from arena.config import RunConfig, resolved

    def config(desk: str, pair: str = "bot:human") -> RunConfig:
        return resolved(RunConfig(pair=pair, agent=["bot=script:a"], desk=desk))  # type: ignore[arg-type]

    assert audience.app_of(config("auto")) is None, "a pipe is never an app"
    assert audience.app_of(config("line")) is None
    with pytest.raises(UserError, match="must be a terminal"):
        audience.app_of(config("app"))
    with pytest.raises(UserError, match="is a person"):
        audience.app_of(config("app", "bot:senior"))
    monkeypatch.setattr(audience, "misfit", lambda: "")
    assert audience.app_of(config("auto", "bot:senior")) is None
    monkeypatch.setattr("importlib.metadata.entry_points", lambda **_: [])
    assert audience.app_of(config("auto")) is None
    with pytest.raises(UserError, match="no app is installed"):
        audience.app_of(config("app"))


def test_what_is_installed_names_the_app() -> None:
    import tomllib
    from importlib import import_module

    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    module, _, name = project["entry-points"]["tandem_arena.desks"]["app"].partition(":")
    assert callable(getattr(import_module(module), name))


def test_every_key_is_in_the_manual() -> None:
    said = (Path(__file__).parents[1] / "docs" / "APP.md").read_text(encoding="utf-8")
    for key in keys.KEYS:
        for name in (key.shown, *key.keys.split(",")[1:]):
            assert f"`{name}`" in said, name

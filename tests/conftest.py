"""Fixtures that several test files share."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from tests.asking import Server
    from tests.chromium import Chromium, Tab
    from tests.page_server import PageServer

# How long an example takes on a shared machine (the first loads Unicode tables) is no property of the code.
settings.register_profile("shared machines", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared machines")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in the background of a script. Commands that the tests start would inherit that, and heed no Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)

SCRIPTS = {"ann": "script:She has 3 boxes of 4 pens, so 3 * 4 = 12 pens. {end}", "bob": "script:Then #### 12 is it. "}


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Folders of two random Llama models that share a byte-level tokeniser."""
    from tests.models import random_model, tokenizer_of_kind

    tokenizer = tokenizer_of_kind("gpt2")
    folders = []
    for seed in (0, 1):
        folder = tmp_path_factory.mktemp(f"tiny-{seed}")
        random_model("llama", tokenizer, seed).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        folders.append(folder)
    return folders[0], folders[1]


@pytest.fixture(scope="session")
def scripts() -> list[str]:
    """Flags of two scripted agents, ``ann`` (who ends) and ``bob`` (who does not)."""
    return ["--pair", "ann:bob", *(f"--agent={name}={script}" for name, script in SCRIPTS.items())]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    from tests.chromium import PROGRAM, Chromium

    if not PROGRAM:
        pytest.skip("there is no chromium on this machine")
    browser = Chromium(tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def page_server() -> Iterator[PageServer]:
    from tests.page_server import PageServer

    server = PageServer()
    yield server
    server.close()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A completions endpoint in a process of its own, which answers as it is told."""
    from tests.asking import Server, serving

    for port in serving("-m", "tests.server"):
        yield Server(int(port))


@pytest.fixture(scope="session")
def served_junior() -> Iterator[str]:
    """The address of the embedded junior, served by the example."""
    from tests.asking import serving

    yield from serving("examples/serve_embedded.py", "junior", "--port", "0")


@pytest.fixture
def keys_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys of studies that are joined lie in a folder of the test's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def tab(chromium: Chromium) -> Iterator[Tab]:
    """A page of its own, with storage of its own."""
    tab = chromium.tab()
    yield tab
    tab.close()

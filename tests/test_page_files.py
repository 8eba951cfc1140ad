"""What is answered to a browser: exact paths, and headers that let nothing in from elsewhere."""

from __future__ import annotations

import re
from importlib import resources
from urllib.request import urlopen

import pytest

from human.messages import MESSAGE, TEXT
from human.page.files import HEADERS, SOCKET, paths, response_for
from tests.page_server import PageServer


def source(name: str) -> str:
    return (resources.files("human.page") / name).read_text(encoding="utf-8")


def test_every_file_has_one_path() -> None:
    assert {"/", "/page.css", "/main.js"} < set(paths())
    for path in paths():
        answer = response_for(path)
        assert (answer.status_code, answer.headers["Content-Length"]) == (200, str(len(answer.body)))
        assert answer.headers["Content-Type"].endswith("; charset=utf-8")
    assert response_for("/").headers["Content-Type"].startswith("text/html")
    assert response_for("/main.js").headers["Content-Type"].startswith("text/javascript")
    assert response_for("/page.css").headers["Content-Type"].startswith("text/css")


@pytest.mark.parametrize(
    "path",
    [
        "",
        SOCKET,
        "/index.html",
        "/files.py",
        "/__init__.py",
        "//",
        "/?a",
        "/main.js?",
        "/../files.py",
        "/%2e%2e/",
        "/x",
    ],
)
def test_nothing_else_is_there(path: str) -> None:
    answer = response_for(path)
    assert (answer.status_code, answer.body) == (404, b"There is nothing here.\n")


def test_every_answer_has_the_headers() -> None:
    policy = HEADERS["Content-Security-Policy"]
    for part in (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ):
        assert part in policy.split("; ")
    assert "unsafe" not in policy
    for path in (*paths(), "/nothing"):
        headers = response_for(path).headers
        for name, value in HEADERS.items():
            assert headers[name] == value


def test_they_are_served(page_server: PageServer) -> None:
    for path in paths():
        with urlopen(f"http://{page_server.host}{path}", timeout=20) as answer:
            assert answer.read() == response_for(path).body
            assert answer.headers["Referrer-Policy"] == "no-referrer"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_page_asks_nobody_else_and_reads_nothing_as_markup() -> None:
    every = {path: bytes(response_for(path).body).decode() for path in paths()}
    for path, text in every.items():
        assert not re.search(r"https?://|//[a-z]+\.|url\(|@import", text), path
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", text), (
            path
        )
    assert " style=" not in every["/"]
    assert not re.search(r"<script(?! type=\"module\" src=)|\son[a-z]+=", every["/"])
    for path, text in every.items():
        for module in re.findall(r'from "\./([a-z]+\.js)"', text):
            assert f"/{module}" in every, path


def test_inputs_take_as_much_as_a_message_may_hold() -> None:
    assert f"export const TEXT = {TEXT};" in source("link.js")
    assert f"const MESSAGE = {MESSAGE};" in source("link.js")
    assert f"{TEXT:,} characters" in source("words.js")


def test_sentences_are_in_one_module() -> None:
    """A sentence is words with a space between them in a string: elsewhere there are names of things only."""
    for path in paths():
        if path.endswith(".js") and path != "/words.js":
            code = re.sub(
                r"/\*.*?\*/|^\s*//.*?$|\s//.*?$", "", bytes(response_for(path).body).decode(), flags=re.S | re.M
            )
            assert not re.findall(r"\"[A-Z][a-z']* [a-z][^\"]*\"", code), path

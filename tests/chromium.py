"""Chromium by its DevTools protocol, over a websocket: no driver, no further package, every wait bounded."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PATIENCE = 20.0
"""Seconds that anything may take."""

KEYS = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32, "ArrowDown": 40, "ArrowUp": 38, "ArrowRight": 39, "End": 35}
CONTROL, SHIFT = 2, 8


class ChromiumError(Exception):
    """It did not do what it was asked for."""


class Chromium:
    """One headless browser with a profile of its own in ``folder``."""

    def __init__(self, folder: Path):
        assert PROGRAM, "there is no chromium"
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
        flags += ["--remote-debugging-port=0", f"--user-data-dir={folder}", "--disable-background-networking"]
        flags += ["--disable-renderer-backgrounding", "--force-color-profile=srgb", "--hide-scrollbars"]
        self._process = subprocess.Popen(
            [PROGRAM, *flags, "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._open = contextlib.ExitStack()
        self._ids = itertools.count(1)
        self._answers: dict[int, dict[str, Any]] = {}
        self.events: list[dict[str, Any]] = []
        try:
            self._socket = self._connect(folder / "DevToolsActivePort")
        except BaseException:
            self.close()
            raise

    def _connect(self, file: Path) -> ClientConnection:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                port, _, path = file.read_text().partition("\n")
                if path:
                    url = f"ws://127.0.0.1:{port}{path.strip()}"
                    return self._open.enter_context(connect(url, max_size=None, compression=None))
            if self._process.poll() is not None:
                raise ChromiumError(f"it ended with {self._process.returncode}")
            time.sleep(0.05)
        raise ChromiumError("it does not say where it listens")

    def call(self, method: str, session: str = "", **parameters: Any) -> dict[str, Any]:
        """Asks for something, and waits for the answer."""
        number = next(self._ids)
        message = {"id": number, "method": method, "params": parameters}
        self._socket.send(json.dumps(message | ({"sessionId": session} if session else {})))
        end = time.monotonic() + PATIENCE
        while number not in self._answers:
            try:
                self._hear(end - time.monotonic())
            except TimeoutError:
                raise ChromiumError(f"no answer to {method}") from None
        answer = self._answers.pop(number)
        if "error" in answer:
            raise ChromiumError(f"{method}: {answer['error']}")
        result: dict[str, Any] = answer["result"]
        return result

    def _hear(self, seconds: float) -> None:
        message = json.loads(self._socket.recv(timeout=max(seconds, 0.001)))
        if "id" in message:
            self._answers[message["id"]] = message
        else:
            self.events.append(message)

    def tab(self, width: int = 1280, height: int = 800, context: str = "") -> Tab:
        """A new page; storage is its own unless it shares a ``context``."""
        context = context or self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        tab = Tab(self, session, target, context)
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility", "DOM", "Audits"):
            tab.call(f"{domain}.enable")
        tab.call("Emulation.setFocusEmulationEnabled", enabled=True)
        tab.size(width, height)
        return tab

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self._open.close()
        with contextlib.suppress(ProcessLookupError):  # it has children: they are its group
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(PATIENCE)


class Tab:
    """One page in the browser."""

    def __init__(self, browser: Chromium, session: str, target: str, context: str):
        self.browser, self.session, self.target, self.context = browser, session, target, context

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self.browser.call(method, self.session, **parameters)

    def size(self, width: int, height: int, *, mobile: bool = False, scale: float = 1) -> None:
        how = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": mobile}
        self.call("Emulation.setDeviceMetricsOverride", **how)

    def media(self, **features: str) -> None:
        """Media features, as ``prefers_color_scheme="dark"``."""
        pairs = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.call("Emulation.setEmulatedMedia", features=pairs)

    def go(self, url: str) -> None:
        self.call("Page.navigate", url=url)

    def run(self, code: str) -> Any:
        """The value of an expression; a promise is waited for."""
        how: dict[str, Any] = {"expression": code, "returnByValue": True, "awaitPromise": True, "userGesture": True}
        how["allowUnsafeEvalBlockedByCSP"] = False
        answer = self.call("Runtime.evaluate", **how)
        if "exceptionDetails" in answer:
            raise ChromiumError(str(answer["exceptionDetails"].get("exception", answer["exceptionDetails"]))[:600])
        return answer["result"].get("value")

    def wait(self, code: str, seconds: float = PATIENCE) -> None:
        """Until an expression is true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with contextlib.suppress(ChromiumError):
                if self.run(f"!!({code})"):
                    return
            time.sleep(0.02)
        shown = self.run("document.body?.innerText ?? ''")
        raise ChromiumError(f"never true: {code}; shown: {shown[:800]}")

    def sees(self, text: str, seconds: float = PATIENCE) -> None:
        self.wait(f"document.body.innerText.includes({json.dumps(text)})", seconds)

    def key(self, key: str, modifiers: int = 0) -> None:
        """Presses and releases a key."""
        text = "\r" if key == "Enter" else key if len(key) == 1 else ""
        code = KEYS.get(key) or (ord(key.upper()) if key.isalnum() and key.isascii() else 0)
        how: dict[str, Any] = {"key": key, "modifiers": modifiers, "windowsVirtualKeyCode": code, "code": key}
        down = {"type": "keyDown", "text": text} if text and not modifiers & CONTROL else {"type": "rawKeyDown"}
        self.call("Input.dispatchKeyEvent", **down, **how)
        self.call("Input.dispatchKeyEvent", type="keyUp", **how)

    def type(self, text: str) -> None:
        for character in text:
            self.key("Enter" if character == "\n" else character)

    def insert(self, text: str) -> None:
        """Text as an input method or a paste brings it."""
        self.call("Input.insertText", text=text)

    def tree(self) -> list[dict[str, Any]]:
        """What assistive technology is told: role, name, properties of everything that is not ignored."""
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        return [
            {
                "role": node.get("role", {}).get("value"),
                "name": node.get("name", {}).get("value", ""),
                "description": node.get("description", {}).get("value", ""),
                **{one["name"]: one["value"].get("value") for one in node.get("properties", ())},
            }
            for node in nodes
            if not node.get("ignored")
        ]

    def picture(self, *, whole: bool = False) -> bytes:
        return base64.b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=whole)["data"])

    def complaints(self) -> list[str]:
        """What the browser has logged: errors, refusals of the content policy, exceptions, issues."""
        kinds = ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Audits.issueAdded")
        return [
            json.dumps(event["params"])
            for event in self.browser.events
            if event.get("sessionId") == self.session and event["method"] in kinds
        ]

    def close(self) -> None:
        with contextlib.suppress(ChromiumError):
            self.browser.call("Target.closeTarget", targetId=self.target)

"""A real completions server for tests, in a process of its own: ``python -m tests.server`` prints its port.

What it does, a request says itself, in a field ``behave``:

    id        whose request it is: requests are counted and logged by it (GET /log/ID)
    texts     JSON of a list: the answer to the first request, the second, ...; the last one again after that.
              JSON in JSON, so that it may hold half a surrogate pair. Without it a talker answers.
    reasons   finish_reason of each answer in the same way
    events    sizes in characters of the events of a stream, over and over
    writes    sizes in bytes of what is written to the connection, over and over; without it, one write an event
    ascii     all but ASCII is escaped in its JSON
    halves    characters beyond 16 bits are two halves, which may come in different events
    wait      seconds before each event
    whole     answers with one JSON object, although a stream is asked for
    fault     what goes wrong (FAULTS)
    times     for how many requests it does; without it, for all
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from typing import Any

FAULTS = {
    # no answer
    "500": (500, {}, '{"error": {"message": "out of \\u001b[31mcheese\\r\\n\\u202e", "type": "server"}}'),
    "429": (429, {"Retry-After": "0.9"}, '{"error": {"message": "slow down"}}'),
    "429-for-long": (429, {"Retry-After": "9999"}, '{"error": {"message": "come back tomorrow"}}'),
    "401": (401, {}, '{"error": {"message": "AUTHORIZATION is no good key"}}'),
    "400": (400, {}, '{"object": "error", "message": "this model\'s maximum context length is 9 tokens"}'),
    "422": (422, {}, '{"detail": [{"loc": ["body", "seed"], "msg": "extra fields not permitted"}]}'),
    "redirect": (307, {"Location": "/elsewhere"}, ""),
    "teapot": (418, {}, "\x1b]0;title\x07 I am a teapot " + "very " * 999),
    # an answer that is none
    "html": (200, {"Content-Type": "text/html"}, "<html>\n<body>log in: first</body>\n</html>"),
    "json": (200, {"Content-Type": "application/json"}, '{"choices": [{"text": '),
    "deep": (200, {"Content-Type": "application/json"}, "[" * 100_000),
    "list": (200, {"Content-Type": "application/json"}, '[{"text": "a"}]'),
    "error-in-200": (200, {"Content-Type": "application/json"}, '{"error": {"message": "no such model"}}'),
    "chat": (200, {"Content-Type": "application/json"}, '{"choices": [{"index": 0, "message": {"content": "Hi"}}]}'),
    "nothing": (200, {"Content-Type": "text/event-stream"}, "data: [DONE]\n\n"),
}
"""Answers as they are. ``hang``, ``drop`` and ``garbage`` are no HTTP at all; the others are in `Handler._stream`."""
HOSTILE_EVENTS = (
    "{",
    "[]",
    "null",
    "7",
    '"text"',
    "[" * 100_000,
    '{"choices": null}',
    '{"choices": 7}',
    '{"choices": [null]}',
    '{"choices": ["text"]}',
    '{"choices": [{"text": 7}]}',
    '{"choices": [{"text": ["a"]}]}',
    '{"choices": [{"delta": {"content": "Hi"}}]}',
    '{"error": {"message": "the GPU\\u001b[1m is on fire"}}',
    '{"error": "down"}',
)
TALK = (
    " she", " has", " 3", " boxes", "n't", "0", ".", ". Then", "\n", "\r\n", "\n\n", "=", " +", "<<", ">>", "#### 12",
    "!", " 「", "。", "漢", "字", " e\u0301", "e", "\u0301", "\u2028", "\u200d", "😀", " ", "  ", "\t", ", so", " 3.5",
    ")", "\u061f", " ไทย", "\x85", "\x1b[1m",
)  # fmt: skip
"""What the talker says: everything that units are about."""


class Requests:
    """What was asked, by id."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.log: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.now: dict[str, set[int]] = defaultdict(set)
        self.most: dict[str, int] = defaultdict(int)


REQUESTS = Requests()
ENDING = threading.Event()


class Gone(Exception):  # noqa: N818
    """The connection is cut on purpose."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    name = ""

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        name = self.path.removeprefix("/log/")
        with REQUESTS.lock:
            data = json.dumps({"requests": REQUESTS.log[name], "most_at_once": REQUESTS.most[name]}).encode()
        self._answer(200, {"Content-Type": "application/json"}, data)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path != "/v1/completions":
            return self._answer(404, {}, b'{"error": {"message": "no such page"}}')
        behave = body.get("behave", {})
        self.name = name = behave.get("id", "")
        entry = {
            **body,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "events": 0,
            "gone": False,
        }
        with REQUESTS.lock:
            number = len(REQUESTS.log[name])
            REQUESTS.log[name].append(entry)
            REQUESTS.now[name].add(id(self))
            REQUESTS.most[name] = max(REQUESTS.most[name], len(REQUESTS.now[name]))
        try:
            self._complete(body, behave, number, entry)
        except (OSError, Gone):
            entry["gone"] = True
            self.close_connection = True
        finally:
            self._done()
        return None

    def _done(self) -> None:
        """Nobody waits for more of this answer."""
        with REQUESTS.lock:
            REQUESTS.now[self.name].discard(id(self))

    def _complete(self, body: dict[str, Any], behave: dict[str, Any], number: int, entry: dict[str, Any]) -> None:
        fault = behave.get("fault", "") if number < behave.get("times", 10**9) else ""
        if fault in FAULTS:
            status, headers, said = FAULTS[fault]
            said = said.replace("AUTHORIZATION", self.headers.get("Authorization", "nothing"))
            return self._answer(status, {"Content-Type": "application/json", **headers}, said.encode())
        if fault == "hang":
            ENDING.wait(30)
        if fault == "garbage":
            self.wfile.write(b"\x1b[31m\xff\x00 what?\r\n\r\n")
        if fault in ("hang", "drop", "garbage"):
            raise Gone
        text, reason = self._text(body, behave, number)
        if behave.get("whole") or not body.get("stream"):
            choice = {"index": 0, "text": text, "finish_reason": reason}
            data = json.dumps({"object": "text_completion", "choices": [choice]}).encode()
            return self._answer(200, {"Content-Type": "application/json"}, data)
        return self._stream(text, reason, behave, fault, entry)

    def _text(self, body: dict[str, Any], behave: dict[str, Any], number: int) -> tuple[str, str]:
        if "texts" not in behave:
            return talk(body)
        texts, reasons = json.loads(behave["texts"]), behave.get("reasons", ["stop"])
        return texts[min(number, len(texts) - 1)], reasons[min(number, len(reasons) - 1)]

    def _answer(self, status: int, headers: dict[str, str], data: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, text: str, reason: str, behave: dict[str, Any], fault: str, entry: dict[str, Any]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if behave.get("halves"):
            data = text.encode("utf-16-le", "surrogatepass")
            text = "".join(chr(low + 256 * high) for low, high in zip(data[::2], data[1::2], strict=True))
        pieces = list(cut(text, behave.get("events", [4])))
        events: list[dict[str, Any]] = [
            {"choices": [{"index": 0, "text": piece, "finish_reason": None}]} for piece in pieces
        ]
        last = {"choices": [{"index": 0, "text": "", "finish_reason": reason}]}
        dump = json.dumps if behave.get("ascii") else dumped
        said = [f"data: {dump(event)}\n\n" for event in [*events, last]]
        middle = len(events) // 2
        if fault:
            said = said[: middle or len(events)]
        if fault.startswith("event"):  # event0, event1, ...: something hostile in the middle of a stream
            said.append(f"data: {HOSTILE_EVENTS[int(fault[5:])]}\n\n")
        if "writes" in behave:
            data, at = "".join([*said, "data: [DONE]\n\n"]).encode(), 0
            for size in cycle(behave["writes"]):
                if at >= len(data):
                    break
                self._chunk(data[at : at + size])
                at += size
        else:
            for line in said:
                time.sleep(behave.get("wait", 0))
                if line is said[-1]:
                    self._done()
                self._chunk(line.encode())
                entry["events"] += 1
        if fault == "utf8":
            self._chunk(b'data: {"choices": [{"index": 0, "text": "\xff\xfe"}]}\n\n')
        if fault == "cut":
            raise Gone
        if fault == "stall":
            ENDING.wait(30)
            raise Gone
        while fault == "drip":  # alive, and silent
            ENDING.wait(0.05)
            self._chunk(b": still here\n\n")
        if not fault and "writes" not in behave:
            self._chunk(b'data: {"choices": [], "usage": {"total_tokens": 9}}\n\ndata: [DONE]\n\n')
        self._chunk(b"")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))


def dumped(event: dict[str, Any]) -> str:
    """JSON with its characters as they are; half a surrogate pair can only be escaped."""
    try:
        line = json.dumps(event, ensure_ascii=False)
        line.encode()
    except UnicodeEncodeError:
        return json.dumps(event)
    return line


def cut(text: str, sizes: list[int]) -> Iterator[str]:
    at = 0
    for size in cycle(sizes):
        if at >= len(text):
            return
        yield text[at : at + size]
        at += size


def talk(body: dict[str, Any]) -> tuple[str, str]:
    """(text, finish_reason): a function of prompt and seed, as of a model that is sampled with a seed."""
    chance = random.Random(f"{body.get('seed')}|{body['prompt']}")
    said = ""
    for _ in range(body["max_tokens"]):
        if chance.random() < 0.04:
            return said, "stop"
        said += chance.choice(TALK)
    return said, "length"


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients leave in the middle: that is what is tested."""


def main() -> None:
    with Server(("127.0.0.1", 0), Handler) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()

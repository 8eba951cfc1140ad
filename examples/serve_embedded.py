"""Serves an embedded model, or any folder of a causal model, as an OpenAI-compatible endpoint on this machine.

For trying endpoints without anybody's account, not for speed: one request at a time. In one terminal::

    python examples/serve_embedded.py junior --port 8000

and in another::

    python -m arena.run --pair senior:helper --agent helper=openai:junior@http://127.0.0.1:8000/v1
"""

from __future__ import annotations

import argparse
import codecs
import json
import math
import queue
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import torch
from transformers import StoppingCriteria, StoppingCriteriaList
from transformers.generation.streamers import BaseStreamer

from agents.language_model import LanguageModel
from agents.loading import load_language_model
from agents.registry import BUILT_IN, EMBEDDED

Said = tuple[str, str | None]
"""(text, finish_reason or None)."""


class RefusedError(Exception):
    """What a request asks cannot be done; the message says why."""


class Tokens(BaseStreamer):
    """Passes on the tokens that ``generate`` draws, not those of the prompt."""

    def __init__(self, take: Callable[[int], None]):
        self._take, self._prompt_seen = take, False

    def put(self, value: Any) -> None:
        if self._prompt_seen:
            self._take(int(value))
        self._prompt_seen = True

    def end(self) -> None:
        pass


class Unwanted(StoppingCriteria):
    """Stops ``generate`` when nobody listens any more."""

    def __init__(self, gone: threading.Event):
        self._gone = gone

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        return torch.full((len(input_ids),), self._gone.is_set(), dtype=torch.bool)


class Completions:
    """A model that continues texts, one request after the other."""

    def __init__(self, name: str, agent: LanguageModel):
        self.name, self._agent = name, agent
        self._one_at_a_time = threading.Lock()

    def complete(self, body: dict[str, Any], gone: threading.Event) -> Iterator[Said]:
        """The continuation, a token at a time; the last piece says why it ended. Raises RefusedError at once."""
        ids, options, stops = self._read(body)
        return self._spoken(self._drawn(ids, options, body.get("seed"), gone), stops, gone)

    def _read(self, body: dict[str, Any]) -> tuple[list[int], dict[str, Any], list[str]]:
        prompt, temperature = body.get("prompt"), body.get("temperature", 1.0)
        stop = body.get("stop") or []
        stops = [stop] if isinstance(stop, str) else stop
        if body.get("model") != self.name:
            raise RefusedError(f"there is no model {body.get('model')!r} here, only {self.name!r}")
        if not isinstance(prompt, str) or not all(isinstance(text, str) and text for text in stops):
            raise RefusedError("prompt must be a text, and stop some texts")
        if body.get("n", 1) != 1 or body.get("echo"):
            raise RefusedError("n above 1 and echo are not to be had here")
        most = int(body.get("max_tokens", 16))
        if not 0 <= temperature < math.inf or most < 1:
            raise RefusedError("temperature must be 0 or more, and max_tokens 1 or more")
        tokenizer, ends = self._agent.tokenizer, self._agent.vocabulary.end_ids
        ids = list(tokenizer(prompt).input_ids)
        while ids and ids[-1] in ends:  # some tokenisers end every text
            ids.pop()
        room = self._agent.context - len(ids)
        if not ids or room < 1:
            raise RefusedError(f"the prompt has {len(ids)} tokens; this model takes 1 to {self._agent.context - 1}")
        options = {
            "max_new_tokens": min(most, room),
            "do_sample": temperature > 0,
            "eos_token_id": sorted(ends),
            "pad_token_id": self._agent.vocabulary.end,
        }
        if temperature > 0:
            # What is not asked for is turned off: the library would keep 50 tokens only.
            options |= {"temperature": temperature, "top_p": body.get("top_p", 1.0), "top_k": body.get("top_k", 0)}
        return ids, options, stops

    def _drawn(self, ids: list[int], options: dict[str, Any], seed: int | None, gone: threading.Event) -> Iterator[int]:
        """Token ids as they are drawn, in a thread of their own: a slow reader holds nobody up."""
        drawn: queue.SimpleQueue[int | BaseException | None] = queue.SimpleQueue()

        def draw() -> None:
            try:
                with self._one_at_a_time, torch.inference_mode():
                    if seed is None:
                        torch.seed()
                    else:
                        torch.manual_seed(seed)
                    prompt = torch.tensor([ids])
                    self._agent.model.generate(
                        prompt,
                        attention_mask=torch.ones_like(prompt),
                        streamer=Tokens(drawn.put),
                        stopping_criteria=StoppingCriteriaList([Unwanted(gone)]),
                        **options,
                    )
                drawn.put(None)
            except BaseException as error:
                drawn.put(error)

        threading.Thread(target=draw, daemon=True).start()
        while (one := drawn.get()) is not None:
            if isinstance(one, BaseException):
                raise one
            yield one

    def _spoken(self, tokens: Iterator[int], stops: list[str], gone: threading.Event) -> Iterator[Said]:
        """Their text: whole characters, and nothing of a stop sequence."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        held = max(map(len, stops), default=1) - 1
        text, said, ended = "", 0, False
        for token in tokens:
            ended = token in self._agent.vocabulary.end_ids
            text += "" if ended else decoder.decode(self._agent.vocabulary.pieces[token])
            if found := [at for stop in stops if (at := text.find(stop, max(0, said - held))) >= 0]:
                gone.set()  # nothing that is drawn from here on is wanted
                yield text[said : min(found)], "stop"
                return
            sure = max(said, len(text) - held)
            if sure > said:
                yield text[said:sure], None
                said = sure
        yield text[said:] + decoder.decode(b"", True), "stop" if ended else "length"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    completions: Completions

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        if self.path != "/v1/models":
            return self._json(404, _error("only /v1/models and /v1/completions are here"))
        return self._json(200, {"object": "list", "data": [{"id": self.completions.name, "object": "model"}]})

    def do_POST(self) -> None:
        gone = threading.Event()
        try:
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.path != "/v1/completions":
                return self._json(404, _error("only /v1/models and /v1/completions are here"))
            body = json.loads(data)
            said = self.completions.complete(body, gone)
            if body.get("stream"):
                return self._stream(said)
            pieces = list(said)
            text, reason = "".join(piece for piece, _ in pieces), pieces[-1][1]
            return self._json(200, self._choice(text, reason))
        except (RefusedError, ValueError, TypeError, AttributeError) as error:
            return self._json(400, _error(str(error)))
        except OSError:  # nobody listens any more
            self.close_connection = True
        finally:
            gone.set()
        return None

    def _choice(self, text: str, reason: str | None) -> dict[str, Any]:
        choice = {"index": 0, "text": text, "finish_reason": reason, "logprobs": None}
        return {"object": "text_completion", "model": self.completions.name, "choices": [choice]}

    def _stream(self, said: Iterator[Said]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for text, reason in said:
                self._event(self._choice(text, reason))
            self._chunk(b"data: [DONE]\n\n")
        except (ValueError, RuntimeError) as error:  # it was begun as a success: only an event can say it
            self._event(_error(str(error)))
        self._chunk(b"")

    def _event(self, body: dict[str, Any]) -> None:
        self._chunk(f"data: {json.dumps(body)}\n\n".encode())

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def _json(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves in the middle is no error: it has read what it wanted."""


def _error(message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error"}}


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve a model as an OpenAI-compatible endpoint on this machine.")
    parser.add_argument("model", help=f"one of {', '.join(BUILT_IN)}, or the folder of a causal model")
    parser.add_argument("--port", type=int, default=8000, help="0 finds a free one")
    parser.add_argument("--threads", type=int, default=1, help="1 is fastest for the embedded models")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    path = str(EMBEDDED / given.model) if given.model in BUILT_IN else given.model.removeprefix("hf:")
    Handler.completions = Completions(given.model, load_language_model(path))
    with Server(("127.0.0.1", given.port), Handler) as server:
        print(f"openai:{given.model}@http://127.0.0.1:{server.server_address[1]}/v1", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("stopped")


if __name__ == "__main__":
    main()

"""Asking a completions endpoint: a client per event loop, answers piece by piece, every failure as one plain line.

The `openai` library does the HTTP: retries with backoff, Retry-After, time limits, server-sent events. It is imported
when an endpoint is made.
"""

from __future__ import annotations

import asyncio
import codecs
import os
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    import ssl

    from openai import AsyncOpenAI

HOME = "api.openai.com"
"""The one host that OPENAI_API_KEY is sent to unasked."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class EndpointError(Exception):
    """Why the endpoint gave no answer, in one plain line without credentials."""


class BrokenAnswerError(EndpointError):
    """An answer began and broke off, or could not be read: what came before it stands, and it can be asked on."""


@dataclass
class Tally:
    """What one seat has asked for."""

    requests: int = 0
    """HTTP requests, retries included."""
    retries: int = 0
    """Requests made because the one before failed or broke off."""
    asked_again: int = 0
    """Requests made because a text did not open a unit."""


_TALLY: ContextVar[Tally] = ContextVar("tally")
"""Whose request it is: the library's own retries are counted where they are sent."""


def parse_address(address: str) -> tuple[str, str]:
    """``MODEL@URL`` as (model, URL). Raises ValueError, which never repeats what may be a password."""
    found = re.fullmatch(r"(.+?)@(https?://.+)", address, re.DOTALL)
    if not found:
        raise ValueError("an endpoint is openai:MODEL@URL, as in openai:my-model@http://127.0.0.1:8000/v1")
    return found[1], checked_url(found[2])


def checked_url(url: str) -> str:
    """The URL that ``/completions`` is put behind. Raises ValueError, which never repeats what may be a password."""
    try:
        parts = urlsplit(url)
        fine = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        fine = False
    if not fine or not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError("its URL cannot be read; it is like http://127.0.0.1:8000/v1, without /completions")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError(
            "its URL holds a user name, a password or options, which would be stored with the run; "
            "put a key into an environment variable and name that in api_key_env"
        )
    return url.rstrip("/")


def without_credentials(address: str) -> str:
    """An address, for messages about it, without what may be a password or a key."""
    return re.sub(r"[?#].*", "", re.sub(r"(?<=://).*@", "", address), flags=re.DOTALL)


def checked_key_name(name: str) -> str:
    """The name of an environment variable. Raises ValueError, which never repeats it: it may be a key."""
    if name and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,63}", name):
        raise ValueError("api_key_env takes the name of an environment variable, never the key itself")
    return name


def api_key(url: str, name: str) -> str:
    """The key to send to a URL: of the variable ``name``, or OPENAI_API_KEY for OpenAI's own host; else none.

    Raises ValueError if it is not there or cannot be sent.
    """
    at_home = urlsplit(url).hostname == HOME and url.startswith("https:")
    key = os.environ.get(name or "OPENAI_API_KEY", "").strip() if name or at_home else ""
    if not key and (name or at_home):
        # What is no usual name is not repeated: it may be the key itself.
        shown = (name or "OPENAI_API_KEY") if not name or name.isupper() else "that variable"
        raise ValueError(f"api_key_env: {shown} is not set in the environment")
    if not (key.isascii() and key.isprintable()):
        raise ValueError("api_key_env: the key has characters that no key has")
    return key


def plain(text: str, longest: int = 300) -> str:
    """One line of printable characters: what a server says is not passed to a terminal as it is."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 8 * longest]).split())
    return line if len(line) <= longest else line[: longest - 3] + "..."


class Client:
    """One endpoint, for any number of seats and event loops."""

    def __init__(
        self,
        model: str,
        url: str,
        *,
        api_key_env: str,
        body: Mapping[str, Any],
        timeout: float,
        retries: int,
        connections: int,
    ):
        """``body`` is what every request says besides model, prompt and seed."""
        import openai  # noqa: F401  (here, or the first request would stop the event loop for half a second)

        self.model = model
        self.url, self._key_name = checked_url(url), checked_key_name(api_key_env)
        self._body, self._timeout, self._retries, self._connections = dict(body), timeout, retries, connections
        self._held: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[AsyncOpenAI, Any]] = WeakKeyDictionary()
        # Who pays at OpenAI is nobody else's business: the library would read these from the environment.
        self._unsaid = [] if urlsplit(url).hostname == HOME else ["OpenAI-Organization", "OpenAI-Project"]
        if not api_key(self.url, self._key_name):  # and a key that is missing is said at once
            self._unsaid.append("Authorization")

    async def pieces(self, prompt: str, seed: int | None, tally: Tally) -> AsyncGenerator[tuple[str, str | None], None]:
        """Asks for a continuation: its text as it comes, and with the last piece why it ended. To be closed.

        Raises BrokenAnswerError for an answer that broke off or cannot be read, EndpointError where none came.
        """
        import httpx2
        import openai

        _TALLY.set(tally)
        began = False
        # Half a surrogate pair waits for the other half, which may be in the next piece.
        halves = codecs.getincrementaldecoder("utf-16-le")("replace")
        body = self._body if seed is None else {**self._body, "seed": seed}
        try:
            client = await self._of_this_loop()
            create: Any = client.completions.with_streaming_response.create
            unsaid = {name: openai.Omit() for name in self._unsaid}
            async with create(
                model=self.model, prompt=prompt, stream=True, extra_body=body, extra_headers=unsaid
            ) as response:
                began = True
                async with aclosing(_choices(response)) as choices:
                    async for text, reason in choices:
                        text = halves.decode(text.encode("utf-16-le", "surrogatepass"), reason is not None)
                        yield text, reason
                        if reason is not None:
                            return
            raise BrokenAnswerError("its answer broke off: it ended without a finish_reason")
        except (openai.APIError, httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise (BrokenAnswerError if began else EndpointError)(self._why(error)) from None
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            if not began:
                raise
            # What the library meets in JSON, or in characters, that are none.
            raise BrokenAnswerError(self._safe(f"its answer is malformed ({type(error).__name__}: {error})")) from None
        except BrokenAnswerError as error:
            raise BrokenAnswerError(self._safe(str(error))) from None

    async def _of_this_loop(self) -> AsyncOpenAI:
        """The client of the running event loop.

        It is held by an asynchronous generator, because a loop closes those when it is shut down (asyncio.run does):
        so a client lives as long as its loop, and no connection outlives either.
        """
        loop = asyncio.get_running_loop()
        if loop not in self._held:
            holder = self._hold()
            try:
                self._held[loop] = (await anext(holder), holder)
            except ValueError as error:  # the key was there when the agent was made
                raise EndpointError(plain(str(error))) from None
        return self._held[loop][0]

    async def _hold(self) -> AsyncGenerator[AsyncOpenAI, None]:
        import httpx2
        from openai import AsyncOpenAI, DefaultAsyncHttpxClient

        host = urlsplit(self.url).hostname
        client = AsyncOpenAI(
            api_key=api_key(self.url, self._key_name) or "none",
            base_url=self.url,
            max_retries=self._retries,
            http_client=DefaultAsyncHttpxClient(
                # How long nothing may come; waiting for a free connection is part of the turn's time.
                timeout=httpx2.Timeout(self._timeout, pool=None),
                limits=httpx2.Limits(max_connections=self._connections),
                verify=_certificates(),
                event_hooks={"request": [_count]},
                follow_redirects=False,  # a prompt goes where it was addressed to
                trust_env=host not in LOOPBACK,  # and to this machine without a proxy
            ),
        )
        try:
            yield client
        finally:
            self._held.pop(asyncio.get_running_loop(), None)
            await client.close()

    def _why(self, error: Exception) -> str:
        """What happened, with the server's own message."""
        import httpx2
        import openai

        if isinstance(error, openai.APIStatusError):
            hint = "; its URL is what comes before /completions, often with /v1" if error.status_code == 404 else ""
            return self._safe(f"HTTP {error.status_code}: {_said(error.body) or 'it says nothing more'}{hint}")
        cause = error if isinstance(error, httpx2.HTTPError) else error.__cause__
        if isinstance(error, openai.APITimeoutError) or isinstance(cause, httpx2.TimeoutException):
            return f"it gave nothing for {self._timeout:g} seconds"
        if isinstance(cause, httpx2.ConnectError):
            return self._safe(f"it cannot be reached ({cause})")
        if cause is not None:
            return self._safe(f"its answer broke off ({str(cause) or type(cause).__name__})")
        return self._safe(f"it reports an error: {_said(getattr(error, 'body', None)) or error}")

    def _safe(self, text: str) -> str:
        """Servers quote keys in their errors."""
        try:
            key = api_key(self.url, self._key_name)
        except ValueError:
            key = ""
        return plain(text.replace(key, "[the key]") if key else text)


@cache
def _certificates() -> ssl.SSLContext:
    """Read once: it takes longer than everything else about a client."""
    import httpx2

    return httpx2.create_ssl_context()


async def _count(request: Any) -> None:
    """Called by the HTTP client for everything that it sends, the library's retries included."""
    if tally := _TALLY.get(None):
        tally.requests += 1
        tally.retries += request.headers.get("x-stainless-retry-count", "0") != "0"


async def _choices(response: Any) -> AsyncGenerator[tuple[str, str | None], None]:
    """(text, finish_reason) of an answer's first choice, event by event; at once where a server cannot stream."""
    from openai.types import Completion

    kind = response.headers.get("content-type", "nothing")
    nothing = True
    if "json" in kind:
        body = await response.json()
        if not isinstance(body, dict):
            raise BrokenAnswerError("its answer is no JSON object")
        if body.get("error"):
            raise BrokenAnswerError(f"it reports an error: {_said(body['error'])}")
        chunks = _once(Completion.construct(**body))
    else:
        chunks = await response.parse()
    async for chunk in chunks:
        for choice in getattr(chunk, "choices", None) or ():
            if getattr(choice, "index", 0) not in (0, None):
                continue
            text, reason = getattr(choice, "text", None), getattr(choice, "finish_reason", None)
            if not isinstance(text, str | None) or (text is None and reason is None):
                raise BrokenAnswerError("its answer has no text; is it an endpoint for completions, not for chats?")
            nothing = False
            yield text or "", str(reason) if reason else None  # some servers say "" until they know
    if nothing:
        raise BrokenAnswerError(plain(f"its answer ({kind}) holds no completion"))


def _said(body: Any) -> Any:
    """The message in an error's body, or all of it."""
    return body.get("message") or body if isinstance(body, dict) else body


async def _once(chunk: Any) -> AsyncIterator[Any]:
    yield chunk

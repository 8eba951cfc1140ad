"""``python -m human.serve --study STUDY.toml``: opens a study to its participants."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import signal
import socket as sockets
import ssl
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from arena.command import fail, run_command
from arena.terminal import say, visible
from human.server.origins import check_origin, loopback

if TYPE_CHECKING:
    from human.session.hall import Hall

ANY = ("0.0.0.0", "::")
"""Hosts that stand for every address of this machine."""


@dataclass
class ServeConfig:
    """Serve a locked study: the page and the app join by personal links (python -m human.links).

    Example: python -m human.serve --study handoff.toml
    """

    study: Path
    """The study's TOML file. The record is STUDY.sqlite beside it, gone on with if it is there."""
    host: str = "127.0.0.1"
    """Where to listen. Beyond this machine only with --cert and --key, or behind a proxy."""
    port: int = 8765
    """0 takes a free one."""
    cert: Path | None = None
    """TLS: a PEM file with the certificate and its chain."""
    key: Path | None = None
    """TLS: a PEM file with its private key."""
    behind_proxy: bool = False
    """A proxy on this machine or network does TLS; docs/SERVER.md shows one that is known to work."""
    origin: Annotated[list[str], tyro.conf.UseAppendAction] = field(default_factory=list)
    """Where the page may be opened, as https://study.example.org (repeatable); default: this address."""
    draft: bool = False
    """Serve a study that is not locked, to try it; its record is a draft's for ever."""
    connections: int = 600
    """Screens at once."""
    show_admin: bool = False
    """Show the dashboard's link here; else it is in STUDY.admin alone, for whoever owns that file."""
    verbose: bool = False
    """Say who comes and goes."""


def main(config: ServeConfig) -> None:
    """Serves until it is stopped. Raises UserError."""
    from human.server.house import hall_of, opened, record_of

    secure = check(config)
    logging.basicConfig(level=logging.INFO if config.verbose else logging.WARNING, format="%(asctime)s %(message)s")
    study, stimuli, seal = opened(config.study, draft=config.draft)
    with record_of(study, seal) as record, hall_of(study, stimuli, record, draft=config.draft) as hall:
        asyncio.run(serve(config, hall, secure))


def check(config: ServeConfig) -> ssl.SSLContext | None:
    """The TLS context, if there is one. Raises UserError for what would send people's words in the clear."""
    if not 0 <= config.port < 65536:
        fail(f"--port must be between 0 and 65535, not {config.port}")
    if config.connections < 1:
        fail(f"--connections must be at least 1, not {config.connections}")
    if bool(config.cert) != bool(config.key):
        fail("--cert and --key go together")
    for origin in config.origin:
        check_origin("--origin", origin)
    if config.host in ANY and not config.origin and (config.cert or config.behind_proxy):
        fail(f"--host {config.host}: is no name; say where the page is opened, as --origin https://study.example.org")
    if config.cert and config.key:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(config.cert, config.key)
        except (OSError, ssl.SSLError) as error:
            fail(f"--cert {config.cert}: {error}; both must be PEM files that belong together")
        return context
    if not loopback(config.host) and not config.behind_proxy:
        fail(
            f"--host {config.host}: would send people's words in the clear; give --cert and --key, or --behind-proxy "
            "where a proxy does TLS"
        )
    if config.behind_proxy and not config.origin:
        fail("--behind-proxy: say where the page is opened, as --origin https://study.example.org")
    return None


async def serve(config: ServeConfig, hall: Hall, secure: ssl.SSLContext | None, ready: Any = None) -> None:
    """Listens until it is told to stop; ``ready`` is called with the port."""
    from websockets.asyncio.server import ServerConnection
    from websockets.asyncio.server import serve as listen

    from human.messages import MESSAGE
    from human.server.connection import serve_screen
    from human.server.dashboard import Dashboard
    from human.server.house import private_file
    from human.server.http import ADMIN, Door, dressed, path_of
    from human.server.keeper import Keeper
    from human.server.limits import Limits
    from human.server.sockets import Sockets

    limits = Limits(connections=config.connections)
    door = Door(limits)
    dashboard = Dashboard(hall)
    connections = Sockets()

    async def screen(socket: ServerConnection) -> None:
        if path_of(socket.request) == ADMIN:
            door.watching += 1
            try:
                await dashboard.serve(socket)
            finally:
                door.watching -= 1
            return
        door.inside += 1
        try:
            await serve_screen(socket, hall, limits)
        finally:
            door.inside -= 1

    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):  # not in the main thread
            loop.add_signal_handler(number, stopped.set)
    try:
        listening = await listen(
            screen,
            config.host,
            config.port,
            create_connection=connections.kind,
            ssl=secure,
            process_request=door,
            process_response=dressed,
            origins=None,
            max_size=MESSAGE,
            compression=None,
            ping_interval=20,
            ping_timeout=20,
            server_header=None,
        )
    except (sockets.gaierror, UnicodeError) as error:
        fail(f"--host {config.host}: {getattr(error, 'strerror', 'no name')}; give a name or address of this machine")
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            fail(f"--host {config.host}: is no address of this machine")
        if error.errno == errno.EADDRINUSE:
            fail(f"--port {config.port}: something listens there already; give another, or 0 for a free one")
        fail(f"--port {config.port}: {error.strerror or error}")
    async with listening as server:
        port = next(iter(server.sockets)).getsockname()[1]
        door.origins = origins(config, port, secure is not None)
        scheme = "https" if secure else "http"
        dashboard.base = (config.origin or [f"{scheme}://{_shown(config.host)}:{port}"])[0].rstrip("/")
        admin = hall.study.path.with_suffix(".admin")
        private_file(admin, dashboard.link + "\n")
        what = "a draft of " if hall.draft else ""
        say(
            visible(f"serving {what}{hall.study.name} at {scheme}://{_shown(config.host)}:{port}/; Ctrl-C stops it"),
            sys.stderr,
        )
        say(visible(f"dashboard: {dashboard.link if config.show_admin else f'the link in {admin}'}"), sys.stderr)
        if ready:
            ready(port)
        keeping = asyncio.create_task(Keeper(hall).run())
        try:
            await stopped.wait()
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
        # Service restart (RFC 6455's registry): the page and the app keep what was typed, and come again.
        server.close(close_connections=False)
        goodbyes = (one.close(1012, "the server stops; come back in a moment") for one in list(server.connections))
        await asyncio.gather(*goodbyes, return_exceptions=True)
        connections.abort()
        for session in list(hall.sessions.values()):
            await session.stop()
        admin.unlink(missing_ok=True)
    say("stopped; everything that was acknowledged is in the record", sys.stderr)


def origins(config: ServeConfig, port: int, secure: bool) -> set[str]:
    """Where a browser's page may come from; an app has no origin."""
    if config.origin:
        return {origin.rstrip("/") for origin in config.origin}
    scheme, usual = ("https", 443) if secure else ("http", 80)
    hosts = {_shown(config.host)} | ({"localhost", "127.0.0.1", "[::1]"} if loopback(config.host) else set())
    return {f"{scheme}://{host}" + (f":{port}" if port != usual else "") for host in hosts}


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


if __name__ == "__main__":
    run_command(main, ServeConfig, prog="python -m human.serve")

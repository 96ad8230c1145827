"""`emotone serve` and `emotone mcp`: predictions over HTTP and WebSocket, and as a tool for assistants."""

from __future__ import annotations

import signal
from pathlib import Path

import click

from emotone.cli import console
from emotone.cli.options import model_option
from emotone.errors import missing_extra

MEGABYTE = 1 << 20
HOST, PORT = "127.0.0.1", 8484


@click.command(
    epilog="""\b
Examples:
  emotone serve
  emotone serve --model default --model mine/ --port 9000
  emotone serve --host 0.0.0.0 --tokens tokens.txt --tls-cert cert.pem --tls-key key.pem
  curl --data-binary @call.wav http://127.0.0.1:8484/v1/predict
  curl --form file=@call.wav "http://127.0.0.1:8484/v1/predict?channel=0"

Nothing that is sent is stored. Logs are JSON lines on standard error, without audio and results. Ctrl+C or SIGTERM
ends the server after running predictions and streams have had their last results.
"""
)
@click.option("--host", default=HOST, show_default=True, metavar="ADDRESS", help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, metavar="N", help="0 takes a free one."
)
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="NAME|DIR",
    help="A shipped model, or the folder of a bundle; may be repeated. The first is the default. [all shipped models]",
)
@click.option(
    "--tokens",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Require one of the bearer tokens in this file, which contains one per line.",
)
@click.option(
    "--origin",
    "origins",
    multiple=True,
    metavar="URL",
    help="Allow pages of this origin to use the server, e.g. https://example.org; may be repeated.",
)
@click.option("--tls-cert", type=click.Path(exists=True, dir_okay=False), metavar="FILE", help="Certificate (PEM).")
@click.option("--tls-key", type=click.Path(exists=True, dir_okay=False), metavar="FILE", help="Its private key (PEM).")
@click.option(
    "--max-body", type=click.IntRange(min=1), default=32, show_default=True, metavar="MIB", help="Size of a recording."
)
@click.option(
    "--max-duration",
    type=click.FloatRange(min=0, min_open=True),
    default=3600,
    show_default=True,
    metavar="SECONDS",
    help="Duration of a recording.",
)
@click.option(
    "--requests",
    type=click.IntRange(min=1),
    metavar="N",
    help="Predictions at the same time.  [number of cores]",
)
@click.option(
    "--queue",
    type=click.IntRange(min=0),
    default=8,
    show_default=True,
    metavar="N",
    help="Waiting predictions; more are answered 503.",
)
@click.option(
    "--sessions",
    type=click.IntRange(min=1),
    default=64,
    show_default=True,
    metavar="N",
    help="Streams at the same time; more are answered 503.",
)
@click.option(
    "--session-duration",
    type=click.FloatRange(min=0, min_open=True),
    default=7200,
    show_default=True,
    metavar="SECONDS",
    help="Duration of a stream.",
)
@click.option(
    "--idle",
    type=click.FloatRange(min=0, min_open=True),
    default=30,
    show_default=True,
    metavar="SECONDS",
    help="End a stream that sends nothing for this long.",
)
def serve(
    *,
    host: str,
    port: int,
    models: tuple[str, ...],
    tokens: Path | None,
    origins: tuple[str, ...],
    tls_cert: str | None,
    tls_key: str | None,
    max_body: int,
    max_duration: float,
    requests: int | None,
    queue: int,
    sessions: int,
    session_duration: float,
    idle: float,
) -> int:
    """Serve predictions over HTTP and WebSocket, with a page to try them.

    The server answers this machine only, unless --host names another address. POST /v1/predict takes a recording; the
    WebSocket /v1/stream takes live audio; /docs lists all of it.
    """
    try:
        from emotone.serve.server import Server, listen
    except ModuleNotFoundError as error:
        raise missing_extra(error.name or "fastapi", "serve", "emotone serve") from None
    from emotone.serve.observation import configure_logs
    from emotone.serve.service import Service, load_models
    from emotone.serve.settings import Limits, Settings, cores, read_tokens

    limits = Limits(
        body_bytes=max_body * MEGABYTE,
        recording_seconds=max_duration,
        requests=cores() if requests is None else requests,
        queue=queue,
        sessions=sessions,
        session_seconds=session_duration,
        idle_seconds=idle,
    )
    settings = Settings(
        models=models,
        host=host,
        port=port,
        tokens=None if tokens is None else read_tokens(tokens),
        origins=origins,
        tls_cert=tls_cert,
        tls_key=tls_key,
        limits=limits,
    )
    configure_logs()
    listener = listen(settings)
    with listener:
        server = Server(Service(settings, load_models(models)), listener)
        if not settings.is_local and settings.tokens is None:
            console.note("everyone who can reach this address can use the server; --tokens restricts it")
        console.note(f"open {server.url} in a browser; Ctrl+C ends the server")
        # The server handles SIGTERM while it runs and raises it again at its end: an orderly end is a success.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        server.serve_forever()
    return 0


@click.command(
    epilog="""\b
Examples:
  emotone mcp
  emotone mcp --folder ~/recordings

An assistant starts this command by itself. Its configuration, in most programs:
  {"mcpServers": {"emotone": {"command": "emotone", "args": ["mcp", "--folder", "/srv/recordings"]}}}
"""
)
@model_option
@click.option(
    "--folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="The only folder whose recordings may be read; otherwise all files that you can read.",
)
def mcp(*, model: str, folder: Path | None) -> int:
    """Offer predictions to assistants, over the Model Context Protocol.

    The messages pass through standard input and output. The tools are predict, explain and describe_model.
    """
    from emotone.inference.model import load
    from emotone.integrations.mcp_server import create_mcp_server

    create_mcp_server(load(model), folder=folder).run("stdio")
    return 0

"""The embedded provider's one process: chat model and embeddings, each behind a loopback address.

``python -m rechenwerk.providers.embedded --models DIR`` prints one line of JSON when it is ready,
``{"chat": "http://127.0.0.1:PORT" or null, "embeddings": "http://127.0.0.1:PORT", "models": "names"}``, and
ends when its standard input ends: a parent that was killed leaves no orphan. Pulled models are served at the
address of the chat model, by their names.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
import xllamacpp

from rechenwerk.base.errors import SetupError
from rechenwerk.providers.assets import POTION, SMOLLM2, locate
from rechenwerk.providers.embedded_chat import ChatFront
from rechenwerk.providers.embedded_vectors import VectorServer
from rechenwerk.providers.embedder import Embedder
from rechenwerk.providers.pulled import Pulled, pulled
from rechenwerk.providers.sentences import SentenceEmbedder

HOST = "127.0.0.1"
TEMPLATE = Path(__file__).with_name("smollm2.jinja")
EMBEDDED_TOKENS = 512  # that a sentence model sees at once
MOST_THREADS = 4  # a model this small gains nothing from more, and its threads wait actively


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="rechenwerk.providers.embedded", description=__doc__)
    parser.add_argument("--models", type=Path, required=True, help="folder with the fetched models")
    parser.add_argument("--no-chat", action="store_true", help="embeddings only")
    parser.add_argument("--context", type=int, default=8192, help="tokens that all slots share evenly")
    parser.add_argument("--slots", type=int, default=4, help="chats that are answered at the same time")
    parser.add_argument("--threads", type=int, default=0, help="of each model; 0: the processors, at most 4")
    parser.add_argument("--chat-port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--embed-port", type=int, default=0, help="0 takes a free one")
    return parser.parse_args(argv)


def load_chat(models: Path, context: int, slots: int, threads: int = 0) -> Any:
    """llama.cpp's server on a free loopback port, in threads of its own; keep the object alive.

    Raises:
        SetupError: the model file is missing or llama.cpp cannot load it.
    """
    (model,) = locate(SMOLLM2, models)
    return load(model, SMOLLM2.name, context, slots, TEMPLATE.read_text(encoding="utf-8"), threads)


def load_pulled(models: Path, kind: str, threads: int) -> dict[str, Any]:
    """Name -> llama.cpp's server of every pulled model; what cannot be loaded is told and left out."""
    servers = {}
    found: list[Pulled] = []
    try:
        found = pulled(models)
    except SetupError as error:
        sys.stderr.write(f"{error}\n")
    for one in found:
        try:
            if one.kind == kind:
                servers[one.name] = load_as(one, models, threads)
        except SetupError as error:
            sys.stderr.write(f"{error}\n")
    return servers


def load_as(one: Pulled, models: Path, threads: int) -> Any:
    """A pulled model behind llama.cpp's server, for chats or for embeddings."""
    if one.kind == "chat":
        return load(one.path(models), one.name, one.context_tokens * one.slots, one.slots, threads=threads)
    # One thread: more of them wait for each other over sentences this short.
    return load(one.path(models), one.name, EMBEDDED_TOKENS, 1, threads=1, embeddings=True)


def load(
    model: Path,
    name: str,
    context: int,
    slots: int,
    template: str = "",
    threads: int = 0,
    *,
    embeddings: bool = False,
) -> Any:
    """A model behind llama.cpp's server.

    Args:
        model: its GGUF.
        name: that its answers carry.
        context: tokens that the slots share evenly.
        slots: chats at the same time.
        template: of its chats; empty for the one in the file.
        threads: 0 for as many as processors, but at most four.
        embeddings: serve vectors instead of chats.

    Raises:
        SetupError: llama.cpp cannot load it.
    """
    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.model_alias = {name}  # else every answer would carry a path of this machine
    params.hostnames = [HOST]
    params.port = 0
    params.n_ctx = context
    params.n_parallel = slots
    params.cpuparams.n_threads = threads or min(MOST_THREADS, os.cpu_count() or 1)
    if embeddings:
        params.embedding = True
        params.n_batch = params.n_ubatch = context
    params.use_jinja = True
    if template:
        params.chat_template = template
    params.ui = False
    params.endpoint_slots = False  # it shows the prompts of others
    params.verbosity = 0
    # llama.cpp would keep up to 8 GiB of old prompts; within a slot the last prompt is reused anyway.
    params.cache_ram_mib = 0
    params.cache_idle_slots = False
    try:
        return xllamacpp.Server(params)
    except Exception as error:  # the wheel raises plain RuntimeError and others
        raise SetupError(
            f"cannot load chat model {model}: {error}; check that memory is free, or delete the file"
        ) from error


def listen(port: int) -> socket.socket:
    """A listening loopback socket.

    Raises:
        SetupError: the port is taken.
    """
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        raise SetupError(f"cannot listen on {HOST}:{port}: {error.strerror}; choose another port") from error


def serve(apps: list[tuple[Any, socket.socket]]) -> None:
    """Run the applications until the process ends; it ends too if they do."""

    async def together() -> None:
        quiet: dict[str, Any] = {"lifespan": "off", "ws": "none", "access_log": False, "log_config": None}
        servers = [(uvicorn.Server(uvicorn.Config(app, **quiet)), sock) for app, sock in apps]
        await asyncio.gather(*(server.serve(sockets=[sock]) for server, sock in servers))

    try:
        asyncio.run(together())
    finally:
        os._exit(1)


def start(options: argparse.Namespace) -> tuple[dict[str, str | None], Any]:
    """Load the models and serve in a thread.

    Returns:
        The two addresses and the names of pulled models, and llama.cpp's servers, which serve for as long as
        the objects are kept.
    """
    sentences = load_pulled(options.models, "embeddings", options.threads)
    others = {name: SentenceEmbedder(server.listening_address) for name, server in sentences.items()}
    vectors = VectorServer(Embedder(*locate(POTION, options.models)), others)
    apps: list[tuple[Any, socket.socket]] = [(vectors, listen(options.embed_port))]
    llamas: dict[str, Any] = sentences
    if not options.no_chat:
        chat_socket = listen(options.chat_port)
        chats = load_pulled(options.models, "chat", options.threads)
        addresses = {name: server.listening_address for name, server in chats.items()}
        chats[""] = load_chat(options.models, options.context, options.slots, options.threads)
        llamas = sentences | chats
        apps.append((ChatFront(chats[""].listening_address, addresses), chat_socket))
    threading.Thread(target=serve, args=(apps,), daemon=True).start()
    urls = [f"http://{HOST}:{sock.getsockname()[1]}" for _, sock in apps]
    chat = urls[1] if len(urls) > 1 else None
    return {"chat": chat, "embeddings": urls[0], "models": " ".join(filter(None, llamas))}, llamas


def main(argv: list[str] | None = None) -> None:
    """Start, say where, live as long as the parent."""
    options = arguments(argv)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    try:
        addresses, _llama = start(options)
    except SetupError as error:
        sys.stderr.write(f"{error}\n")
        sys.stderr.flush()
        os._exit(1)
    # llama.cpp put handlers of its own in place.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    sys.stdout.buffer.write(msgspec.json.encode(addresses) + b"\n")
    sys.stdout.buffer.flush()
    while sys.stdin.buffer.read(4096):
        pass
    # Without the destructors: generation may be running, and there is nothing to save.
    os._exit(0)


if __name__ == "__main__":
    main()

"""The run's workplace: its folder, its cores, the upstreams and what has been started."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from bench import procs, tools, upstream
from bench.machine import free_port, raise_file_limit, rss_mb, tree_seconds
from bench.results import HERE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

FILES = 12_000
CHAT = "/v1/chat/completions"
UP_CONF = """
worker_processes 1; daemon off; pid FOLDER/up.pid; error_log FOLDER/up.error; USER
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 100000000; default_type application/json; client_max_body_size 10m;
  client_body_temp_path FOLDER/up.body; proxy_temp_path FOLDER/up.proxy; fastcgi_temp_path FOLDER/up.fcgi;
  uwsgi_temp_path FOLDER/up.uwsgi; scgi_temp_path FOLDER/up.scgi;
  log_format status $status;
  server {
    listen 127.0.0.1:PORT reuseport;
    location = /v1/models { return 200 'MODELS'; }
    location = /gw/v1/models { return 200 'MODELS'; }
    location /gw/ { access_log FOLDER/up.count status buffer=64k flush=100ms; return 200 'ANSWER'; }
    location / { return 200 'ANSWER'; }
  }
}
"""


@dataclass(frozen=True)
class Road:
    """A way to a provider's answer: a model name and where the upstream for it listens."""

    model: str
    port: int
    prefix: str

    def base(self, *, counted: bool = False) -> str:
        """The address for a provider's entry; the gateway's calls are counted apart."""
        return f"http://127.0.0.1:{self.port}{'/gw' if counted else ''}{self.prefix}/v1"

    @property
    def path(self) -> str:
        return self.prefix + CHAT


@dataclass(frozen=True)
class Target:
    """Something that answers chat calls, and the process that is measured while it does."""

    name: str
    port: int
    path: str
    model: str
    key: str = "none"
    root: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.path}"

    def cpu(self) -> float:
        return tree_seconds(self.root)

    def rss(self) -> float:
        return rss_mb(self.root)

    def body(self, tokens: int, *, stream: bool = False) -> bytes:
        """The same question to everyone."""
        question = "Write a sentence about a fox, please, and keep it short and vivid."
        values = {
            "model": self.model,
            "messages": [
                {"role": "system", "content": "You are a helpful assistant."},
                {"role": "user", "content": question},
            ],
            "max_tokens": tokens,
        }
        if stream:
            values |= {"stream": True, "stream_options": {"include_usage": True}}
        return json.dumps(values, separators=(",", ":")).encode()

    def request(self, body: bytes) -> bytes:
        """The bytes of a whole HTTP request."""
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n"
            f"Content-Type: application/json\r\nAuthorization: Bearer {self.key}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


class Lab:
    """Everything a bench may need; leaving it ends every process and removes the folder."""

    def __init__(
        self,
        *,
        quick: bool,
        say: Callable[[str], None],
        remark: Callable[[str], None],
        full: bool = False,
    ) -> None:
        self.quick = quick
        self.full = full
        self.say = say
        self.remark = remark
        available = sorted(os.sched_getaffinity(0))
        self.cores = tuple(available)
        self.gateway_core = available[0]
        self.load_core = available[1] if len(available) > 1 else available[0]
        self.exit = contextlib.ExitStack()
        self.passing = contextlib.ExitStack()
        self.counter: Counter[str] = Counter()

    def __enter__(self) -> Self:
        raise_file_limit(FILES)
        # Not /tmp, which is memory on many machines: a commit has to reach a disk.
        base = "/var/tmp" if os.access("/var/tmp", os.W_OK) else None
        self.folder = Path(tempfile.mkdtemp(prefix="rw-bench-", dir=base))
        self.exit.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.exit.callback(procs.sweep, self.folder)
        self.exit.callback(self.passing.close)
        self.folder.chmod(0o755)
        os.sched_setaffinity(0, {self.load_core})
        if len(self.cores) == 1:
            self.remark("this machine has one core: gateway, load and database share it")
        return self

    def __exit__(self, *unused: object) -> None:
        self.exit.close()
        os.sched_setaffinity(0, set(self.cores))

    def release(self) -> None:
        """Ends what belongs to one bench alone."""
        self.passing.close()

    def fresh(self, name: str) -> str:
        """A name that this run has not used yet."""
        self.counter[name] += 1
        return f"{name}{self.counter[name]}"

    def start(
        self,
        name: str,
        command: Sequence[str],
        *,
        cores: Sequence[int],
        environment: Mapping[str, str] | None = None,
    ) -> procs.Program:
        """Starts a program that the lab will end at the latest."""
        program = procs.start(
            self.fresh(name), command, cores=cores, folder=self.folder, environment=environment
        )
        self.exit.callback(procs.stop, program)
        return program

    def nginx(self, name: str, text: str, port: int, core: int) -> procs.Program:
        """An nginx with the given configuration, ready."""
        user = "user root;" if os.geteuid() == 0 else ""
        conf = self.folder / f"{name}.conf"
        conf.write_text(text.replace("USER", user).replace("FOLDER", str(self.folder)))
        command = [tools.need("nginx", self.say), "-c", str(conf), "-p", str(self.folder)]
        command += ["-e", str(self.folder / f"{name}.error")]
        program = self.start(name, command, cores=[core])
        procs.wait_until(lambda: procs.http_status(port, "/v1/models") == 200, program, limit=10)
        return program

    def roads(self) -> tuple[Road, Road, Road]:
        """Starts the upstreams once: an instant one, one that takes 20 ms, one that takes a second."""
        if not hasattr(self, "_roads"):
            instant, paced = free_port(), free_port()
            text = UP_CONF.replace("ANSWER", upstream.ANSWER.decode())
            text = text.replace("MODELS", upstream.MODELS.decode()).replace("PORT", str(instant))
            self.nginx("up", text, instant, self.load_core)
            command = [sys.executable, "-m", "bench.upstream", str(paced)]
            environment = {"PYTHONPATH": str(HERE.parent)}
            program = self.start("paced", command, cores=[self.load_core], environment=environment)
            procs.wait_until(lambda: procs.http_status(paced, "/count") == 200, program, limit=10)
            self._roads = (
                Road("fake", instant, ""),
                Road("paced", paced, "/20"),
                Road("trickle", paced, "/1000"),
            )
        return self._roads

    def provided(self) -> tuple[int, int, int]:
        """Calls, input and output tokens that the upstreams have answered to the gateway so far."""
        time.sleep(0.25)
        answers = (self.folder / "up.count").read_bytes().split().count(b"200")
        tokens = [answers, answers * upstream.INPUT_TOKENS, answers * upstream.UNARY_OUTPUT_TOKENS]
        address = f"http://127.0.0.1:{self.roads()[1].port}/count"
        with urllib.request.urlopen(address, timeout=10) as reply:
            rows: dict[str, list[int]] = json.load(reply)
        for path, row in rows.items():
            if path.startswith("/gw/"):
                tokens = [old + new for old, new in zip(tokens, row, strict=True)]
        return tokens[0], tokens[1], tokens[2]

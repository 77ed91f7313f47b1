"""What the gateway is compared with: nginx as a plain proxy, LiteLLM's proxy, and the bare road."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from bench import procs
from bench.lab import CHAT, Lab, Road, Target
from bench.machine import BenchError, free_port, rss_mb, tree
from bench.results import HERE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PEERS = HERE / ".peers"
LOCK = HERE / "litellm.lock"
KEY = "sk-" + "bench-of-rechenwerk-" * 3
PX_CONF = """
worker_processes 1; daemon off; pid FOLDER/px.pid; error_log FOLDER/px.error; USER
events { worker_connections 8192; }
http {
  access_log off; keepalive_requests 100000000; client_max_body_size 10m;
  client_body_temp_path FOLDER/px.body; proxy_temp_path FOLDER/px.proxy; fastcgi_temp_path FOLDER/px.fcgi;
  uwsgi_temp_path FOLDER/px.uwsgi; scgi_temp_path FOLDER/px.scgi;
  upstream instant { server 127.0.0.1:INSTANT; keepalive 256; keepalive_requests 100000000; }
  upstream paced { server 127.0.0.1:PACED; keepalive 256; keepalive_requests 100000000; }
  proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
  server { listen 127.0.0.1:PORT;
    location / { proxy_buffering on; proxy_pass http://instant; }
    location /20/ { proxy_pass http://paced; }
    location /1000/ { proxy_pass http://paced; } }
}
"""
MODEL = """
  - model_name: {model}
    litellm_params: {{model: openai/{model}, api_base: "{base}", api_key: none}}"""
SETTINGS = """
litellm_settings:
  {{set_verbose: false, num_retries: 0, request_timeout: 600,
    use_chat_completions_url_for_anthropic_messages: true}}
general_settings: {{master_key: {key}}}
"""


@dataclass(frozen=True)
class Peer:
    """A running peer."""

    name: str
    port: int
    program: procs.Program
    key: str = "none"
    by_path: bool = False
    sleeps: bool = False

    def target(self, road: Road) -> Target:
        """The peer's answer for one road."""
        path = road.path if self.by_path else CHAT
        return Target(self.name, self.port, path, road.model, self.key, self.program.pid)

    def signal(self, number: signal.Signals) -> None:
        for process in tree(self.program.pid):
            process.send_signal(number)

    @contextlib.contextmanager
    def awake(self) -> Iterator[None]:
        """Lets a peer with work of its own run only in its turn: it takes nothing from the others' core."""
        if self.sleeps:
            self.signal(signal.SIGCONT)
        try:
            yield
        finally:
            if self.sleeps:
                self.signal(signal.SIGSTOP)


class Crew:
    """The peers of a run, each started when it is first needed and then kept."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.known: dict[str, Peer | None] = {}
        self.idle_mb: dict[str, float] = {}

    def nginx(self) -> Peer:
        peer = self.known.get("nginx") or nginx(self.lab)
        self.known["nginx"] = peer
        return peer

    def litellm(self) -> Peer | None:
        """LiteLLM, stopped until its turn; None, and a remark, where it cannot be had."""
        if "litellm" not in self.known:
            try:
                peer = litellm(self.lab)
            except BenchError as missing:
                self.lab.remark(str(missing))
                self.known["litellm"] = None
                return None
            time.sleep(3)
            self.idle_mb["litellm"] = rss_mb(peer.program.pid)
            peer.signal(signal.SIGSTOP)
            self.known["litellm"] = peer
        return self.known["litellm"]


def direct(road: Road) -> Target:
    """The upstream itself, without anything between."""
    return Target("direct", road.port, road.path, road.model)


def nginx(lab: Lab) -> Peer:
    """nginx as a plain proxy on the gateway's core: no key, no limit, no booking."""
    instant, paced, _ = lab.roads()
    port = free_port()
    text = PX_CONF.replace("INSTANT", str(instant.port)).replace("PACED", str(paced.port))
    program = lab.nginx("px", text.replace("PORT", str(port)), port, lab.gateway_core)
    return Peer("nginx", port, program, by_path=True)


def bare(lab: Lab, road: Road, database_url: str) -> Target:
    """The bare road on the gateway's core and on the same database server, until the bench ends."""
    port = free_port()
    command = [sys.executable, "-m", "bench.bare", str(port), str(road.port), road.path, database_url]
    program = procs.start(
        lab.fresh("bare"),
        command,
        cores=[lab.gateway_core],
        folder=lab.folder,
        environment={"PYTHONPATH": str(HERE.parent)},
    )
    lab.passing.callback(procs.stop, program)
    procs.wait_until(lambda: procs.http_status(port, "/") == 200, program, limit=10)
    return Target("bare road", port, CHAT, road.model, root=program.pid)


def install_litellm(say: Callable[[str], None]) -> Path:
    """LiteLLM in a virtual environment of its own, from the lock file."""
    home = PEERS / "litellm"
    done, wanted = home / ".installed", sha256(LOCK.read_bytes()).hexdigest()
    if not done.exists() or done.read_text() != wanted:
        say("installing LiteLLM")
        shutil.rmtree(home, ignore_errors=True)
        uv = str(Path(sys.executable).parent / "uv")
        pip = [
            uv,
            "pip",
            "install",
            "--quiet",
            "--compile-bytecode",
            "--python",
            str(home / "bin" / "python"),
        ]
        for command in (
            [uv, "venv", "--quiet", "--python", sys.executable, str(home)],
            [*pip, "--require-hashes", "-r", str(LOCK)],
        ):
            result = subprocess.run(command, capture_output=True, text=True, check=False)
            if result.returncode:
                raise BenchError(f"LiteLLM cannot be installed: {result.stderr.strip()[-300:]}")
        done.write_text(wanted)
    return home / "bin" / "litellm"


def litellm(lab: Lab) -> Peer:
    """LiteLLM's proxy, one worker on the gateway's core, without a database: it books nothing."""
    program_file = install_litellm(lab.say)
    port = free_port()
    models = "".join(MODEL.format(model=road.model, base=road.base()) for road in lab.roads())
    conf = lab.folder / "litellm.yaml"
    conf.write_text("model_list:" + models + SETTINGS.format(key=KEY))
    environment = {
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_LOG": "ERROR",
        "LITELLM_MODE": "PRODUCTION",
        "LITELLM_MASTER_KEY": KEY,
        "PATH": f"{program_file.parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }
    command = [str(program_file), "--config", str(conf), "--host", "127.0.0.1", "--port", str(port)]
    lab.say("starting LiteLLM")
    program = lab.start(
        "litellm", [*command, "--num_workers", "1"], cores=[lab.gateway_core], environment=environment
    )
    procs.wait_until(
        lambda: procs.http_status(port, "/health/readiness") == 200, program, limit=180, pause=0.25
    )
    return Peer("litellm", port, program, key=KEY, sleeps=True)

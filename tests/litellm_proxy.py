"""LiteLLM's proxy as a real provider that is not ours: it speaks Anthropic in front of an OpenAI upstream."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import procs
from bench.machine import free_port
from bench.peers import KEY, install_litellm

from tests.fakes.knobs import DEFAULT_MODEL

CONFIGURATION = """
model_list:
  - model_name: {model}
    litellm_params: {{model: openai/{model}, api_base: "{base_url}", api_key: none}}
litellm_settings:
  {{set_verbose: false, num_retries: 0, request_timeout: 60,
    use_chat_completions_url_for_anthropic_messages: true}}
general_settings: {{master_key: {key}}}
"""


@contextmanager
def running_litellm(upstream_base_url: str) -> Iterator[tuple[str, str]]:
    """Start the proxy, with the lock file's versions; yields its address and its key.

    Args:
        upstream_base_url: where chat completions are answered, with its ``/v1``.

    Raises:
        BenchError: it cannot be installed or does not start; the message says why.
    """
    program_file = install_litellm(lambda _: None)
    port = free_port()
    environment = {
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else it downloads a price list
        "LITELLM_LOG": "ERROR",
        "LITELLM_MODE": "PRODUCTION",
        "LITELLM_MASTER_KEY": KEY,
        "PATH": f"{program_file.parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        configuration = folder / "litellm.yaml"
        configuration.write_text(
            CONFIGURATION.format(model=DEFAULT_MODEL, base_url=upstream_base_url, key=KEY)
        )
        command = [str(program_file), "--config", str(configuration), "--host", "127.0.0.1"]
        program = procs.start(
            "litellm",
            [*command, "--port", str(port), "--num_workers", "1"],
            cores=os.sched_getaffinity(0),
            folder=folder,
            environment=environment,
        )
        try:
            procs.wait_until(
                lambda: procs.http_status(port, "/health/readiness") == 200, program, limit=180, pause=0.25
            )
            yield f"http://127.0.0.1:{port}", KEY
        finally:
            procs.stop(program)

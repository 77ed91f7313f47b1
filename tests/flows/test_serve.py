"""`rechenwerk serve` as a person runs it: the first minute, the second start, and all that can go wrong."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import httpx2
import psutil
import pytest

from rechenwerk.providers.assets import POTION, SMOLLM2, fetch
from tests import postgres
from tests.flows.conftest import MODELS
from tests.flows.serving import COMMAND, ROOT, arguments, free_ports, serving


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder that has the models already."""
    fetch(SMOLLM2, MODELS, print)
    fetch(POTION, MODELS, print)
    data = tmp_path / "data"
    data.mkdir()
    (data / "models").symlink_to(MODELS)
    return data


def children(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def refused(command: list[str], **environment: str) -> str:
    """Run a command that must fail with one line; returns the line."""
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, env={**os.environ, **environment}, check=False
    )
    assert done.returncode not in {0, None}, done
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("rechenwerk: ")
    return lines[0]


def test_the_first_minute(folder: Path) -> None:
    process = subprocess.Popen(
        arguments(folder), stdout=subprocess.PIPE, text=True, env={**os.environ, "COLUMNS": "120"}
    )
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if line.startswith("Ready:"):
            break
    family = children(process.pid)
    process.send_signal(signal.SIGINT)
    rest = process.stdout.read()
    assert process.wait(timeout=60) == 0, rest
    process.stdout.close()
    assert re.search(r"rw-[a-z2-7]{32}", seen)
    for part in ("double-entry", "tokens in", "outcome posted", "receivable(default)", "revenue(default)"):
        assert part in seen
    assert "curl http://127.0.0.1:" in seen
    assert "from openai import OpenAI" in seen
    psutil.wait_procs(family, timeout=10)
    assert not [one for one in family if one.is_running()], "Ctrl-C ends every child"


def test_a_second_start_knows_everything_and_shows_no_key(folder: Path) -> None:
    command = arguments(folder, "--without-model")
    with serving(command) as (_, ready):
        key = str(ready["key"])
        office = str(ready["office_url"])
        made = httpx2.get(f"{office}/api/v1/keys", headers={"authorization": f"Bearer {key}"})
        assert [one["name"] for one in made.json()["keys"]] == ["admin"]
    with serving(command) as (_, ready):
        assert "key" not in ready
        models = httpx2.get(f"{ready['url']}/v1/models", headers={"authorization": f"Bearer {key}"})
        assert models.status_code == 200
        assert key not in "".join(
            path.read_text(errors="replace") for path in folder.iterdir() if path.is_file()
        ), "the key is stored nowhere"


def test_examples_of_the_documentation_run(folder: Path) -> None:
    with serving(arguments(folder)) as (_, ready):
        environment = {
            **os.environ,
            "RECHENWERK_URL": str(ready["url"]),
            "RECHENWERK_KEY": str(ready["key"]),
        }
        said = {
            path.name: subprocess.run(
                [sys.executable, str(path)], capture_output=True, text=True, env=environment, check=True
            ).stdout
            for path in sorted((ROOT / "docs" / "examples").glob("*.py"))
            if path.name != "verify_proof.py"  # it needs a proof: see test_seals.py
        }
    assert said["chat.py"].strip()
    weather, payment = said["similar.py"].splitlines()
    assert float(payment.split()[0]) > float(weather.split()[0])


def test_a_killed_supervisor_leaves_nobody_behind_and_the_next_start_works(folder: Path) -> None:
    command = arguments(folder)
    with serving(command) as (process, _):
        family = [one for one in children(process.pid) if "postgres" not in one.name()]
        process.kill()
        _, alive = psutil.wait_procs(family, timeout=60)
        assert not alive
    with serving(command) as (_, ready):
        assert httpx2.get(f"{ready['url']}/health/ready").status_code == 200


def test_a_dead_gateway_is_started_again(folder: Path) -> None:
    with serving(arguments(folder, "--without-model", "--processes", "2")) as (process, ready):
        pids = ready["gateway_pids"]
        assert isinstance(pids, list)
        assert len(pids) == 2
        psutil.Process(pids[0]).kill()
        until = 400
        while until:
            until -= 1
            gateways = [
                one
                for one in children(process.pid)
                if "rechenwerk.main_gateway" in (one.as_dict(["cmdline"])["cmdline"] or ())
            ]
            if len(gateways) == 2 and pids[0] not in [one.pid for one in gateways]:
                return
            psutil.wait_procs(gateways, timeout=0.05)
        pytest.fail("the gateway was not started again")


def test_dead_models_are_started_again(folder: Path) -> None:
    with serving(arguments(folder)) as (process, ready):
        psutil.Process(int(str(ready["embedded_pid"]))).kill()
        headers = {"authorization": f"Bearer {ready['key']}"}
        body = {"model": "potion-multilingual", "input": "still there?"}
        for _ in range(400):
            answer = httpx2.post(f"{ready['url']}/v1/embeddings", json=body, headers=headers, timeout=30)
            if answer.status_code == 200:
                return
            psutil.wait_procs([psutil.Process(process.pid)], timeout=0.05)
        pytest.fail("the models were not started again")


def test_a_dead_database_is_started_again(folder: Path) -> None:
    with serving(arguments(folder, "--without-model")) as (process, ready):
        psutil.Process(int(str(ready["postgres_pid"]))).kill()
        headers = {"authorization": f"Bearer {ready['key']}"}
        for _ in range(400):
            answer = httpx2.get(f"{ready['office_url']}/api/v1/projects", headers=headers, timeout=30)
            gateway = httpx2.get(f"{ready['url']}/health/ready", timeout=30)
            path = folder / "postgres" / "postmaster.pid"
            pid = path.read_text().split()[0] if path.exists() else ""
            if answer.status_code == gateway.status_code == 200 and pid not in {
                "",
                str(ready["postgres_pid"]),
            }:
                return
            psutil.wait_procs([psutil.Process(process.pid)], timeout=0.05)
        pytest.fail("the database was not started again")


def test_the_commands_of_the_readme(folder: Path) -> None:
    lines = re.findall(r"^\.venv/bin/rechenwerk ([^#\n]+)", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert len(lines) == 11
    with serving(arguments(folder)) as (_, ready):
        environment = {
            **os.environ,
            "RECHENWERK_URL": str(ready["url"]),
            "RECHENWERK_OFFICE_URL": str(ready["office_url"]),
            "RECHENWERK_KEY": str(ready["key"]),
        }
        (folder / "rechenwerk.toml").write_bytes(
            (ROOT / "src" / "rechenwerk" / "office" / "default.toml").read_bytes()
        )
        for examples in ("examples", "docs/examples", "src/rechenwerk/planner/examples"):
            shutil.copytree(ROOT / examples, folder / examples)
        for line in lines:
            done = subprocess.run(
                [*COMMAND, *line.split()],
                capture_output=True,
                text=True,
                input="Hello\n/quit\n" if line.startswith("chat") else "y\n",
                env=environment,
                cwd=folder,
                check=False,
            )
            assert done.returncode == 0, (line, done.stdout, done.stderr)


def test_the_operators_own_postgresql(tmp_path: Path, server: postgres.Server) -> None:
    command = arguments(tmp_path / "data", "--without-model")
    with serving(command, RECHENWERK_DATABASE_URL=server.fresh_sync()) as (_, ready):
        assert ready["postgres_pid"] is None
        assert httpx2.get(f"{ready['url']}/health/ready").status_code == 200


def test_a_taken_port(tmp_path: Path) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [*COMMAND, "serve", "--data-dir", str(tmp_path / "data"), "--without-model"]
        line = refused([*command, "--port", str(port)])
        assert f"127.0.0.1:{port}" in line
        assert "--port" in line
        line = refused([*command, "--port", str(free_ports()[0]), "--office-port", str(port)])
        assert "--office-port" in line


def test_an_unwritable_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    line = refused(arguments(tmp_path / "file" / "data", "--without-model"))
    assert "cannot be written" in line
    assert "--data-dir" in line


def test_a_second_instance_on_the_same_folder(tmp_path: Path) -> None:
    with serving(arguments(tmp_path / "data", "--without-model")) as (process, _):
        line = refused(arguments(tmp_path / "data", "--without-model"))
        assert f"process {process.pid}" in line
        assert "--data-dir" in line


def test_a_missing_model_that_cannot_be_fetched(tmp_path: Path) -> None:
    line = refused(arguments(tmp_path / "data"), UV_OFFLINE="1", UV_CACHE_DIR=str(tmp_path / "empty"))
    assert "model" in line


def test_a_database_that_does_not_answer(tmp_path: Path) -> None:
    url = f"postgresql://nobody:secret@127.0.0.1:{free_ports()[0]}/nothing"
    line = refused(arguments(tmp_path / "data", "--without-model"), RECHENWERK_DATABASE_URL=url)
    assert "RECHENWERK_DATABASE_URL" in line
    assert "secret" not in line


def test_a_setting_that_is_no_number(tmp_path: Path) -> None:
    line = refused(arguments(tmp_path / "data", "--without-model"), RECHENWERK_GRACE="soon")
    assert "RECHENWERK_GRACE='soon'" in line


def test_doctor_before_and_while_it_runs(folder: Path) -> None:
    doctor = [*COMMAND, "doctor", "--data-dir", str(folder), "--json"]
    before = json.loads(subprocess.run(doctor, capture_output=True, text=True, check=True).stdout)
    assert before["ok"]
    with serving(arguments(folder, "--without-model")):
        while_running = json.loads(subprocess.run(doctor, capture_output=True, text=True, check=True).stdout)
    assert {one["name"] for one in while_running["findings"]} >= {"gateway", "office", "disk"}
    assert while_running["ok"]

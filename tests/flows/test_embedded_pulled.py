"""Pulled models beside the embedded one: here a second copy of it under another name, and a broken file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import msgspec
import numpy as np
import pytest

from rechenwerk.main_models import offer
from rechenwerk.providers.assets import POTION, SMOLLM2
from rechenwerk.providers.embedded_child import Embedded, start
from rechenwerk.providers.pulled import MANIFEST, Pulled
from rechenwerk.providers.sentences import MINILM
from rechenwerk.providers.sentences import install as install_sentences
from tests.flows.conftest import MODELS
from tests.flows.office_desk import Office

SENTENCES = MODELS.parent / "sentences"
SCHEMA = {
    "type": "object",
    "properties": {"kind": {"enum": ["invoice", "offer"]}},
    "required": ["kind"],
    "additionalProperties": False,
}


def install(folder: Path, name: str, content: Path | bytes) -> Pulled:
    """Put a model file in place as `model pull` does."""
    path = folder / name / "weights.gguf"
    path.parent.mkdir()
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.symlink_to(content)
    one = Pulled(name, path.name, "0" * 64, path.stat().st_size, context_tokens=512, slots=1)
    (path.parent / MANIFEST).write_bytes(msgspec.json.encode(one))
    return one


@pytest.fixture(scope="module")
def child(embedded: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    assert embedded.alive()  # so the files are there
    folder = tmp_path_factory.mktemp("models")
    for asset in (SMOLLM2, POTION):
        (folder / asset.name).symlink_to(MODELS / asset.name)
    install_sentences(SENTENCES, lambda *_: None)
    (folder / MINILM.name).symlink_to(SENTENCES / MINILM.name)
    install(folder, "second", MODELS / SMOLLM2.name / SMOLLM2.files[0].name)
    install(folder, "broken", b"no GGUF at all")
    child = start(folder, context=512, slots=1)
    yield child
    child.stop()


def test_a_pulled_model_answers_by_its_name_and_keeps_a_schema(child: Embedded) -> None:
    assert set(child.models) == {"second", MINILM.name}, "a file that cannot be loaded is left out"
    assert "broken" in child.last_words()
    with httpx2.Client(base_url=child.chat_url or "", timeout=60) as client:
        form = {"type": "json_schema", "json_schema": {"name": "kind", "schema": SCHEMA}}
        body = {
            "messages": [{"role": "user", "content": "Invoice 12"}],
            "max_tokens": 30,
            "response_format": form,
        }
        answers = {
            name: client.post("/v1/chat/completions", json={"model": name, **body}).json()
            for name in ("second", "smollm2-135m")
        }
        assert {name: answer["model"] for name, answer in answers.items()} == {
            "second": "second",
            "smollm2-135m": "smollm2-135m-instruct",
        }
        text = answers["second"]["choices"][0]["message"]["content"]
        assert msgspec.json.decode(text)["kind"] in {"invoice", "offer"}
        tokens = client.post("/tokenize", json={"content": "Invoice 12", "model": "second"}).json()["tokens"]
        assert len(tokens) > 1


def test_sentences_get_the_vectors_that_their_publisher_names(child: Embedded) -> None:
    """The first numbers are those of the example on the model's own page; the order of words counts."""
    texts = [
        "This is an example sentence",
        "the dog bites the man",
        "the man bites the dog",
        "a dog bit somebody",
        "the quarterly report is late",
    ]
    with httpx2.Client(base_url=child.embeddings_url, timeout=60) as client:
        answer = client.post("/v1/embeddings", json={"model": MINILM.name, "input": texts}).json()
        vectors = np.array([row["embedding"] for row in answer["data"]])
        assert answer["model"] == MINILM.name
        assert np.allclose(vectors[0][:3], [0.0677, 0.0635, 0.0487], atol=5e-4)
        like = vectors @ vectors.T
        assert like[1, 3] > like[1, 4] + 0.3
        assert like[1, 2] < 0.9999, "a bag of words could not tell them apart"
        long = client.post("/v1/embeddings", json={"model": MINILM.name, "input": "word " * 5000}).json()
        assert [len(long["data"][0]["embedding"]), long["usage"]["prompt_tokens"]] == [384, 256]
        refused = client.post("/v1/embeddings", json={"model": MINILM.name, "input": "a", "dimensions": 9})
        assert refused.status_code == 400
        usual = client.post("/v1/embeddings", json={"model": "potion-multilingual", "input": texts}).json()
        assert len(usual["data"][0]["embedding"]) == 128, "the table stays what every other name gets"


def test_the_catalogue_follows_what_is_pulled_and_removed(office: Office, tmp_path: Path) -> None:
    def models() -> dict[str, bool]:
        rows = office.runner.run(office.desk.configuration.read(0)).deployments
        return {row.model: row.active for row in rows if row.provider == "embedded"}

    def look() -> list[str]:
        return office.runner.run(offer(office.desk, tmp_path, tmp_path))

    before = models()
    assert look() == []
    install(tmp_path, "second", b"weights")
    assert look() == ["second"]
    assert models() == {**before, "second": True}
    assert look() == [], "nothing happens twice"
    (tmp_path / "second" / MANIFEST).unlink()
    assert look() == ["second"]
    assert models() == {**before, "second": False}

"""Models that an organisation trains: from examples to an answer at the endpoint, versions, and the wall."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx2
import pytest

from rechenwerk.providers.embedded_child import Embedded
from tests import postgres
from tests.flows.learning_town import EXAMPLES, LearningTown, examples, learning_town

MAIL = "bitte zahlen Sie die Rechnung über 20 Euro"
SWAPPED = EXAMPLES.replace("invoice |", "bill |")


@pytest.fixture(scope="module")
def town(server: postgres.Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LearningTown]:
    with learning_town(server.fresh_sync(), tmp_path_factory.mktemp("town")) as town:
        yield town


def test_from_examples_to_an_answer_that_is_booked(town: LearningTown) -> None:
    made = town.train("mail-kind", examples())
    assert [one["name"] for one in made["scores"]] == ["complaint", "invoice", "offer"]
    assert sum(map(sum, made["confusion"])) == 12, "every example was held out once"
    assert (made["version"], made["active"], made["vectors"], made["folds"]) == (1, True, "", 4)
    said = town.label("trained/mail-kind", MAIL)
    assert said["label"] == "invoice"
    assert 1 / 3 < said["confidence"] <= 1
    assert {one["label"] for one in said["alternatives"]} == {"offer", "complaint"}
    answer = town.ask("trained/mail-kind", MAIL, stream=True, stream_options={"include_usage": True})
    assert '\\"label\\":\\"invoice\\"' in answer.text
    assert answer.text.endswith("data: [DONE]\n\n")
    assert "trained/mail-kind" in town.models()
    booked = town.booked(town.ask("trained/mail-kind", MAIL).headers["x-request-id"])
    assert (booked["model"], booked["outcome"], booked["project"]) == (
        "trained/mail-kind",
        "posted",
        "default",
    )
    assert booked["usage"]["input"] == len(MAIL.split())
    assert town.ok("GET", "/books/verify")["ok"]


def test_examples_can_be_seen_replaced_and_deleted(town: LearningTown) -> None:
    base = "/documents/trained/drafts"
    first = town.ok("POST", f"{base}/examples", json={"examples": examples("a | one text\nb | another")})
    assert first == {"added": 2, "replaced": 0, "examples": 2}
    again = town.ok("POST", f"{base}/examples", json={"examples": examples("b | One  TEXT")})
    assert again == {"added": 0, "replaced": 1, "examples": 2}
    rows = town.ok("GET", f"{base}/examples")["examples"]
    assert [(one["text"], one["label"], one["made_by"]) for one in rows] == [
        ("One  TEXT", "b", "admin"),
        ("another", "b", "admin"),
    ]
    town.ok("DELETE", f"{base}/examples/{rows[0]['id']}")
    assert len(town.ok("GET", f"{base}/examples")["examples"]) == 1
    town.refused(404, "DELETE", f"{base}/examples/{rows[0]['id']}")


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("a | one\na | two\na | three", "all examples have the label 'a'"),
        ("a | one\na | two\nb | three", "label 'b' has 1 example only; give at least 2"),
    ],
)
def test_examples_that_cannot_be_learnt_from_get_one_line(
    town: LearningTown, request: pytest.FixtureRequest, table: str, said: str
) -> None:
    name = f"bad-{abs(hash(request.node.name)) % 10**6}"
    town.ok("POST", f"/documents/trained/{name}/examples", json={"examples": examples(table)})
    assert said in town.refused(422, "POST", f"/documents/trained/{name}/train", json={"vectors": "none"})
    assert town.ok("GET", f"/documents/trained/{name}")["versions"] == [], "nothing half done remains"
    assert f"trained/{name}" not in town.models()


def test_bad_rows_are_named_and_none_is_taken(town: LearningTown) -> None:
    path = "/documents/trained/unborn/examples"
    empty = town.refused(
        422, "POST", path, json={"examples": [*examples("a | one"), {"text": " ", "label": "a"}]}
    )
    assert empty == "examples.1: the text is empty; take the example out"
    twice = examples("a | pay the bill\nb | Pay the  bill")
    said = town.refused(422, "POST", path, json={"examples": twice})
    assert said.startswith("examples.1: the text 'Pay the  bill' is 'b' here and 'a' before")
    town.refused(404, "GET", "/documents/trained/unborn")


def test_a_rollback_lets_the_version_before_answer(town: LearningTown) -> None:
    town.train("rolled", examples())
    second = town.train("rolled", examples(SWAPPED))
    assert second["version"] == 2
    assert town.label("trained/rolled", MAIL)["label"] == "bill"
    back = town.cli("docs", "rollback", "rolled", "--json").json()
    assert (back["version"], back["active"]) == (1, True)
    assert town.label("trained/rolled", MAIL)["label"] == "invoice"
    assert "no version before" in town.refused(409, "POST", "/documents/trained/rolled/rollback", json={})
    town.refused(404, "POST", "/documents/trained/rolled/rollback", json={"version": 9})
    town.ok("POST", "/documents/trained/rolled/rollback", json={"version": 2})
    assert town.label("trained/rolled", MAIL)["label"] == "bill"
    shown = town.ok("GET", "/documents/trained/rolled")["versions"]
    assert [(one["version"], one["active"]) for one in shown] == [(1, False), (2, True)]


def test_the_same_examples_and_seed_give_the_same_model(town: LearningTown) -> None:
    sums = [town.train("same", examples(), seed=7)["sha256"] for _ in range(2)]
    assert sums[0] == sums[1]


def test_two_organisations_never_share_a_model(town: LearningTown) -> None:
    """The same name on both sides of the wall: each gets its own, and a stranger's is not there."""
    town.train("kind", examples())
    town.train("kind", examples(SWAPPED), key=town.neighbour)
    assert town.label("trained/kind", MAIL)["label"] == "invoice"
    assert town.label("trained/kind", MAIL, town.neighbour)["label"] == "bill"
    town.train("ours-only", examples())
    assert town.label("trained/ours-only", MAIL)["label"] == "invoice"
    assert "trained/ours-only" not in town.models(town.neighbour)
    assert town.ask("trained/ours-only", MAIL, town.neighbour).status_code == 404
    town.refused(404, "GET", "/documents/trained/ours-only", key=town.neighbour)
    town.refused(404, "POST", "/documents/trained/ours-only/train", key=town.neighbour, json={})
    names = {one["name"] for one in town.ok("GET", "/documents/trained", key=town.neighbour)["models"]}
    assert names == {"kind"}


def test_a_deleted_model_answers_no_more(town: LearningTown) -> None:
    town.train("gone", examples())
    town.label("trained/gone", MAIL)
    town.ok("DELETE", "/documents/trained/gone")
    assert town.ask("trained/gone", MAIL).status_code == 404
    town.refused(404, "GET", "/documents/trained/gone")


def test_versions_cannot_be_changed_and_nothing_is_readable_in_the_database(
    server: postgres.Server, tmp_path: Path
) -> None:
    url = server.fresh_sync()
    with learning_town(url, tmp_path) as town:
        town.train("kind", examples())

        async def look() -> tuple[bytes, bytes]:
            connection = await asyncpg.connect(url)
            try:
                with pytest.raises(asyncpg.RestrictViolationError, match="versions stay"):
                    await connection.execute("update trained_version set seed = 1")
                return (
                    await connection.fetchval("select string_agg(body, '') from trained_example"),
                    await connection.fetchval("select artefact from trained_version"),
                )
            finally:
                await connection.close()

        texts, artefact = town.run(look())
        assert b"Rechnung" not in texts
        assert not artefact.startswith(b"PK"), "it is sealed"


def embedded_tokens(embedded: Embedded, text: str) -> int:
    """What the model that embeds counts for a text."""
    body = {"model": "potion-multilingual", "input": text}
    usage = httpx2.post(f"{embedded.embeddings_url}/v1/embeddings", json=body).json()["usage"]
    tokens: int = usage["prompt_tokens"]
    return tokens


def test_vectors_are_booked_on_who_trains_and_on_who_asks(
    server: postgres.Server, tmp_path: Path, embedded: Embedded
) -> None:
    with learning_town(server.fresh_sync(), tmp_path, embedded) as town:
        made = town.train("kind", examples(), vectors="")
        assert made["vectors"] == "potion-multilingual"
        assert town.label("trained/kind", MAIL)["label"] == "invoice"
        assert town.ok("GET", "/books/verify")["ok"]
        keys = town.ok("GET", "/keys")["keys"]
        training = [one for one in keys if one["name"] == "training kind"]
        assert [one["revoked_at"] is not None for one in training] == [True]
        # Who asks pays for what was embedded to answer: it is part of the one call that is booked.
        tokens = embedded_tokens(embedded, MAIL)
        assert tokens > 0
        booked = town.booked(town.ask("trained/kind", MAIL).headers["x-request-id"])
        assert booked["usage"]["input"] == len(MAIL.split()) + tokens
        assert (booked["project"], booked["outcome"]) == ("default", "posted")
        assert town.ok("GET", "/books/verify")["ok"]


def test_the_commands(town: LearningTown, tmp_path: Path) -> None:
    file = tmp_path / "mail.tsv"
    rows = examples()
    file.write_text("".join(f"{one['label']}\t{one['text']}\n" for one in rows), encoding="utf-8")
    shown = town.cli("docs", "train", "from-file", str(file), "--vectors", "none")
    assert shown.code == 0, shown.err
    assert "It answers as trained/from-file" in shown.out
    assert "Rows: what it is. Columns: what was said." in shown.out
    listed = town.cli("docs", "models", "--json").json()["models"]
    assert [one["examples"] for one in listed if one["name"] == "from-file"] == [12]
    assert "active" in town.cli("docs", "models", "from-file", "--version", "1").out
    (tmp_path / "bad.tsv").write_text("invoice without a tab\n", encoding="utf-8")
    failed = town.cli("docs", "train", "from-file", str(tmp_path / "bad.tsv"))
    assert failed.one_line().endswith("bad.tsv, line 1: no tab; write the label, a tab, the text\n")
    assert town.cli("docs", "models", "from-file", "--remove").code == 0

"""rechenwerk.toml: every mistake has its line and its fix; comparing twice finds nothing the second time."""

from __future__ import annotations

from importlib import resources

import msgspec
import pytest

from rechenwerk.base.toml_lines import line_at, lines_of
from rechenwerk.contracts.terms import OnDemand
from rechenwerk.ledger.tariffs import Terms
from rechenwerk.office.config import MistakesError, diff, parse
from rechenwerk.office.ports import (
    Change,
    Configured,
    Contract,
    Cost,
    DataClassRow,
    Deployment,
    Provider,
    Row,
)
from rechenwerk.office.tariff_ports import Tariff

DEFAULT = (resources.files("rechenwerk.office") / "default.toml").read_text(encoding="utf-8")
GOOD = """\
currency = "EUR"

[[provider]]
name = "upstream"
kind = "openai"
base_url = "http://127.0.0.1:9100/v1/"
api_key_env = "UPSTREAM_KEY"

[[contract]]
name = "upstream on demand"
provider = "upstream"
kind = "on-demand"

[[deployment]]
model = "fake"
provider = "upstream"
contract = "upstream on demand"
endpoints = ["completions", "chat"]
context_tokens = 128000
max_output_tokens = 4096
cost = { input = "0.15", output = "0.60" }

[[tariff]]
model = "fake"
price = { input = "0.18", output = "0.72" }
"""
ON_DEMAND = OnDemand(name="upstream on demand", provider="upstream")
EMPTY = Configured(currency="EUR")


def test_a_good_file_is_read_whole() -> None:
    assert msgspec.structs.replace(parse(GOOD), lines={}, tariff_lines={}) == Configured(
        currency="EUR",
        providers=(Provider("upstream", "openai", "http://127.0.0.1:9100/v1", "UPSTREAM_KEY"),),
        contracts=(Contract("upstream on demand", "upstream", "on-demand", ON_DEMAND),),
        deployments=(
            Deployment(
                "fake", "upstream", "upstream on demand", "fake", ("chat", "completions"), 128_000, 4096
            ),
        ),
        costs=(Cost("fake", "upstream", "upstream on demand", "EUR", {"input": "0.15", "output": "0.60"}),),
        tariffs=(Tariff("fake", "EUR", Terms(price={"input": "0.18", "output": "0.72"})),),
    )


def test_the_default_configuration_is_good() -> None:
    wanted = parse(DEFAULT)
    assert [one.model for one in wanted.deployments] == ["smollm2-135m", "potion-multilingual"]
    assert [one.base_url for one in wanted.providers] == ["", ""]


@pytest.mark.parametrize(
    ("old", "new", "line", "message", "fix"),
    [
        ('currency = "EUR"', "", 0, "no currency", 'currency = "EUR"'),
        ('currency = "EUR"', 'currency = "eur"', 1, "three capital letters", 'currency = "EUR"'),
        ('kind = "openai"', 'kind = "opena"', 5, "unknown kind 'opena'", "did you mean 'openai'?"),
        ('kind = "openai"', 'kind = "zzz"', 5, "unknown kind 'zzz'", "choose from openai"),
        ("base_url =", "base_ur =", 6, "unknown field 'base_ur'", "did you mean 'base_url'?"),
        ('kind = "openai"', 'kind = "embedded"', 6, "the installation sets", "leave base_url out"),
        ('"http://127.0.0.1:9100/v1/"', '"127.0.0.1:9100"', 6, "not an http", 'like base_url = "https://'),
        (
            '"http://127.0.0.1:9100/v1/"',
            '"http://u:p@h/v1"',
            6,
            "carries a user",
            'like base_url = "https://',
        ),
        ('"http://127.0.0.1:9100/v1/"', '"http://h/v1?a=b"', 6, "has a ?", 'like base_url = "https://'),
        ('"http://127.0.0.1:9100/v1/"', '"http://h:99999/v1"', 6, "not an http", "https://"),
        ('"http://127.0.0.1:9100/v1/"', '"https://{resource}.h/v1"', 6, "not an http", "https://"),
        ('api_key_env = "UPSTREAM_KEY"', 'api_key = "sk-1"', 7, "secret", "api_key_env"),
        ('"UPSTREAM_KEY"', '"sk-123"', 7, "not the name of an environment variable", "never the key"),
        ('kind = "on-demand"', 'kind = "on-demnd"', 12, "unknown kind", "did you mean 'on-demand'?"),
        ('[[contract]]\nname = "up', '[[contract]]\nname = "Up', 17, "no contract", "did you mean"),
        ('provider = "upstream"\nk', 'provider = "upstrem"\nk', 11, "no provider", "did you mean"),
        ('"completions", "chat"', '"chats"', 18, "unknown endpoint 'chats'", "did you mean 'chat'?"),
        ('"completions", "chat"', "", 18, "endpoints is empty", "choose from chat"),
        ("128000", "0", 19, "above 0", "what the model takes"),
        ("128000", '"many"', 19, "context_tokens: expected `int`", "whole number"),
        ('["completions", "chat"]', '"chat"', 18, "expected `array`", "list"),
        ('["completions", "chat"]', "[1]", 18, "expected `str`", "quotes"),
        ('{ input = "0.18", output = "0.72" }', '"0.18"', 25, "expected `object`", "table"),
        ("4096", "0", 20, "at least 1", "one answer"),
        ('output = "0.60"', 'ouput = "0.60"', 21, "unknown bucket 'ouput'", "did you mean 'output'?"),
        ('output = "0.60"', "output = 0.60", 21, "cost.output: expected `str`", "quotes"),
        ('output = "0.60"', 'output = "-1"', 21, "cannot be negative", "0 or more"),
        ('output = "0.60"', 'output = "1e999999999"', 21, "is not a rate", "0.15"),
        ('cost = { input = "0.15", output = "0.60" }\n', "", 14, "has no cost", 'cost = { input = "0" }'),
        ('{ input = "0.18", output = "0.72" }', "{}", 25, "price is empty", 'price = { input = "0" }'),
        ('[[tariff]]\nmodel = "fake"', '[[tariff]]\nmodel = "fak"', 14, "has no tariff", "[[tariff]]"),
        ("[[tariff]]", "[[tarif]]", 23, "unknown field 'tarif'", "did you mean 'tariff'?"),
        ("[[tariff]]", "[tariff]", 23, "must be a list", "[[tariff]]"),
        ('currency = "EUR"', 'currency = "EUR', 1, "not TOML", "syntax"),
    ],
)
def test_a_mistake_has_its_line_and_its_fix(old: str, new: str, line: int, message: str, fix: str) -> None:
    assert old in GOOD
    with pytest.raises(MistakesError) as caught:
        parse(GOOD.replace(old, new, 1))
    mistakes = caught.value.mistakes
    assert any(one.line == line and message in one.message and fix in one.fix for one in mistakes), mistakes
    assert not any("sk-1" in one.message + one.fix for one in mistakes), "a secret is never repeated"


RESIDENT = GOOD.replace("max_output", 'jurisdiction = "DE"\nlevel = "dedicated"\nmax_output', 1) + (
    '[[data_class]]\nname = "confidential"\njurisdictions = ["EU", "CH", "EU"]\nlevel = "no-retention"\n'
)


@pytest.mark.parametrize(
    ("old", "new", "line", "message", "fix"),
    [
        ('"DE"', '"de"', 20, "'de' is no jurisdiction", "did you mean 'DE'?"),
        ('"DE"', '"UK"', 20, "'UK' is no jurisdiction", "did you mean 'GB'?"),
        ('"DE"', '"Local"', 20, "'Local' is no jurisdiction", "did you mean 'local'?"),
        ('"DE"', '"EEA"', 20, "'EEA' is no jurisdiction", "'EU', 'local'"),
        ('"DE"', '"Germany"', 20, "'Germany' is no jurisdiction", "ISO 3166"),
        ('"dedicated"', '"dedicatet"', 21, "unknown level 'dedicatet'", "did you mean 'dedicated'?"),
        ('"confidential"', '"secret"', 29, "unknown data class 'secret'", "choose from public, internal"),
        ('"confidential"', '"confidental"', 29, "unknown data class", "did you mean 'confidential'?"),
        ('"CH"', '"XX"', 30, "'XX' is no jurisdiction", "'EEA', 'EU', 'local'"),
        ('jurisdictions = ["EU", "CH", "EU"]\n', "", 28, "has no jurisdictions", "jurisdictions = []"),
        ('["EU", "CH", "EU"]', '"EU"', 30, "expected `array`", "list"),
        ('"no-retention"', '"none"', 31, "unknown level 'none'", "choose from public, shared"),
        ("[[data_class]]", "[[data_clas]]", 28, "unknown field 'data_clas'", "did you mean 'data_class'?"),
    ],
)
def test_a_mistake_about_residency_has_its_line_and_its_fix(
    old: str, new: str, line: int, message: str, fix: str
) -> None:
    assert old in RESIDENT
    with pytest.raises(MistakesError) as caught:
        parse(RESIDENT.replace(old, new, 1))
    (mistake,) = caught.value.mistakes
    assert (mistake.line, message in mistake.message, fix in mistake.fix) == (line, True, True), mistake


def test_residency_is_read_and_compared() -> None:
    wanted = parse(RESIDENT)
    assert (wanted.deployments[0].jurisdiction, wanted.deployments[0].level) == ("DE", "dedicated")
    row = DataClassRow("confidential", ("CH", "EU"), "no-retention")
    assert wanted.data_classes == (row,)
    plain = parse(GOOD)
    assert (plain.deployments[0].jurisdiction, plain.deployments[0].level) == ("", "shared")
    before: tuple[Row | None, Row] = plain.deployments[0], wanted.deployments[0]
    assert diff(plain, wanted) == [
        Change("deployment", "fake at upstream under upstream on demand", "change", *before),
        Change("data class", "confidential", "create", None, row),
    ]
    assert diff(wanted, wanted) == []
    gone = msgspec.structs.replace(row, active=False)
    assert diff(wanted, plain)[1:] == [Change("data class", "confidential", "deactivate", row, gone)]


def test_the_same_class_twice() -> None:
    with pytest.raises(MistakesError, match="data_class 'confidential' stands here twice"):
        parse(RESIDENT + RESIDENT[RESIDENT.index("[[data_class]]") :])


def test_the_embedded_models_are_here_and_ours_unless_the_file_says_otherwise() -> None:
    assert {(one.jurisdiction, one.level) for one in parse(DEFAULT).deployments} == {("local", "own")}
    elsewhere = DEFAULT.replace("context_tokens = 4096", 'context_tokens = 4096\njurisdiction = "DE"')
    assert [one.jurisdiction for one in parse(elsewhere).deployments] == ["DE", "local"]
    unknown = DEFAULT.replace("context_tokens = 4096", 'context_tokens = 4096\njurisdiction = ""')
    assert parse(unknown).deployments[0].jurisdiction == ""


# Kinds of providers

ADDRESS = 'base_url = "http://127.0.0.1:9100/v1/"\n'


def test_an_address_is_only_needed_where_the_kind_has_none() -> None:
    assert parse(GOOD.replace(ADDRESS, "")).providers[0].base_url == "https://api.openai.com/v1"
    for kind, like in (
        ("azure-openai", "https://{resource}.openai.azure.com/openai/v1"),
        ("vllm", "http://127.0.0.1:9100/v1"),
    ):
        with pytest.raises(MistakesError) as caught:
            parse(GOOD.replace(ADDRESS, "").replace('"openai"', f'"{kind}"'))
        (mistake,) = caught.value.mistakes
        assert (mistake.line, mistake.message) == (3, "base_url is missing")
        assert mistake.fix == f'write it like base_url = "{like}"'


@pytest.mark.parametrize(
    ("kind", "endpoint", "known"),
    [
        ("anthropic", "completions", "choose from chat"),
        ("openai", "rerank", "choose from chat, completions, embeddings"),
        ("jina", "chat", "choose from embeddings, rerank"),
        ("cohere", "embeddings", "choose from rerank"),
        ("embedded-embeddings", "chat", "choose from embeddings"),
    ],
)
def test_a_kind_serves_only_what_it_has(kind: str, endpoint: str, known: str) -> None:
    text = GOOD.replace(ADDRESS, "").replace('"openai"', f'"{kind}"')
    with pytest.raises(MistakesError) as caught:
        parse(text.replace('"completions", "chat"', f'"{endpoint}"'))
    (mistake,) = caught.value.mistakes
    assert mistake.message == f"provider 'upstream' has no endpoint '{endpoint}' for its kind"
    assert (mistake.line, mistake.fix) == (17, known)


def test_rerank_needs_no_output() -> None:
    text = GOOD.replace('"openai"', '"jina"').replace('"completions", "chat"', '"rerank"')
    assert parse(text.replace("4096", "0")).deployments[0].endpoints == ("rerank",)


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file() -> None:
    wrong = GOOD.replace("4096", "0").replace('"openai"', '"opena"').replace('"0.18"', '"x"')
    with pytest.raises(MistakesError) as caught:
        parse(wrong)
    assert [one.line for one in caught.value.mistakes] == [5, 20, 25]
    assert str(caught.value).endswith("(and 2 more)")


def test_the_same_name_twice() -> None:
    start, end = GOOD.index("[[provider]]"), GOOD.index("[[contract]]")
    with pytest.raises(MistakesError) as caught:
        parse(GOOD[:end] + GOOD[start:])
    assert [(one.line, one.message) for one in caught.value.mistakes] == [
        (9, "provider 'upstream' stands here twice")
    ]


def test_a_contract_of_another_provider() -> None:
    other = '[[provider]]\nname = "other"\nkind = "openai"\nbase_url = "https://other/v1"\n'
    with pytest.raises(MistakesError) as caught:
        parse(GOOD.replace('provider = "upstream"\nkind', 'provider = "other"\nkind') + other)
    assert [one.message for one in caught.value.mistakes] == [
        "contract 'upstream on demand' is with provider 'other'"
    ]


def test_only_embeddings_need_no_output() -> None:
    embeddings = GOOD.replace('"completions", "chat"', '"embeddings"').replace("4096", "0")
    assert parse(embeddings).deployments[0].max_output_tokens == 0


def test_lines_of_tables_keys_and_inline_keys() -> None:
    text = 'a = 1\n[[t]]\nx = { y = "1", z = "2" }\n[[t]]\n[t.sub]\nk.l = 3\n"q" = 4\n'
    lines = lines_of(text)
    assert line_at(lines, ("a",)) == 1
    assert line_at(lines, ("t", 0, "x", "z")) == 3
    assert line_at(lines, ("t", 0, "nothing")) == 2
    assert line_at(lines, ("t", 1, "sub", "k", "l")) == 6
    assert line_at(lines, ("t", 1, "sub", "q")) == 7
    assert line_at(lines, ("nothing",)) == 0


# Comparing


def test_a_first_apply_creates_everything_in_an_order_that_can_be_written() -> None:
    changes = diff(EMPTY, parse(GOOD))
    assert [(one.what, one.action) for one in changes] == [
        ("provider", "create"),
        ("contract", "create"),
        ("deployment", "create"),
        ("cost", "create"),
        ("tariff", "create"),
    ]
    assert diff(parse(GOOD), parse(GOOD)) == []


def test_a_changed_rate_is_one_new_row() -> None:
    changes = diff(parse(GOOD), parse(GOOD.replace('"0.72"', '"0.80"')))
    assert changes == [
        Change(
            "tariff",
            "fake",
            "change",
            Tariff("fake", "EUR", Terms(price={"input": "0.18", "output": "0.72"})),
            Tariff("fake", "EUR", Terms(price={"input": "0.18", "output": "0.80"})),
        )
    ]


def test_what_is_missing_is_deactivated_once() -> None:
    nothing = parse('currency = "EUR"\n')
    changes = diff(parse(GOOD), nothing)
    assert [(one.what, one.action) for one in changes] == [
        ("provider", "deactivate"),
        ("contract", "deactivate"),
        ("deployment", "deactivate"),
    ]
    stands = parse(GOOD)
    stands = msgspec.structs.replace(
        stands,
        providers=tuple(msgspec.structs.replace(one, active=False) for one in stands.providers),
        contracts=tuple(msgspec.structs.replace(one, active=False) for one in stands.contracts),
        deployments=tuple(msgspec.structs.replace(one, active=False) for one in stands.deployments),
    )
    assert diff(stands, nothing) == []


def test_a_new_currency_writes_every_price_again_or_is_refused() -> None:
    dollars = parse(GOOD.replace("EUR", "USD"))
    assert [one.what for one in diff(parse(GOOD), dollars)] == ["currency", "cost", "tariff"]
    fixed = msgspec.structs.replace(parse(GOOD), currency_is_fixed="calls are booked in EUR already")
    with pytest.raises(MistakesError, match="calls are booked in EUR already"):
        diff(fixed, dollars)

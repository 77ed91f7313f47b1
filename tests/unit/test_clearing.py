"""Clearing: published cases, a naive second solver, and what must hold for any network."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from scipy.sparse import csr_array

from rechenwerk.base.errors import PlanError
from rechenwerk.planner import clearing
from rechenwerk.planner.clearing import Cleared, Default, Floats, Network, clear, network

EISENBERG_NOE = [[0, 20, 10], [5, 0, 24], [10, 0, 0]]
ROGERS_VERAART = [[0, 30, 0], [5, 0, 20], [10, 0, 0]]
SENIOR = [[0, 20, 10], [5, 0, 40], [10, 0, 0]]
JUNIOR = [[0, 0, 15], [0, 0, 24], [10, 0, 0]]
HELD: list[list[float]] = [[0, 0.1, 0], [0, 0, 0.15], [0, 0, 0]]


def test_eisenberg_and_noe() -> None:
    found = clear(network([EISENBERG_NOE]), [10, 10, 10])
    np.testing.assert_allclose(found.total, [24.5455, 26.3636, 10], atol=5e-5)
    assert found.failed.tolist() == [True, True, False]


@pytest.mark.parametrize(("alpha", "paid"), [(1.0, [25, 25, 10]), (0.4, [18, 20, 10])])
def test_rogers_and_veraart(alpha: float, paid: list[float]) -> None:
    found = clear(network([ROGERS_VERAART]), [10, 5, 5], Default(alpha, 1))
    np.testing.assert_allclose(found.total, paid, atol=1e-9)


def test_elsinger() -> None:
    found = clear(network([SENIOR, JUNIOR], shares=HELD), [0, 50, 10])
    np.testing.assert_allclose(found.equity, [-20, -2.3333, 60], atol=5e-5)
    assert found.paid[1, 0] == 0  # nothing is left for the junior creditors of the first


def naive(net: Network, own: Floats, default: Default) -> tuple[Floats, Floats]:
    """The same from above by repeated substitution, a firm at a time: paid per class, equity."""
    owed = net.owed
    paid = owed.copy()
    parts = [
        one.toarray() / np.where(total > 0, total, 1)[:, None]
        for one, total in zip(net.debts, owed, strict=True)
    ]
    held = net.shares.toarray()
    full = own + sum(pays @ part for pays, part in zip(paid, parts, strict=True)) - owed.sum(0)
    equity = np.linalg.solve(np.eye(net.firms) - held.T, np.maximum(full, 0))
    for _ in range(20_000):
        received = (
            sum(pays @ part for pays, part in zip(paid, parts, strict=True)) + np.maximum(equity, 0) @ held
        )
        then = np.zeros_like(paid)
        for firm in range(net.firms):
            have = own[firm] + received[firm]
            if have < owed[:, firm].sum() * (1 - 1e-12):
                have = (
                    default.assets * max(own[firm], 0) + min(own[firm], 0) + default.claims * received[firm]
                )
            for rank in range(net.classes):
                then[rank, firm] = min(owed[rank, firm], max(have, 0))
                have -= then[rank, firm]
        paid, equity = then, own + received - owed.sum(0)
    return paid, equity


def drawn(seed: int, firms: int, classes: int) -> tuple[Network, Floats]:
    chance = np.random.default_rng(seed)
    debts = []
    for _ in range(classes):
        one = chance.lognormal(0, 1, (firms, firms)) * (chance.random((firms, firms)) < 0.4)
        np.fill_diagonal(one, 0)
        debts.append(one)
    held = chance.random((firms, firms)) * (chance.random((firms, firms)) < 0.2)
    np.fill_diagonal(held, 0)
    held /= np.maximum(held.sum(axis=1, keepdims=True), 1) * 1.5
    outside = chance.lognormal(-1, 1, (classes, firms))
    return network(debts, shares=held, outside=outside), chance.lognormal(0, 1, firms)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("default", [Default(), Default(0.7, 0.8), Default(0, 0.5)])
def test_agrees_with_the_naive_solver(seed: int, default: Default) -> None:
    net, own = drawn(seed, 7, 1 + seed % 3)
    paid, equity = naive(net, own, default)
    found = clear(net, own, default)
    np.testing.assert_allclose(found.paid, paid, atol=1e-7)
    np.testing.assert_allclose(found.equity, equity, atol=1e-7)
    assert found.failed.any()


@pytest.mark.parametrize("seed", range(6))
def test_sparse_and_dense_are_one(seed: int) -> None:
    net, own = drawn(seed, 40, 2)
    default = Default(0.8, 0.9)
    large = clearing._Sparse(net, default).clear(own[None])
    small = clear(net, own, default)
    np.testing.assert_allclose(large.paid[0], small.paid, atol=1e-9)
    np.testing.assert_allclose(large.equity[0], small.equity, atol=1e-9)


def test_many_draws_are_each_their_own() -> None:
    net, _ = drawn(3, 9, 2)
    own = np.random.default_rng(4).lognormal(0, 1.5, (50, 9))
    together = clear(net, own)
    for at in range(50):
        np.testing.assert_allclose(together.paid[at], clear(net, own[at]).paid, atol=1e-12)


def conserved(net: Network, own: Floats, found: Cleared) -> None:
    """Nothing is paid that nobody has; nothing is kept by a firm that has not paid all."""
    spent = found.total
    assert (spent >= -1e-9).all()
    assert (spent <= net.owed.sum(0) + 1e-9).all()
    assert (spent[found.failed] <= np.maximum(own + found.received, 0)[found.failed] + 1e-7).all()
    for rank in range(1, net.classes):  # a junior creditor is paid only when all seniors are
        junior = found.paid[rank] > 1e-9
        np.testing.assert_allclose(found.paid[rank - 1][junior], net.owed[rank - 1][junior], rtol=1e-9)


@given(
    some.integers(0, 10_000), some.integers(2, 9), some.integers(1, 3), some.floats(0, 1), some.floats(0, 1)
)
@settings(max_examples=150, deadline=None)
def test_priority_and_limited_liability(
    seed: int, firms: int, classes: int, alpha: float, beta: float
) -> None:
    net, own = drawn(seed, firms, classes)
    conserved(net, own, clear(net, own, Default(alpha, beta)))


@given(some.integers(0, 10_000), some.integers(2, 9))
@settings(max_examples=60, deadline=None)
def test_more_assets_never_hurt(seed: int, firms: int) -> None:
    net, own = drawn(seed, firms, 2)
    poor, rich = clear(net, own, Default(0.5, 0.7)), clear(net, own + 0.1, Default(0.5, 0.7))
    assert (rich.paid >= poor.paid - 1e-9).all()


def test_a_ring_without_any_assets_pays_itself() -> None:
    found = clear(network([[[0, 10, 0], [0, 0, 10], [10, 0, 0]]]), [0, 0, 0])
    assert found.total.tolist() == [10, 10, 10]


@pytest.mark.parametrize(
    ("debts", "shares", "own", "says"),
    [
        ([[[0, 1], [1, 0]]], None, [1, 2, 3], "count 2 firms"),
        ([[[0, -1], [1, 0]]], None, [1, 2], "negative number"),
        ([[[1, 1], [1, 0]]], None, [1, 2], "firm 0 stands on both sides"),
        ([[[0, 1, 0], [1, 0, 0]]], None, [1, 2], "are needed"),
        ([[[0, 1], [1, 0]]], [[0, 1.5], [0, 0]], [1, 2], "more than all of firm 0"),
        ([[0, 1]], None, [1, 2], "two axes"),
        ([], None, [1, 2], "at least one matrix"),
    ],
)
def test_what_is_no_network_is_refused(debts: object, shares: object, own: object, says: str) -> None:
    with pytest.raises(PlanError, match=says):
        clear(network(debts, shares=shares), own)  # type: ignore[arg-type]


def test_what_is_no_share_is_refused() -> None:
    with pytest.raises(PlanError, match="between 0 and 1"):
        clear(network([csr_array(np.array(EISENBERG_NOE, dtype=float))]), [1, 1, 1], Default(1.1, 1))

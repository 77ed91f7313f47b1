"""Who can pay whom: the clearing of debts in a network of firms.

Eisenberg and Noe (Systemic Risk in Financial Systems, 2001) define payments that respect limited liability,
priority of debt over equity and proportionality. Rogers and Veraart (Failure and Rescue in an Interbank
Network, 2013) add the cost of a default: only a share of what a failed firm owns and is paid reaches its
creditors. Elsinger (Financial Networks, Cross Holdings, and Limited Liability, 2009) adds classes of
seniority and shares that firms hold in each other. Here all three hold together, and of all solutions the
greatest is found: every firm pays the most that it can.

From above: nobody fails at first. Given who breaks in which class of its debts, what all receive solves
a linear system; who cannot pay then, breaks earlier; again, until nobody moves. A firm only ever moves down,
so it ends.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array, diags_array, eye_array
from scipy.sparse.linalg import bicgstab

from rechenwerk.base.errors import PlanError

Floats = NDArray[np.float64]
Whole = NDArray[np.intp]
Matrix = csr_array[np.float64, tuple[int, int]]

_DENSE = 256
"""Up to so many firms a dense solve is faster, and many draws are solved at once."""
_CHUNK = 2_000_000
"""Numbers in the matrices that are solved at once: 16 MB."""
_WARM = 16
"""Cheap steps from above before the exact ones: they find most of those who fail."""
_EXACT = 1e-12
"""Relative: a firm that lacks less than this of its debts has paid them."""


class Default(msgspec.Struct, frozen=True):
    """What is left in a default.

    Args:
        assets: share of what the firm owns outside the network (alpha), 0 to 1.
        claims: share of what it is paid by others (beta), 0 to 1.
    """

    assets: float = 1.0
    claims: float = 1.0


class Network(msgspec.Struct, frozen=True):
    """Who owes whom, and who owns whom.

    Args:
        debts: one array (firms, firms) a class of seniority, the first is paid first: row owes column.
        outside: (classes, firms): owed to nobody in the network.
        shares: (firms, firms): the part of the row's equity that the column holds.
    """

    debts: tuple[Matrix, ...]
    outside: Floats
    shares: Matrix

    @property
    def firms(self) -> int:
        """How many there are."""
        return int(self.outside.shape[1])

    @property
    def classes(self) -> int:
        """How many classes of seniority."""
        return int(self.outside.shape[0])

    @property
    def owed(self) -> Floats:
        """(classes, firms): all that each firm owes in each class."""
        inside: list[Floats] = [np.asarray(one.sum(axis=1)).reshape(-1) for one in self.debts]
        return np.stack(inside) + self.outside


class Cleared(msgspec.Struct, frozen=True):
    """Payments and what is left; the last axis is firms, before it classes (paid), before it draws.

    Args:
        paid: (..., classes, firms).
        equity: (..., firms): all that a firm has minus all that it owes; negative where it failed.
        failed: (..., firms): did not pay all.
        received: (..., firms): from debts and shares of others.
    """

    paid: Floats
    equity: Floats
    failed: NDArray[np.bool_]
    received: Floats

    @property
    def total(self) -> Floats:
        """(..., firms): paid in all classes together."""
        summed: Floats = self.paid.sum(axis=-2)
        return summed


def network(
    debts: Sequence[ArrayLike | Matrix],
    *,
    shares: ArrayLike | Matrix | None = None,
    outside: ArrayLike | None = None,
) -> Network:
    """A network from matrices, checked.

    Args:
        debts: one matrix a class of seniority, the first is paid first; [i, j] is what i owes j.
        shares: [i, j] is the part of i's equity that j holds.
        outside: (classes, firms) or (firms,), which then is the last class: owed to others.

    Raises:
        PlanError: shapes differ, something is negative, a firm owes or owns itself, more than all of one
            is held.
    """
    if not debts:
        raise PlanError("a network needs at least one matrix of debts")
    matrices = tuple(_matrix(one) for one in debts)
    count = matrices[0].shape[0]
    held = csr_array((count, count), dtype=np.float64) if shares is None else _matrix(shares)
    others = np.zeros((len(matrices), count))
    if outside is not None:
        given = np.asarray(outside, dtype=np.float64)
        others[-1 if given.ndim == 1 else slice(None)] = given
    for name, matrix in (
        *((f"debts of class {one}", debt) for one, debt in enumerate(matrices)),
        ("shares", held),
    ):
        if matrix.shape != (count, count):
            raise PlanError(f"{name} are {matrix.shape[0]} x {matrix.shape[1]}; {count} x {count} are needed")
        if matrix.nnz and not (np.isfinite(matrix.data).all() and matrix.data.min() >= 0):
            raise PlanError(f"{name} hold a negative number; turn the direction round instead")
        if matrix.diagonal().any():
            raise PlanError(f"{name}: firm {int(matrix.diagonal().nonzero()[0][0])} stands on both sides")
    if not (np.isfinite(others).all() and others.min(initial=0) >= 0):
        raise PlanError("what is owed outside must not be negative")
    given_away: Floats = np.asarray(held.sum(axis=1)).reshape(-1)
    if given_away.max(initial=0) > 1 + _EXACT:
        raise PlanError(f"more than all of firm {int(given_away.argmax())} is held: {given_away.max():.4g}")
    return Network(matrices, others, held)


def _matrix(given: ArrayLike | Matrix) -> Matrix:
    if isinstance(given, csr_array):
        return given.astype(np.float64)
    dense = np.asarray(given, dtype=np.float64)
    if dense.ndim != 2:
        raise PlanError(f"a matrix has two axes, not {dense.ndim}")
    return csr_array(dense)


def clear(net: Network, assets: ArrayLike, default: Default | None = None) -> Cleared:
    """The greatest clearing payments.

    Args:
        net: who owes whom.
        assets: (firms,) or (draws, firms): what each has from outside; negative where it owes more there.
        default: what is left in a default; everything unless said otherwise.

    Raises:
        PlanError: the shape is wrong or a share is no share.
    """
    default = default or Default()
    own = np.atleast_2d(np.asarray(assets, dtype=np.float64))
    if own.ndim != 2 or own.shape[1] != net.firms:
        raise PlanError(
            f"assets have the shape {np.shape(assets)}; the last axis must count {net.firms} firms"
        )
    if not np.isfinite(own).all():
        raise PlanError("assets must be numbers")
    if not (0 <= default.assets <= 1 and 0 <= default.claims <= 1):
        raise PlanError("what is left in a default is a share between 0 and 1")
    if net.firms <= _DENSE:
        rows = max(1, _CHUNK // net.firms**2)
        dense = _Dense(net, default)
        parts = [dense.clear(own[at : at + rows]) for at in range(0, len(own), rows)]
    else:
        sparse = _Sparse(net, default)
        parts = [sparse.clear(one) for one in own]
    found = Cleared(
        *(np.concatenate([getattr(one, name) for one in parts]) for name in Cleared.__struct_fields__)
    )
    if np.ndim(assets) == 1:
        return Cleared(*(getattr(found, name)[0] for name in Cleared.__struct_fields__))
    return found


class _Steps:
    """What both solvers share: where a firm stands, given what it received. Arrays are (draws, firms)."""

    def __init__(self, net: Network, default: Default) -> None:
        self.net = net
        self.default = default
        owed = net.owed
        self.owed = owed
        self.due = owed.sum(axis=0)
        self.before = np.vstack([np.zeros(net.firms), owed.cumsum(axis=0)])  # (classes + 1, firms)

    def left(self, own: Floats, received: Floats, failed: NDArray[np.bool_]) -> Floats:
        """What a firm can pay with."""
        broken = (
            self.default.assets * np.maximum(own, 0) + np.minimum(own, 0) + self.default.claims * received
        )
        return np.where(failed, broken, own + received)

    def stand(self, own: Floats, received: Floats, now: Whole) -> Whole:
        """The class in which each firm breaks, `classes` where it does not; never above `now`."""
        classes = self.net.classes
        failed = (now < classes) | (own + received < self.due * (1 - _EXACT))
        can = self.left(own, received, failed)
        breaks = (can[None] >= self.before[1:, None] * (1 - _EXACT)).sum(axis=0)
        return np.minimum(now, np.where(failed, np.minimum(breaks, classes - 1), classes))

    def settle(self, own: Floats, received: Floats, now: Whole) -> Cleared:
        """Payments, given what was received."""
        failed = now < self.net.classes
        can = self.left(own, received, failed)
        paid = np.clip(can[:, None] - self.before[None, :-1], 0, self.owed[None])
        paid = np.where(failed[:, None], paid, self.owed[None])
        return Cleared(paid, own + received - self.due, failed, received)

    def constant(self, own: Floats, now: Whole) -> tuple[Floats, Floats]:
        """(classes, draws, firms) paid whatever is received, and (draws, firms) of equity likewise."""
        classes = self.net.classes
        fixed = np.where(np.arange(classes)[:, None, None] < now[None], self.owed[:, None], 0.0)
        failed = now < classes
        rest = self.left(own, np.zeros_like(own), failed)
        at = np.minimum(now, classes - 1)
        breaking = rest - np.take_along_axis(self.before, at, axis=0)
        for one in range(classes):
            fixed[one] += np.where(failed & (now == one), breaking, 0.0)
        return fixed, np.where(failed, 0.0, rest - self.due)


def _parts(debts: Matrix, owed: Floats) -> Matrix:
    """The part of each firm's debts of a class that goes to each other firm."""
    inverse = np.divide(1.0, owed, out=np.zeros_like(owed), where=owed > 0)
    return csr_array(diags_array(inverse) @ debts)


class _Dense(_Steps):
    """Many draws of a small network at once."""

    def __init__(self, net: Network, default: Default) -> None:
        super().__init__(net, default)
        self.parts = np.stack([_parts(one, self.owed[at]).toarray() for at, one in enumerate(net.debts)])
        self.shares = net.shares.toarray()
        # What a firm passes on of each further unit, by the class in which it breaks; last: in none.
        self.passes = np.concatenate([default.claims * self.parts, self.shares[None]])

    def clear(self, own: Floats) -> Cleared:
        """(draws, firms) at once; a draw is solved again only while somebody in it moves."""
        now = np.full(own.shape, self.net.classes, dtype=np.intp)
        received = self._received(own, now)
        for _ in range(_WARM):
            now = self.stand(own, received, now)
            found = self.settle(own, received, now)
            equity = np.where(found.failed, 0.0, found.equity)
            received = self._passed(found.paid.transpose(1, 0, 2), equity)
        moving = np.arange(len(own))
        while len(moving):
            received[moving] = self._received(own[moving], now[moving])
            then = self.stand(own[moving], received[moving], now[moving])
            moved = (then != now[moving]).any(axis=1)
            now[moving] = then
            moving = moving[moved]
        return self.settle(own, received, now)

    def _passed(self, paid: Floats, equity: Floats) -> Floats:
        """(draws, firms) that arrives of what is paid, (classes, draws, firms), and of equity."""
        arrives: Floats = equity @ self.shares
        for one, parts in zip(paid, self.parts, strict=True):
            arrives += one @ parts
        return arrives

    def _received(self, own: Floats, now: Whole) -> Floats:
        count = self.net.firms
        fixed, equity = self.constant(own, now)
        constant = self._passed(fixed, equity)
        if not self.shares.any() and (now == self.net.classes).all():
            return constant
        matrix = self.passes[now, np.arange(count)[None]]  # (draws, firms, firms)
        system = np.eye(count)[None] - matrix.transpose(0, 2, 1)
        try:
            solved: Floats = np.linalg.solve(system, constant[..., None])[..., 0]
        except np.linalg.LinAlgError:  # firms that owe only each other: the least squares of the same system
            solved = np.stack(
                [np.linalg.lstsq(a, b, rcond=None)[0] for a, b in zip(system, constant, strict=True)]
            )
        return solved


class _Sparse(_Steps):
    """One draw of a large network."""

    def __init__(self, net: Network, default: Default) -> None:
        super().__init__(net, default)
        self.parts = [_parts(one, self.owed[at]) for at, one in enumerate(net.debts)]
        self.back = [csr_array(one.T) for one in self.parts]
        self.held = csr_array(net.shares.T)

    def clear(self, own: Floats) -> Cleared:
        """One draw, (firms,)."""
        now = np.full((1, self.net.firms), self.net.classes, dtype=np.intp)
        received = np.zeros((1, self.net.firms))
        while True:
            received = self._received(own[None], now, received)
            then = self.stand(own[None], received, now)
            if (then == now).all():
                return self.settle(own[None], received, now)
            now = then

    def _received(self, own: Floats, now: Whole, guess: Floats) -> Floats:
        fixed, equity = self.constant(own, now)
        constant = self.held @ equity[0]
        for one, back in enumerate(self.back):
            constant = constant + back @ fixed[one, 0]
        passes = self.held @ diags_array((now[0] == self.net.classes).astype(np.float64))
        for one, back in enumerate(self.back):
            passes = passes + back @ diags_array(np.where(now[0] == one, self.default.claims, 0.0))
        if not passes.nnz:
            return np.asarray(constant)[None]
        return self._solve(csr_array(passes), np.asarray(constant), guess[0])[None]

    @staticmethod
    def _solve(passes: Matrix, constant: Floats, guess: Floats) -> Floats:
        """X = passes x + constant, from above where the quick way does not arrive."""
        system = eye_array(len(constant), format="csr") - passes
        solved, status = bicgstab(system, constant, x0=guess, rtol=1e-14, atol=0.0, maxiter=1000)
        scale = max(float(np.abs(constant).max(initial=0)), 1e-300)
        if (
            status < 0
            or not np.isfinite(solved).all()
            or np.abs(system @ solved - constant).max() > _EXACT * scale
        ):
            solved = guess
            for _ in range(100_000):
                then = passes @ solved + constant
                if np.abs(then - solved).max() <= 1e-14 * scale:
                    break
                solved = then
        return np.asarray(solved, dtype=np.float64)

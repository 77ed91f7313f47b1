"""Who can pay whom: the clearing of debts in a network of firms.

Eisenberg and Noe (Systemic Risk in Financial Systems, 2001) define payments that respect limited liability,
priority of debt over equity and proportionality. Rogers and Veraart (Failure and Rescue in an Interbank
Network, 2013) add the cost of a default: only a share of what a failed firm owns and is paid reaches its
creditors. Elsinger (Financial Networks, Cross Holdings, and Limited Liability, 2009) adds classes of
seniority and shares that firms hold in each other. Here all three hold together, and of all solutions the
greatest is found: every firm pays the most that it can.

From above: nobody has failed. Given who has, what everybody receives is a fixed point of payments that are
linear but for where a class of debts is full or equity is gone; given in which class each firm breaks, a
linear system says it. Then who cannot pay has failed as well; again, until nobody does. More firms fail from
round to round, never fewer, so it ends.
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
Failed = NDArray[np.bool_]
Whole = NDArray[np.intp]
Matrix = csr_array[np.float64, tuple[int, int]]

_DENSE = 256
"""Up to so many firms a dense solve is faster, and many draws are solved at once."""
_CHUNK = 2_000_000
"""Numbers in the matrices that are solved at once: 16 MB."""
_WARM = 16
"""Cheap steps from above before the exact ones: they find most of those who fail."""
_ROUNDS, _STEPS = 50, 100_000
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
    failed: Failed
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
        parts = [sparse.clear(one[None]) for one in own]
    found = Cleared(
        *(np.concatenate([getattr(one, name) for one in parts]) for name in Cleared.__struct_fields__)
    )
    if np.ndim(assets) == 1:
        return Cleared(*(getattr(found, name)[0] for name in Cleared.__struct_fields__))
    return found


class _Steps:
    """What both solvers share. Arrays are (draws, firms), money in classes (classes, draws, firms).

    Where a firm stands is a number: the class in which it breaks; `classes` where it has not failed and has
    equity; one more where it has not failed but has none.
    """

    def __init__(self, net: Network, default: Default) -> None:
        self.net = net
        self.default = default
        self.owed = net.owed
        self.due = self.owed.sum(axis=0)
        self.before = np.vstack([np.zeros(net.firms), self.owed.cumsum(axis=0)])  # (classes + 1, firms)

    def clear(self, own: Floats) -> Cleared:
        """All draws; one is calculated again only while somebody in it fails."""
        received = self.ceiling(own)
        failed = np.zeros(own.shape, dtype=bool)
        for _ in range(_WARM):
            failed |= self.short(own, received)
            received = self.step(own, received, failed)
        moving = np.arange(len(own))
        while len(moving):
            received[moving] = self.fixed(own[moving], received[moving], failed[moving])
            newly = self.short(own[moving], received[moving]) & ~failed[moving]
            failed[moving] |= newly
            moving = moving[newly.any(axis=1)]
        return self.settle(own, received, failed)

    def fixed(self, own: Floats, received: Floats, failed: Failed) -> Floats:
        """What is received once it agrees with itself, given who has failed."""
        stand = self.stand(own, received, failed)
        for _ in range(_ROUNDS):
            received = self.solve(own, stand, received)
            then = self.stand(own, received, failed)
            if (then == stand).all():
                return received
            stand = then
        for _ in range(_STEPS):  # it turns in a circle: slower, but it arrives
            then_received = self.step(own, received, failed)
            if np.abs(then_received - received).max() <= _EXACT * max(1.0, float(self.due.max())):
                break
            received = then_received
        return received

    def short(self, own: Floats, received: Floats) -> Failed:
        """Who cannot pay all that it owes."""
        lacks: Failed = own + received < self.due * (1 - _EXACT)
        return lacks

    def left(self, own: Floats, received: Floats, failed: Failed) -> Floats:
        """What a firm can pay with."""
        broken = self.default.assets * np.maximum(own, 0) + np.minimum(own, 0)
        return np.where(failed, broken + self.default.claims * received, own + received)

    def stand(self, own: Floats, received: Floats, failed: Failed) -> Whole:
        """Where each firm stands."""
        classes = self.net.classes
        can = self.left(own, received, failed)
        breaks = (can[None] >= self.before[1:, None] * (1 - _EXACT)).sum(axis=0)
        alive = np.where(own + received >= self.due, classes, classes + 1)
        return np.where(failed, np.minimum(breaks, classes - 1), alive)

    def settle(self, own: Floats, received: Floats, failed: Failed) -> Cleared:
        """Payments, given what was received."""
        can = self.left(own, received, failed)
        paid = np.clip(can[:, None] - self.before[None, :-1], 0, self.owed[None])
        paid = np.where(failed[:, None], paid, self.owed[None])
        return Cleared(paid, own + received - self.due, failed, received)

    def step(self, own: Floats, received: Floats, failed: Failed) -> Floats:
        """What arrives when everybody pays of what it received before."""
        found = self.settle(own, received, failed)
        return self.passed(found.paid.swapaxes(0, 1), np.where(failed, 0.0, np.maximum(found.equity, 0)))

    def constant(self, own: Floats, stand: Whole) -> tuple[Floats, Floats]:
        """What is paid in classes whatever is received, and the equity likewise."""
        classes = self.net.classes
        failed = stand < classes
        paid = np.where(np.arange(classes)[:, None, None] < stand[None], self.owed[:, None], 0.0)
        rest = self.left(own, np.zeros_like(own), failed)
        breaking = rest - np.take_along_axis(self.before, np.minimum(stand, classes - 1), axis=0)
        for one in range(classes):
            paid[one] += np.where(stand == one, breaking, 0.0)
        return paid, np.where(stand == classes, rest - self.due, 0.0)

    def ceiling(self, own: Floats) -> Floats:
        """More than anybody can receive: all debts paid, and no equity reduced by what is owed."""
        paid = np.broadcast_to(self.owed[:, None], (self.net.classes, *own.shape))
        arrives = self.passed(paid, np.zeros_like(own))
        if not self.net.shares.nnz:
            return arrives
        return self.passed(paid, self.raised(np.maximum(own + arrives - self.due, 0)))

    def passed(self, paid: Floats, equity: Floats) -> Floats:
        """What arrives of what is paid and of equity."""
        raise NotImplementedError

    def solve(self, own: Floats, stand: Whole, guess: Floats) -> Floats:
        """What is received, given where everybody stands."""
        raise NotImplementedError

    def raised(self, equity: Floats) -> Floats:
        """Equity with that of the firms that each holds."""
        raise NotImplementedError


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
        # What a firm passes on of each further unit, by where it stands.
        nothing = np.zeros_like(self.shares)
        self.passes = np.concatenate([default.claims * self.parts, self.shares[None], nothing[None]])

    def passed(self, paid: Floats, equity: Floats) -> Floats:
        arrives: Floats = equity @ self.shares
        for one, parts in zip(paid, self.parts, strict=True):
            arrives += one @ parts
        return arrives

    def raised(self, equity: Floats) -> Floats:
        return _solved(np.eye(self.net.firms) - self.shares.T, equity[..., None])[..., 0]

    def solve(self, own: Floats, stand: Whole, guess: Floats) -> Floats:
        del guess
        constant = self.passed(*self.constant(own, stand))
        if not self.shares.any() and (stand >= self.net.classes).all():
            return constant
        matrix = self.passes[stand, np.arange(self.net.firms)[None]]  # (draws, firms, firms)
        system = np.eye(self.net.firms)[None] - matrix.transpose(0, 2, 1)
        return _solved(system, constant[..., None])[..., 0]


def _solved(system: Floats, right: Floats) -> Floats:
    try:
        found: Floats = np.asarray(np.linalg.solve(system, right), dtype=np.float64)
    except np.linalg.LinAlgError:  # firms that owe only each other: the least squares of the same system
        found = np.asarray(np.linalg.pinv(system) @ right, dtype=np.float64)
    return found


class _Sparse(_Steps):
    """Draws of a large network, one after the other."""

    def __init__(self, net: Network, default: Default) -> None:
        super().__init__(net, default)
        self.back = [csr_array(_parts(one, self.owed[at]).T) for at, one in enumerate(net.debts)]
        self.held = csr_array(net.shares.T)

    def passed(self, paid: Floats, equity: Floats) -> Floats:
        arrives = self.held @ equity[0]
        for one, back in zip(paid, self.back, strict=True):
            arrives = arrives + back @ one[0]
        return np.asarray(arrives, dtype=np.float64)[None]

    def raised(self, equity: Floats) -> Floats:
        return self._solve(self.held, equity[0], equity[0])[None]

    def solve(self, own: Floats, stand: Whole, guess: Floats) -> Floats:
        constant = self.passed(*self.constant(own, stand))
        passes = self.held @ diags_array((stand[0] == self.net.classes).astype(np.float64))
        for one, back in enumerate(self.back):
            passes = passes + back @ diags_array(np.where(stand[0] == one, self.default.claims, 0.0))
        if not passes.nnz:
            return constant
        return self._solve(csr_array(passes), constant[0], guess[0])[None]

    @staticmethod
    def _solve(passes: Matrix, constant: Floats, guess: Floats) -> Floats:
        """X = passes x + constant; by repeated steps where the quick way does not arrive."""
        system = eye_array(len(constant), format="csr") - passes
        solved, status = bicgstab(system, constant, x0=guess, rtol=1e-14, atol=0.0, maxiter=1000)
        scale = max(float(np.abs(constant).max(initial=0)), 1e-300)
        good = status >= 0 and np.isfinite(solved).all()
        if not good or np.abs(system @ solved - constant).max() > _EXACT * scale:
            solved = guess
            for _ in range(_STEPS):
                then = passes @ solved + constant
                if np.abs(then - solved).max() <= _EXACT * scale:
                    break
                solved = then
        return np.asarray(solved, dtype=np.float64)

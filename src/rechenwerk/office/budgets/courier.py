"""The courier of the office: looks what is to be told, and tells it until somebody took it.

What is to be told is written down first (`ports.Alerts.fire`), so a process that dies while it sends loses
nothing; several offices over one database share the work.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from rechenwerk.contracts.alerts import alerts
from rechenwerk.office.access import Office, Realm
from rechenwerk.office.budgets.ports import Cause, Parcel, Rule
from rechenwerk.office.budgets.rules import of_budgets, of_cap, of_contract
from rechenwerk.office.budgets.sending import Sender, UndeliveredError
from rechenwerk.office.concentration_routes import show_concentration
from rechenwerk.office.ports import Caller
from rechenwerk.office.positions import known

_log = logging.getLogger("rechenwerk.courier")
Work = Callable[[], Awaitable[int]]

RETRIES = (5, 60, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Seconds after a failed attempt until the next: over three days, then it is given up."""
CLAIM = 120
"""Seconds that an attempt may take at most; whoever claimed it and says nothing for so long has died."""
_LOOK = 5.0
_SLOW_LOOK = 300.0
_DELIVER = 1.0
_AT_ONCE = 20
_DAYS = 30


def message_id(random: bytes) -> str:
    """The id of a notice, the same whenever it is sent."""
    return "msg_" + base64.b32encode(random).decode().rstrip("=").lower()


class Courier:
    """Tells people what they asked to be told.

    Args:
        office: its storage and clock.
        senders: channel -> who sends over it.
    """

    def __init__(self, office: Office, senders: Mapping[str, Sender]) -> None:
        self._office = office
        self._senders = senders

    # -- looking ----------------------------------------------------------------------------------

    async def look(
        self, watches: Sequence[str] = ("budgets", "wallets", "contracts", "concentration")
    ) -> int:
        """Note what is to be told by the rules that watch these; returns how many notices are new."""
        rules = [one for one in await self._office.desk.budgets.alerts.rules() if one.watch in watches]
        new = 0
        for organisation in sorted({one.organisation_id for one in rules}):
            mine = [one for one in rules if one.organisation_id == organisation]
            try:
                new += await self._look_at(organisation, mine)
            except Exception:  # one organisation's trouble must not silence the others
                _log.exception("alerts of %s cannot be looked at", mine[0].organisation)
        return new

    async def _look_at(self, organisation: int, rules: Sequence[Rule]) -> int:
        desk, now = self._office.desk, self._office.clock.now()
        currency = await desk.tenants.currency()
        uses = await desk.budgets.budgets.uses(organisation, self._office.windows())
        contracts = await self._contracts(rules)
        concentration = await self._concentration(rules)
        new = 0
        for rule in rules:
            if rule.watch == "contracts":
                causes = contracts
            elif rule.watch == "concentration":
                causes = concentration
            else:
                causes = of_budgets(rule, uses, now, currency)
            if causes:
                new += await desk.budgets.alerts.fire(rule, causes, self._office.now(), self._new_id)
        return new

    async def _contracts(self, rules: Sequence[Rule]) -> list[Cause]:
        """Warnings of the organisation's own contracts; those that the operator shares are the operator's."""
        rule = next((one for one in rules if one.watch == "contracts"), None)
        if rule is None:
            return []
        now, currency = int(self._office.clock.now()), await self._office.desk.tenants.currency()
        found = []
        for one in await known(self._realm(rule)):
            if one.shared or not one.stored.active:
                continue
            for at in (one.position(now), *one.caps(now)):
                found += [of_contract(rule, at, each, currency) for each in alerts(one.terms, at, now)]
        return found

    async def _concentration(self, rules: Sequence[Rule]) -> list[Cause]:
        rule = next((one for one in rules if one.watch == "concentration"), None)
        if rule is None:
            return []
        shown = await show_concentration(self._realm(rule), _DAYS, None, rule.organisation)
        now = self._office.clock.now()
        return [cause for cap in shown.caps for cause in of_cap(rule, cap.model_dump(), now)]

    def _realm(self, rule: Rule) -> Realm:
        caller = Caller(rule.organisation_id, rule.organisation, 0, frozenset({"books"}), "alerts")
        return Realm(self._office, caller, rule.organisation_id, rule.organisation)

    def _new_id(self) -> str:
        return message_id(self._office.random_bytes(20))

    # -- telling ----------------------------------------------------------------------------------

    async def deliver(self) -> int:
        """Send what is due, all at once; returns how many were taken."""
        now = self._office.now()
        claimed = await self._office.desk.budgets.alerts.claim(now, now + timedelta(seconds=CLAIM), _AT_ONCE)
        return sum(await asyncio.gather(*[self._send(parcel) for parcel in claimed]))

    async def _send(self, parcel: Parcel) -> int:
        outbox = self._office.desk.budgets.alerts
        try:
            answer = await self._senders[parcel.rule.channel].send(parcel, self._office.clock.now())
        except UndeliveredError as error:
            again = None if error.final else self._again(parcel.attempts)
            _log.warning("alert %r was not delivered: %s", parcel.rule.name, error)
            await outbox.failed(parcel.id, again, str(error)[:500])
            return 0
        except Exception as error:  # whatever it is, it must not keep the others from being sent
            _log.exception("alert %r cannot be sent", parcel.rule.name)
            await outbox.failed(parcel.id, self._again(parcel.attempts), type(error).__name__)
            return 0
        await outbox.delivered(parcel.id, self._office.now(), answer)
        return 1

    def _again(self, attempts: int) -> datetime | None:
        """When to try again after so many attempts; None: it was enough."""
        if attempts > len(RETRIES):
            return None
        return datetime.fromtimestamp(self._office.clock.now() + RETRIES[attempts - 1], UTC)

    async def run(self) -> None:
        """Look and tell for ever."""
        await asyncio.gather(
            self._often(_LOOK, lambda: self.look(("budgets", "wallets"))),
            self._often(_SLOW_LOOK, lambda: self.look(("contracts", "concentration"))),
            self._often(_DELIVER, self.deliver),
        )

    async def _often(self, seconds: float, work: Work) -> None:
        while True:
            try:
                await work()
            except Exception as error:  # the database may be away; the work is still there afterwards
                _log.warning("alerts are held up: %s", error or type(error).__name__)
            await asyncio.sleep(seconds)

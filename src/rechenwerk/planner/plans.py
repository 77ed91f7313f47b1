"""A plan: what its file says, put together into lines that can be calculated."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import msgspec

from rechenwerk.base.errors import PlanError, RechenwerkError
from rechenwerk.base.toml_lines import Path
from rechenwerk.base.toml_reader import MistakesError, Reader
from rechenwerk.planner.axis import Axis
from rechenwerk.planner.checks import faults
from rechenwerk.planner.clearing import Floats
from rechenwerk.planner.contract_lines import add_contract
from rechenwerk.planner.dimensions import check_unit
from rechenwerk.planner.drivers import Driver, correlated
from rechenwerk.planner.engine import Line, Program, order
from rechenwerk.planner.funding_lines import Funded, add_funding
from rechenwerk.planner.measure_lines import add_measures
from rechenwerk.planner.numbers import number, parted
from rechenwerk.planner.ownership_checks import mistakes
from rechenwerk.planner.reading import points, read_plan
from rechenwerk.planner.scenarios import factors
from rechenwerk.planner.sheet import Origin, Sheet
from rechenwerk.planner.statement_lines import add_opening, add_statements
from rechenwerk.planner.tables import DriverTable, LineTable, Written
from rechenwerk.planner.units import Unit, read_unit

_WORDS = re.compile(r"[a-z_][a-z0-9_.]*")


class Plan(msgspec.Struct, frozen=True):
    """Ready to be calculated.

    Args:
        written: the file's tables.
        axis: periods.
        money: unit in which money is shown.
        inputs: drivers and known figures, by name.
        program: lines in their order.
        factor: Cholesky factor of the drawn drivers' correlations.
        titles, sources: of inputs.
        origins: numbers of the file that inputs come from, by input.
    """

    written: Written
    axis: Axis
    money: Unit
    inputs: Mapping[str, Driver]
    program: Program
    factor: Floats
    titles: Mapping[str, str]
    sources: Mapping[str, str]
    origins: Mapping[str, Origin]

    @property
    def lines(self) -> dict[str, Line]:
        """By name."""
        return self.program.lines


def load_plan(text: str | Reader) -> Plan:
    """The plan of a TOML text, or of a reader of tables that were read from something else.

    Raises:
        MistakesError: all mistakes with line and fix.
    """
    written, reader = read_plan(text)
    for fault in faults(written):
        reader.wrong(*fault)
    for path, error in mistakes(written):
        reader.wrong(path, *parted(error))
    if reader.mistakes:
        raise MistakesError(reader.mistakes)
    return build(written, reader)


def build(written: Written, reader: Reader | None = None) -> Plan:
    """Put a plan together.

    Args:
        written: tables.
        reader: knows the lines of the file; without one a mistake is told without its line.

    Raises:
        MistakesError, PlanError: something does not fit together.
    """
    builder = _Builder(written, reader)
    return builder.build()


class _Builder:
    def __init__(self, written: Written, reader: Reader | None) -> None:
        self.written = written
        self.reader = reader
        head = written.head
        self.axis = Axis.of(head.starts, head.periods)
        self.factors: dict[str, Floats] = {}
        with self._at(("shown_in",)):
            self.sheet = Sheet(self.axis, head.currency, head.shown_in)

    @contextmanager
    def _at(self, path: Path) -> Iterator[None]:
        """A mistake found here belongs to a place of the file."""
        try:
            yield
        except PlanError as error:
            raise self._told(path, error) from None

    def _told(self, path: Path, error: PlanError) -> RechenwerkError:
        """The mistake with its line, where that can be told."""
        if self.reader is None:
            return error
        self.reader.wrong(path, *parted(error))
        return MistakesError(self.reader.mistakes)

    def build(self) -> Plan:
        written, sheet = self.written, self.sheet
        with self._at(("shock",)):
            self.factors = factors(written, written.happening)
        for index, one in enumerate(written.drivers):
            with self._at(("driver", index)):
                self._driver(one)
        with self._at(("opening",)):
            add_opening(sheet, written.opening)
        for index, line in enumerate(written.lines):
            with self._at(("line", index)):
                self._line(line)
        behind: dict[str, str] = {}
        for index, contract in enumerate(written.contracts):
            before = behind.get(contract.need, contract.need)
            with self._at(("contract", index)):
                behind[contract.need] = add_contract(sheet, contract, before)
        for need, left in behind.items():
            sheet.line(f"unserved.{need}", left, sheet.lines[left].unit, title=f"{need}: not served")
        parts = []
        for index, funding in enumerate(written.funding):
            with self._at(("funding", index)):
                parts.append(add_funding(sheet, funding))
        funded = Funded(
            **{
                field: tuple(name for part in parts for name in getattr(part, field))
                for field in Funded.__struct_fields__
            }
        )
        with self._at_name():
            add_statements(sheet, written.policy, written.lines, written.contracts, funded)
            add_measures(sheet, written)
        program = self._ordered()
        self._check_units()
        pairs = {one.between: number(one.value) for one in written.correlations}
        with self._at(("correlation",)):
            factor = correlated(list(sheet.inputs.values()), pairs)
        return Plan(
            written,
            self.axis,
            sheet.money,
            sheet.inputs,
            program,
            factor,
            sheet.titles,
            sheet.sources,
            sheet.origins,
        )

    def _ordered(self) -> Program:
        with self._at_name():
            return order(self.axis, self.sheet.inputs, list(self.sheet.lines.values()))

    @contextmanager
    def _at_name(self) -> Iterator[None]:
        """A mistake found here belongs to the first row of the file that it names."""
        try:
            yield
        except PlanError as error:
            places = self._places()
            first = next((name for name in _WORDS.findall(str(error)) if name.split(".")[0] in places), "")
            raise self._told(places.get(first.split(".")[0], ()), error) from None

    def _places(self) -> dict[str, Path]:
        """Where a line, a contract or a source of money stands in the file."""
        found: dict[str, Path] = {one.name: ("driver", at) for at, one in enumerate(self.written.drivers)}
        found |= {one.name: ("line", at) for at, one in enumerate(self.written.lines)}
        found |= {one.name: ("contract", at) for at, one in enumerate(self.written.contracts)}
        return found | {one.name: ("funding", at) for at, one in enumerate(self.written.funding)}

    def _check_units(self) -> None:
        """What the file's own lines say about units; contracts and funding are added to the same sheet."""
        units = {name: one.unit for name, one in self.sheet.inputs.items()}
        units |= {name: one.unit for name, one in self.sheet.lines.items()}
        places = self._places()
        for name, line in self.sheet.lines.items():
            path = places.get(name) or places.get(name.split(".")[0]) or ()
            with self._at(path):
                check_unit(line.formula, units, line.unit, name)

    def _driver(self, one: DriverTable) -> None:
        unit = read_unit(one.unit)
        path = points(one, self.axis) * unit.scale * self.factors.get(one.name, 1.0)
        driver = Driver(one.name, tuple(path.tolist()), one.noise, number(one.spread), unit)
        self.sheet.add_input(driver, title=one.title, source=one.source)

    def _line(self, one: LineTable) -> None:
        unit = read_unit(one.unit)
        self.sheet.line(one.name, one.formula, unit, title=one.title, group=one.group, source=one.source)

"""A process that turns calls as CSV (standard input) into Parquet (standard output), a row group at a time.

Run as ``python -m rechenwerk.office.parquet_child CURRENCY``. It is a process of its own because pyarrow
costs whoever loads it some 60 MB; the office needs it for one kind of export and a gateway never.

    money                 decimal128(38, 9), in whole units of the currency
    started_at            timestamp in microseconds, UTC
    counts, durations     int64
"""

from __future__ import annotations

import sys
from typing import BinaryIO

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from rechenwerk.base.piping import Counted
from rechenwerk.ledger.exports.tables import CALL_COLUMNS, COUNTS, MONEY

_ROWS = 65_536
"""Of a row group: what is in memory."""
_BLOCK = 1 << 20


def schema(currency: str) -> pa.Schema:
    """The columns and their types; the currency stands in the file's metadata too."""
    types: dict[str, pa.DataType] = dict.fromkeys(CALL_COLUMNS, pa.string())
    types |= dict.fromkeys(MONEY, pa.decimal128(38, 9)) | dict.fromkeys(COUNTS, pa.int64())
    types |= {"started_at": pa.timestamp("us", "UTC"), "streamed": pa.bool_(), "status": pa.int32()}
    return pa.schema(list(types.items()), metadata={"currency": currency})


def convert(source: BinaryIO, out: BinaryIO, currency: str) -> None:
    """Read CSV with a heading, write Parquet."""
    columns = schema(currency)
    reader = pc.open_csv(
        source,
        read_options=pc.ReadOptions(block_size=_BLOCK, use_threads=False),
        parse_options=pc.ParseOptions(newlines_in_values=True),
        convert_options=pc.ConvertOptions(
            column_types=columns, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=True
        ),
    )
    with pq.ParquetWriter(Counted(out), columns, compression="zstd", write_statistics=True) as writer:
        waiting: list[pa.RecordBatch] = []
        for batch in reader:
            waiting.append(batch)
            if sum(one.num_rows for one in waiting) >= _ROWS:
                writer.write_table(pa.Table.from_batches(waiting).cast(columns))
                waiting = []
        if waiting:
            writer.write_table(pa.Table.from_batches(waiting).cast(columns))


if __name__ == "__main__":
    convert(sys.stdin.buffer, sys.stdout.buffer, sys.argv[1])

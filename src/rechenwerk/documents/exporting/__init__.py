"""What leaves the room: values with their evidence as CSV, workbook, JSON or Parquet."""

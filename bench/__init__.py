"""The measured promises: one harness per promise, one line per metric in results.jsonl."""

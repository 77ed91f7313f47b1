"""The plan: arrays and a seed in, arrays out. Whether it pays, when the cash runs out, who falls with whom."""

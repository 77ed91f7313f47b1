"""Models that an organisation trains from its own examples: classifiers and extractors, on a CPU in seconds.

Training (`child`) is a process of its own: only it loads scikit-learn and CRFsuite. What it makes is arrays,
which everything else reads with numpy alone.
"""

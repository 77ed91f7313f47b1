"""Personal data out of what a model is asked, and back into its answer."""

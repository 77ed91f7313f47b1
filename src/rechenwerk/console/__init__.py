"""Web pages over the documented API: what a person sees of the installation."""

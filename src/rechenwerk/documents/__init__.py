"""Document analysis: a customer of the gateway, with no private road to a model.

parse -> classify -> extract by schema -> check -> reconcile -> review -> export
"""

"""The plan: arrays and a seed in, arrays out.

Does it pay, when does the cash run out, who falls with whom?
"""

"""The routing bench: what the router's decisions cost over the least that they could have cost."""

"""Organisations over months, and what their lines must say.

`story` invents what happens, `player` does it on the product, `oracle` prices it from the catalogues and the events
alone. `story`, `oracle`, `prices` and `spans` import nothing of the product.
"""

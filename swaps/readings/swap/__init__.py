"""How a swap looks to whoever reads it.

Begin in `swaps.py`.
"""

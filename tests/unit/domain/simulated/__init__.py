"""A small world for the decision to act in: hosts and nodes that misbehave, rows, a clock.

Fakes are right here and only here: what is tested is a pure function, against more
histories than real parts could be put through. Real parts have their own tests.
"""

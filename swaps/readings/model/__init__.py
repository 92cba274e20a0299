"""How a model and its versions look.

Begin in `models.py`.
"""

"""Commands of `manage.py`: further doors, thin.

Begin in `commands/`.
"""

"""What people and pipelines ask for: guard, change, audit, wake, in one transaction.

Begin in `hot_swapper.py`, the one door in Python, or in the folder of the subject. May import the
engine and what lies below; the engine imports nothing of it.
"""

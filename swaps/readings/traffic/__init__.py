"""What is in flight, who gets which share, how fast; now and during the last minutes.

Begin in `traffic.py`.
"""

"""What a worker does unasked, with Postgres alone: look for swaps that are due, and see to what
has to be done now and then.

    sweeper.py   the thread of each worker, and the net below its Celery messages
    duties.py    what is done now and then, by one worker at a time
"""

"""The read side: a swap, a model, the fleet, as API, console and live pages show them.

Built once, here, so that no two doors tell different stories. Nothing here changes a row.

    model_rows.py  the rows that bear on some models, in a fixed number of queries
    traffic.py   live gauges to what is in flight, who gets which share, how fast
    swaps.py     a swap, and the list of them     swap_parts.py, sentences.py  what it is made of
    events.py    a swap's timeline                models.py  models and their versions
    swap_plan.py what a swap would do, before it is asked for
    hosts.py     model hosts                      router.py  nodes and what each has applied
    audit.py     the audit log                    pages.py   bounded lists, by key
"""

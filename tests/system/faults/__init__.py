"""The matrix of faults: each process, killed or stopped, in each state of a swap, under traffic.

`moments` brings a swap into a state and holds it there, `hits` kills and stops, `trouble` is
what befalls a machine (a full disk, a wrong clock, a cut network), `verdict` says what became of
the swap, of the requests and of the hosts, and `matrix` runs the cells and prints the table.

    make faults                                  # every cell; a broken-off run is resumed
    make faults ARGS="--only worker,edge-1"      # some rows
    make faults ARGS="--shard 2/4"               # a quarter of them
    make faults ARGS="--again --only postgres"   # anew
"""

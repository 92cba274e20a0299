"""`hotswap`, the command line: what people and pipelines can do by REST, in a terminal.

It talks REST and knows nothing of the server's code, so it installs without the server's
packages.

__main__.py   the commands put together; every error becomes a sentence and an exit code
exits.py      the exit codes, and the errors that carry them
logins.py     which server, with which token
rest.py       calls: tried again where that is safe, problems turned into errors
following.py  a swap's events in order, through restarts of the server
watching.py   what following shows: a drawing, plain lines, or JSON lines
drawing.py    the drawing of a swap
output.py     tables and sentences; nothing a server says can steer the terminal
options.py    arguments and options that several commands share
commands/     one file a topic
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("hotswap")
except PackageNotFoundError:  # run from a check-out that was never set up
    __version__ = "0"

"""Who runs a command on the machine itself."""

import os
import pwd

from swaps.access.roles import Actor, Role


def machine_operator() -> Actor:
    """The account that runs this process. Whoever has it has the keys too: an administrator."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container that runs under a number
        name = f"uid {os.getuid()}"
    return Actor(name, Role.ADMINISTRATOR, "command line")

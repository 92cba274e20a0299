#!/usr/bin/env python
"""Django's command line; `manage.py help` lists ours under [swaps] and [hotswap_site]."""

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hotswap_site.settings")
    from django.core.management import execute_from_command_line

    from hotswap_site.embedded.errors import EmbeddedError

    try:
        execute_from_command_line(sys.argv)
    except EmbeddedError as error:
        sys.exit(str(error))

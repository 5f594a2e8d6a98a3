#!/usr/bin/env python3
"""Asks a service with the reference's own client, diracx-client.

    python client.py URL CREDENTIALS <calls.json

The calls are a list such as [["search", {"search": [...]}], ["summary", {"grouping": ["Status"]}]]; the answers, as the
client gives them, are a list of the same length on standard output.
"""

import json
import sys
from pathlib import Path

from diracx.client.sync import SyncDiracClient
from diracx.core.preferences import DiracxPreferences


def main():
    preferences = DiracxPreferences(url=sys.argv[1], credentials_path=Path(sys.argv[2]))
    with SyncDiracClient(diracx_preferences=preferences) as client:
        answers = [getattr(client.jobs, name)(**arguments) for name, arguments in json.load(sys.stdin)]
    json.dump(answers, sys.stdout, default=str)


main()

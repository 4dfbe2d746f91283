"""Runs commands of `az` one after another in one process: to load it takes longer than most commands do.

Each line of stdin is a JSON list of arguments, as the program `az` gets them; each line of stdout is a JSON object with
the exit code, what was printed and what was complained about. The commands go through `azure.cli.core`, as `az` itself
does (`azure/cli/__main__.py`).
"""

import io
import json
import os
import sys
import tempfile
import traceback

from azure.cli.core import get_default_cli

commands = os.fdopen(os.dup(0), "r")
answers = os.fdopen(os.dup(1), "w")
# What commands read is empty, and what they write is kept, whoever writes it.
wrote, said = tempfile.TemporaryFile(), tempfile.TemporaryFile()
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
os.dup2(wrote.fileno(), 1)
os.dup2(said.fileno(), 2)


def text(file):
    """What was written to a file since it was asked last."""
    file.seek(0)
    found = file.read().decode("utf-8", "replace")
    file.seek(0)
    file.truncate()
    return found


for line in commands:
    answer = io.StringIO()
    try:
        code = get_default_cli().invoke(json.loads(line), out_file=answer)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    # some commands write their answer themselves
    printed = text(wrote) + answer.getvalue()
    print(json.dumps({"code": code, "printed": printed, "said": text(said)}), file=answers, flush=True)

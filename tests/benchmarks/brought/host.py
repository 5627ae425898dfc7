"""The command line of a checkout, loaded once: each command that comes in runs in a process of its own.

A line of JSON comes in, `{"words": [...], "folder": ..., "said": ...}`; what the command prints goes to the file `said`
and its exit code comes back. What was loaded is shared, nothing else: loading PyTorch is most of a short command.
"""

import json
import os
import runpy
import sys


def main() -> None:
    import ddsp_nb
    import ddsp_nb.cli.main

    for name in ddsp_nb.__all__:
        getattr(ddsp_nb, name)
    print("ready", flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if child == 0:
            break
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    else:
        return
    os.chdir(asked["folder"])
    for stream, path in ((0, os.devnull), (1, asked["said"]), (2, asked["said"])):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND), stream)
    sys.argv[1:] = asked["words"]
    runpy.run_module("ddsp_nb", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()

"""The workbook keeps to itself: a server for this machine alone, with a token, and no calls out."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent

SERVERS = """
import json, sys
from jupyterlab.labapp import LabApp

for arguments in json.loads(sys.argv[1]):
    LabApp.clear_instance()
    server = LabApp.initialize_server(argv=arguments)
    identity = server.identity_provider
    print(json.dumps({
        "ip": server.ip,
        "allow_remote_access": server.allow_remote_access,
        "allow_origin": server.allow_origin + server.allow_origin_pat,
        "disable_check_xsrf": server.disable_check_xsrf,
        "token": len(identity.token),
        "generated": identity.token_generated,
        "auth_enabled": identity.auth_enabled,
    }))
    type(server).clear_instance()
"""


def lab_arguments():
    """What `make lab` passes to `jupyter lab`."""
    (line,) = re.findall(r"^\t\$\(BIN\)/jupyter lab (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    return shlex.split(line)


def server_settings(folder, *arguments):
    """Settings of JupyterLab servers with these arguments, in a home without settings of its own; none ever listens."""
    homes = {name: str(folder) for name in ("HOME", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")}
    quiet = {name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")}
    command = [sys.executable, "-c", SERVERS, json.dumps(arguments)]
    result = subprocess.run(command, cwd=ROOT, env=quiet | homes, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()[-len(arguments) :]]


def test_the_lab_answers_this_machine_alone_and_asks_for_a_token(tmp_path):
    open_to_all = [*lab_arguments(), "--ip=0.0.0.0", "--IdentityProvider.token="]
    settings, seen = server_settings(tmp_path, lab_arguments(), open_to_all)
    assert settings.pop("token") >= 32
    assert settings == {
        "ip": "localhost",
        "allow_remote_access": False,
        "allow_origin": "",
        "disable_check_xsrf": False,
        "generated": True,
        "auth_enabled": True,
    }
    assert seen["ip"] == "0.0.0.0" and seen["token"] == 0 and not seen["auth_enabled"]  # the check would see it


def test_no_other_file_starts_a_server_differently():
    commands = re.compile(r"jupyter[ -](?:lab|notebook|server)\b(?!_)(.*)")
    for path in (ROOT / "README.md", ROOT / "environment.yml", ROOT / ".ci/run", *ROOT.glob("docs/*.md")):
        for rest in commands.findall(path.read_text()):
            assert not re.search(r"--(ip|allow-root|no-|\w+App|Identity)|token|password", rest), path


OFFLINE = """
import shlex, socket, sys

def refuse(*args, **kwargs):
    print("NETWORK", args, file=sys.stderr)
    raise AssertionError("the network was used")

for name in ("connect", "connect_ex", "sendto", "bind"):
    setattr(socket.socket, name, refuse)
for name in ("getaddrinfo", "gethostbyname", "create_connection"):
    setattr(socket, name, refuse)
try:
    socket.create_connection(("localhost", 9))
except AssertionError:
    print("blocked")
from ddsp_nb.cli.main import main
for line in sys.argv[1:]:
    main(shlex.split(line), standalone_mode=False)
"""


def test_training_and_growing_use_no_network(tmp_path, data):
    train = "train --epochs 2 --duration 1 --sample-rate 16000 --hidden-size 32 --output model.pt --audio"
    lines = [f"{train} {shlex.quote(str(data / 'violin.flac'))}", "grow --model model.pt --output grown.wav"]
    result = subprocess.run([sys.executable, "-c", OFFLINE, *lines], cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("blocked") and result.stderr.count("NETWORK") == 1  # the trial
    assert (tmp_path / "grown.wav").is_file()

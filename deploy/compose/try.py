#!/usr/bin/env python3
"""Runs what deploy/compose.yaml runs as processes on this machine, from the same files, and strikes it.

    try.py JOBDB    # the program; needs root, PyYAML, and of Debian mariadb-server, mariadb-backup, socat, nginx-light

The containers' names are addresses of a network of its own. A stand-in for the image's entrypoint makes the nodes' folders.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
HOSTS = {name: f"127.0.{i}.1" for i, name in enumerate(["db1", "db2", "db3", "jobdb1", "jobdb2", "jobdb3"], 1)}
GIVEN = {"DB_PASSWORD": "s3cret", "DB_ROOT_PASSWORD": "s3cret", "ISSUER": "my-own", "BINARY": ""}

ENTRYPOINT = r"""#!/bin/bash
set -euo pipefail
shift
if [[ ! -e $DATADIR/mysql ]]; then
	mariadb-install-db --no-defaults --user=root --datadir="$DATADIR" --skip-test-db --auth-root-authentication-method=normal >/dev/null
	{
		printf '%s;\n' "CREATE DATABASE $MARIADB_DATABASE" "FLUSH PRIVILEGES" "CREATE USER $MARIADB_USER IDENTIFIED BY '$MARIADB_PASSWORD'" \
			"GRANT ALL ON $MARIADB_DATABASE.* TO $MARIADB_USER"
		sed "s/VIA unix_socket/BY ''/" "$INIT" # the nodes are root's here
	} | mariadbd --no-defaults --user=root --datadir="$DATADIR" --bootstrap
fi
exec mariadbd --defaults-file="$CONFIG" --user=root --datadir="$DATADIR" --socket="$DATADIR.socket" --pid-file="$DATADIR.pid" \
	--bind-address="$NAME" --wsrep-provider-options="gmcast.listen_addr=tcp://$NAME:4567" "$@"
"""


def filled(value):
    """A value of the file with its variables."""
    return re.sub(r"\$\{(\w+)[^}]*\}", lambda m: GIVEN[m[1]], str(value))


class Cluster:
    all = []  # processes that shall run

    def __init__(self, folder, program):
        self.folder, self.program = folder, program
        self.services = yaml.safe_load((HERE.parent / "compose.yaml").read_text())["services"]
        self.running = {}
        entrypoint = folder / "docker-entrypoint.sh"
        entrypoint.write_text(ENTRYPOINT)
        entrypoint.chmod(0o755)

    def start(self, name, command, environment, **options):
        log = (self.folder / f"{name}.log").open("a")
        environment = {"PATH": f"{self.folder}:{os.environ['PATH']}", "HOME": str(self.folder), "TMPDIR": str(self.folder)} | environment
        if "LD_LIBRARY_PATH" in os.environ:
            environment["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
        self.running[name] = subprocess.Popen(command, env=environment, stdout=log, stderr=log, **options)
        Cluster.all.append(self.running[name])

    def node(self, name):
        service = self.services[name]
        own = {"NAME": HOSTS[name], "DATADIR": str(self.folder / name), "CONFIG": str(HERE / "galera.cnf"), "INIT": str(HERE / "init.sql")}
        Path(own["DATADIR"]).mkdir(exist_ok=True)
        command = [re.sub(r"\bdb\d", lambda m: HOSTS[m[0]], flag) for flag in service["command"]]  # Galera takes no names of 127.…
        self.start(name, [HERE / "node.sh", *command], {k: filled(v) for k, v in service["environment"].items()} | own)

    def server(self, name):
        environment = {k: filled(v) for k, v in self.services[name]["environment"].items()}
        own = {"JOBDB_LISTEN": f"{name}:8000", "JOBDB_METRICS_LISTEN": f"{name}:9100", "JOBDB_KEYS": str(self.folder / "keys/signing-key.json")}
        self.start(name, [self.program, "serve"], environment | own)

    def status(self, name, variable):
        out = subprocess.run(
            ["mariadb", "--no-defaults", "-h", name, "-u", "jobdb", "-ps3cret", "-Nse", f"SHOW STATUS LIKE '{variable}'"],
            capture_output=True, text=True, check=False)
        return out.stdout.split()[-1] if out.stdout else ""

    def await_size(self, name, size):
        await_true(f"{name} is one of {size} nodes",
                   lambda: (self.status(name, "wsrep_cluster_size"), self.status(name, "wsrep_local_state_comment")) == (size, "Synced"))

    def kill(self, name):
        Cluster.all.remove(self.running[name])
        self.running[name].send_signal(signal.SIGKILL)
        self.running.pop(name).wait()

    def stop(self):
        for process in reversed(self.running.values()):
            process.terminate()
        for process in self.running.values():
            process.wait()


def await_true(what, true, seconds=300):
    end = time.time() + seconds
    while not true():
        if time.time() > end or any(process.poll() is not None for process in Cluster.all):
            raise SystemExit(f"not after {seconds} s: {what}")
        time.sleep(0.5)
    print(what, flush=True)


def post(path, body, token):
    request = urllib.request.Request(f"http://127.0.0.1:8080{path}", json.dumps(body).encode(),
                                     {"Content-Type": "application/json", "Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=100) as answer:
        return json.load(answer)


def submit(count, token, what):
    """Submits jobs one by one; each has to be taken, at once or again after 503."""
    again = 0
    for _ in range(count):
        for attempt in range(30):
            try:
                post("/api/jobs/jdl", ['Executable = "/bin/true";'], token)
                break
            except urllib.error.HTTPError as error:
                if error.code not in (502, 503) or attempt == 29:
                    raise
                again += 1
                time.sleep(1)
    print(f"{what}: {count} jobs submitted through nginx, {again} times again", flush=True)


def main(program):
    folder = Path(tempfile.mkdtemp(prefix="jobdb-compose"))
    hosts = folder / "hosts"
    hosts.write_text("127.0.0.1 localhost\n" + "".join(f"{address} {name}\n" for name, address in HOSTS.items()))
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["mount", "--bind", hosts, "/etc/hosts"], check=True)
    token = subprocess.run([program, "token", "--data-dir", folder / "keys", "--issuer", "my-own"], check=True, capture_output=True, text=True).stdout.strip()
    cluster = Cluster(folder, program)
    try:
        for name in ("db1", "db2", "db3"):
            cluster.node(name)
            cluster.await_size(name, name[2])
        for name in ("jobdb1", "jobdb2", "jobdb3"):
            cluster.server(name)
        cluster.start("nginx", ["nginx", "-p", folder, "-e", folder / "nginx-errors", "-c", HERE / "nginx.conf", "-g", "daemon off;"], {})
        for name in ("jobdb1", "jobdb2", "jobdb3"):
            await_true(f"{name} is ready", lambda name=name: ready(f"http://{name}:8000"))
        await_true("nginx answers", lambda: ready("http://127.0.0.1:8080"))
        submit(20, token, "all run")
        cluster.kill("jobdb2")
        submit(20, token, "a server is killed")
        cluster.server("jobdb2")
        cluster.kill("db1")
        submit(20, token, "a node is killed")
        cluster.node("db1")
        cluster.await_size("db1", "3")
        found = len(post("/api/jobs/search", {"parameters": ["JobID"]}, token))
        if found < 60:
            raise SystemExit(f"only {found} jobs are found")
        print(f"{found} jobs are found")
    except BaseException:
        for log in sorted(folder.glob("**/*.log")):
            print(f"--- {log.name}\n" + log.read_text(errors="replace")[-20000:], file=sys.stderr)
        raise
    finally:
        cluster.stop()
        subprocess.run(["umount", "/etc/hosts"], check=False)
        shutil.rmtree(folder)


def ready(url):
    try:
        with urllib.request.urlopen(f"{url}/api/health/ready", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


if __name__ == "__main__":
    if len(sys.argv) == 2:
        os.execvp("unshare", ["unshare", "--mount", "--net", sys.executable, __file__, "inside", os.path.abspath(sys.argv[1])])
    main(sys.argv[2])

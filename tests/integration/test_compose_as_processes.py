"""The commands of docker/compose.yaml, word for word, each as a plain process on a host of its own."""

import json
import os
import pwd
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from namespaces import hosts
from postgres_server import server_programs

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "docker" / "compose.yaml"
SECRETS = {"POSTGRES_PASSWORD": "never-printed-17", "OBJECTS_PASSWORD": "never-printed-18"}
pytestmark = pytest.mark.faults


class Lab:
    """The services of the compose file on hosts with their names, in a folder that stands for their volumes."""

    def __init__(self, network, folder):
        self.network, self.folder = network, folder
        text = re.sub(r"\$\{(\w+)[^}]*\}", lambda found: SECRETS.get(found[1], found[0]), COMPOSE.read_text("utf-8"))
        self.services = yaml.safe_load(text)["services"]

    def environment(self, name):
        path = os.pathsep.join((str(Path(sys.executable).parent), str(ROOT / "docker"), os.environ["PATH"]))
        home = self.folder / "volumes" / name
        home.mkdir(parents=True, exist_ok=True)
        kept = {key: os.environ[key] for key in ("PYTHONPATH",) if key in os.environ}
        image = {"REID_TUNE_HOME": str(home), "MLFLOW_DISABLE_TELEMETRY": "true", "RAY_USAGE_STATS_ENABLED": "0"}
        return {**kept, **image, "PATH": path, "HOME": str(home), **self.services[name].get("environment", {})}

    def words(self, name):
        words = self.services[name]["command"]
        volume = str(self.folder / "volumes" / name)
        return [word.replace("/var/lib/reid-tune", volume).replace("=/data", f"={self.folder}") for word in words]

    def log(self, name):
        return self.folder / f"{name}.log"

    def start(self, name, command=None):
        """Start a service; one that ends is started again, as its restart policy says."""
        words = ["sh", "-c", 'while :; do "$@"; sleep 2; done', "sh", *(command or self.words(name))]
        return self.network.start(name, words, self.environment(name), self.log(name))

    def run(self, name, *words, timeout=400, given=None):
        return subprocess.run(
            self.network.words(name, words),
            env=self.environment(name),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            input=given,
        )

    def healthy(self, name, seconds=400):
        """Wait until the service's own health check passes."""
        _, *check = self.services[name]["healthcheck"]["test"]
        until = time.monotonic() + seconds
        while (done := self.run(name, *check)).returncode != 0:
            assert time.monotonic() < until, f"{name}: {done.stderr}{self.log(name).read_text()[-3000:]}"
            time.sleep(0.5)


def start_database(lab):
    """PostgreSQL as its image starts it: a user and a database of that name, a password for whoever is elsewhere."""
    programs = server_programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed")
    folder = lab.folder / "database"
    folder.mkdir()
    shutil.chown(folder, "nobody")
    secret = folder / "password"
    secret.write_text(SECRETS["POSTGRES_PASSWORD"])
    nobody = pwd.getpwnam("nobody")
    drop = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
    words = ["-D", str(folder / "data"), f"--pwfile={secret}", "--username=reid", "--auth=scram-sha-256", "--no-sync"]
    subprocess.run([*drop, str(programs / "initdb"), *words], check=True, capture_output=True)
    with (folder / "data" / "pg_hba.conf").open("a") as allowed:
        allowed.write("host all all 0.0.0.0/0 scram-sha-256\n")
    settings = ["-c", "listen_addresses=*", "-c", "fsync=off"]
    lab.start("database", [*drop, str(programs / "postgres"), "-D", str(folder / "data"), "-k", str(folder), *settings])
    ready = str(programs / "pg_isready")
    until = time.monotonic() + 300
    while lab.run("database", ready, "-h", "database", "-U", "reid").returncode != 0:
        assert time.monotonic() < until, lab.log("database").read_text()
        time.sleep(0.2)
    as_admin = [
        "env",
        f"PGPASSWORD={SECRETS['POSTGRES_PASSWORD']}",
        str(programs / "psql"),
        "-q",
        "-h",
        str(folder),
        "-U",
        "reid",
        "postgres",
    ]
    done = lab.run("database", *as_admin, "-c", "CREATE DATABASE reid", "-f", str(ROOT / "docker" / "databases.sql"))
    assert done.returncode == 0, done.stderr


@pytest.mark.timeout(1800)
def test_the_services_of_the_compose_file_run_a_study_together(tmp_path):
    os.chmod(tmp_path, 0o755)  # noqa: PTH101 - the database has a user of its own
    for parent in list(tmp_path.parents)[:3]:
        if parent.stat().st_uid == os.geteuid() and parent != Path("/tmp"):
            parent.chmod(parent.stat().st_mode | 0o055)
    with hosts("database", "objects", "prepare", "mlflow", "head", "worker", "service") as network:
        lab = Lab(network, tmp_path)
        start_database(lab)
        lab.start("objects", ["moto_server", "-H", "0.0.0.0", "-p", "9000"])
        until = time.monotonic() + 300
        while "Running on" not in lab.log("objects").read_text():
            assert time.monotonic() < until
            time.sleep(0.2)
        done = lab.run("prepare", *lab.words("prepare"))
        assert done.returncode == 0, done.stderr
        lab.start("mlflow")
        lab.start("head")
        lab.healthy("head")
        lab.start("worker")
        lab.healthy("mlflow")
        given = f"{SECRETS['OBJECTS_PASSWORD']}\n" * 2
        added = lab.run("service", "reid-tune", "users", "add", "ada", "--role", "operator", given=given)
        assert added.returncode == 0, added.stderr
        lab.start("service")
        health = "import urllib.request as u; u.urlopen('http://127.0.0.1:8300/readyz', timeout=4)"
        until = time.monotonic() + 400
        while lab.run("service", "python", "-c", health).returncode != 0:
            assert time.monotonic() < until, lab.log("service").read_text()[-3000:]
            time.sleep(1)

        asked = lab.run(
            "service", "reid-tune", "--space", "bnneck", "--trials", "2", "--max-epochs", "2", "--name", "lab",
            "--backend", "ray", "--detach",
        )  # fmt: skip
        assert asked.returncode == 0, asked.stdout + asked.stderr
        until = time.monotonic() + 900
        while True:
            told = lab.run("service", "reid-tune", "status", "lab", "--json")
            assert told.returncode == 0, told.stderr
            status = json.loads(told.stdout)
            if status["ended_at"] is not None:
                break
            assert time.monotonic() < until, (status, lab.log("service").read_text()[-3000:])
            time.sleep(2)
        assert status["status"] == "completed", status
        trial = json.loads(lab.run("service", "reid-tune", "trial", "show", "lab", "1", "--json").stdout)
        assert "worker" in json.dumps(trial["segments"])
        listed = lab.run("service", "python", "-c", "import s3fs; print(s3fs.S3FileSystem().find('reid/checkpoints'))")
        assert "epoch-0002" in listed.stdout, listed.stdout + listed.stderr
        runs = lab.run(
            "service", "python", "-c",
            "import mlflow; c = mlflow.MlflowClient(); e = [x.experiment_id for x in c.search_experiments()];"
            "print(len(c.search_runs(e)))",
        )  # fmt: skip
        assert int(runs.stdout.split()[-1]) >= 3, runs.stderr

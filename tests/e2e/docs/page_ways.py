"""How each page is followed: what lies in the folder at its start, which words are changed, where Ctrl-C is given."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from markdown_pages import ROOT
from page_places import attributes, by_camera, layouts, photos, short_recipes, small_recipes, small_spaces
from page_shell import Shell
from postgres_server import PASSWORD, started

__all__ = ["ELSEWHERE", "FOLLOWED", "NOT_FOLLOWED", "SKIPPED", "UNTIL", "Page"]

UNTIL = {
    r"^make .*demo": r"took over",
    r"^reid-tune (serve|serve-model|mlflow ui)\b": r"http://",
}
"""Lines that go on until Ctrl-C, and what they say when they are up. (What watches a study shows it once in a pipe.)"""

SKIPPED = {
    "make test": "runs every test, this one among them",
    "make golden": "tests/golden, which `make test` runs",
    "make test-faults": "runs every fault test, this one among them",
    ".venv/bin/python ../shared/bench/score.py": "what the repository does not hold: a test of its own, where it is",
    "reid-tune doctor --ray": "needs a cluster that RAY_ADDRESS names",
    "reid-tune --space bnneck.yaml --trials 40 --data /mnt/photos --ray-address": "needs a cluster of several machines",
    "export AWS_ACCESS_KEY_ID=": "credentials of a store of the reader's own",
    "reid-tune run --space bnneck.yaml --trials 12 --checkpoints s3://": "needs that store",
    "ray start": "clusters: tests/integration/test_ray_*.py",
    "export REID_TUNE_CHECKPOINTS=s3://": "a store of the reader's own",
    "reid-tune up --ray-address HEAD": "needs that cluster: tests/integration/test_compose_as_processes.py",
    "docker ": "no containers here: tests/integration/test_compose_as_processes.py runs what they run",
    "cp docker/": "makes the file that the line after it needs",
    "kubectl ": "no Kubernetes here: tests/unit/docker checks the manifests against its schemas",
}
"""Lines that cannot run here, and why; each begins so on some page."""

SEARCH = "reid-tune run --space bnneck.yaml --no-mlflow"
DEMO = f"make --directory {ROOT} --old-file .venv/.stamp demo"
TINY = (r"--config (?!small/)([a-z]\w+)(?= |$)", r"--config small/\1", "a ResNet-50 takes hours on a CPU")
SHORT = (r"--max-epochs 30", "--max-epochs 3", "the options are the same, the training is ten times shorter")
HERE = (
    r"^(reid-tune (run )?--space \S+)(?!.*--(detach|ray-address))",
    r"\1 --backend inline",
    "to start Ray takes longer than such a search; tests/integration has Ray",
)
DATA = (r"--config (?!small/)([a-z]\w+)(?= --data)", r"--config small/\1", "a ResNet-50 takes hours on a CPU")
LAST = (r"epoch-0\d+\.pt", "epoch-0002.pt", "the recipes here are two epochs long")
PERF = (r"^(?:\.venv/bin/)?python tests/perf/", f"python {ROOT}/tests/perf/", "the folder is not the tree")
PLOT = (r"--plot docs/images/", "--plot ", "the tree stays as it is")
QUICK = (r"(/bench\.py)(?! --quick)", r"\1 --quick --output bench.json", "whether rows work, not whether budgets hold")
BENCH = (r"^make bench", f"python {ROOT}/tests/perf/bench.py", "make takes no --quick")
SMALLER = (
    (r"(evaluation_growth\.py)", r"\1 --galleries 300 600 --queries 64 --times 1", "seconds instead of minutes"),
    (r"--trials 100 1000 10000", "--trials 20 40 --workers 4", "seconds instead of most of an hour"),
)
HERS = (
    (r"--data DIR", "--data photos", "the reader's images"),
    (r"--out FILE", "--out converted.pt", "the next lines take the file that was there"),
)
SHIPPED = (r"--config (?=[a-z])", "--config small/", "a ResNet-50 takes hours on a CPU")
THREE = (r"--trials 12", "--trials 3", "the options are the same, the search is shorter")
ONE_SEED = (r"--seeds 3", "--seeds 1", "a seed is enough to see the table")
AGAIN = {"reid-tune train": ("rm -rf runs/train",)}  # each line of a table is for another reader
NONE = (r" --set MODEL\.BACKBONE\.PRETRAIN_PATH (?!runs)\S+", "", "the small network has no weights to begin with")
SETUP = (r"^make demo", DEMO, "from the tree, with what is installed already")


@dataclass(frozen=True)
class Page:
    """How a page is followed: what is there at its start, words that are replaced, where Ctrl-C is given."""

    prepare: Callable[[Shell], None]
    instead: tuple[tuple[str, str, str], ...] = ()
    until: Mapping[str, str] = field(default_factory=dict)
    before: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    codes: Mapping[str, int] = field(default_factory=dict)
    """Exit codes besides 0 that the page documents."""


def people_and_faces(shell):
    photos(shell, "photos")
    photos(shell, "faces")
    (shell.folder / "faces" / "manifest.csv").unlink()  # a folder a person tells enough
    small_recipes(shell)
    small_spaces(shell)


def people_and_cows(shell):
    people_and_faces(shell)
    photos(shell, "cows")


def with_a_study(shell):
    photos(shell, "photos")
    small_recipes(shell)
    small_spaces(shell)
    shell.run(f"{SEARCH} --backend inline --trials 4 --data photos --name cows")


def with_data(name, *, make=photos):
    """A folder of data with two-epoch recipes for it."""

    def prepare(shell):
        make(shell, name)
        photos(shell, "photos")
        short_recipes(shell)
        small_spaces(shell)

    return prepare


def with_classes(name):
    """The same, a folder a class: nothing but folders tells who is who."""

    def prepare(shell):
        with_data(name)(shell)
        (shell.folder / name / "manifest.csv").unlink()

    return prepare


def beside_a_server(shell):
    """An empty PostgreSQL server that `createdb` finds."""
    photos(shell, "photos")
    small_recipes(shell)
    small_spaces(shell)
    server = shell.beside.enter_context(contextlib.contextmanager(started)())
    shell.run(f"export PGHOST=127.0.0.1 PGPORT={server.port} PGUSER=tester PGPASSWORD={PASSWORD}")
    shell.run(f"export LAB=postgresql://tester@127.0.0.1:{server.port}")


def taught(shell):
    """A student's recipe, and a teacher that has been trained."""
    with_data("photos")(shell)
    (shell.folder / "student.yaml").write_text("_BASE_: small/bnneck\n", "utf-8")
    shell.run("reid-tune train --config small/bnneck --data photos --out runs/large")


def from_elsewhere(shell):
    """Somebody else's recipe and weights, a study, a model file and one image: what the tables' words stand for."""
    photos(shell, "photos")
    short_recipes(shell)
    small_spaces(shell)
    (shell.folder / "X.yml").write_text("_BASE_: small/bag_of_tricks\n", "utf-8")
    shell.run("reid-tune train --config X.yml --out runs/mine")
    shell.run("for name in FILE X.pth; do cp runs/mine/epoch-0002.pt $name; done; cp photos/1/0001.jpg one.jpg")
    shell.run(f"{SEARCH} --backend inline --trials 2 --data photos --name cows")


def a_model(shell):
    photos(shell, "photos", by_camera)
    small_recipes(shell)
    shell.run("reid-tune train --config small/bnneck --set SOLVER.MAX_EPOCH 6 --out runs/model")
    shell.run("cp runs/model/epoch-0006.pt model.pt")


def a_model_and_its_index(shell):
    a_model(shell)
    shell.run("reid-tune index build people --model model.pt photos/")


CRASH = (
    f"{SEARCH} --backend inline --trials 4 > crashed.txt 2>&1 & "
    "until grep -q 'epoch 1:' crashed.txt; do sleep 0.1; done; kill -9 $!"
)
TWO_OBJECTIVES = (
    "{ grep -v ^objective: bnneck.yaml; echo 'objective: [mAP, latency_ms]'; } > two.yaml && "
    "reid-tune run --space two.yaml --no-mlflow --backend inline --trials 8 --data photos"
)
RESTING = "$(reid-tune trial ls cows | awk '/resting/ {print $1; exit}')"
REST = "for _ in {1..120}; do reid-tune studies archive cows && break; sleep 0.5; done"  # once it is at rest
ASKED = (
    "reid-tune serve-model model.pt --index people --port 8471 & "
    "until curl -sf localhost:8471/readyz; do sleep 0.2; done; "
    "curl -sf -H 'Content-Type: image/png' --data-binary @photos/00_c0_0.png 'localhost:8471/search?top=3'; "
    "kill $!; wait $! || true"
)

FOLLOWED = {
    "README.md": Page(
        people_and_faces,
        instead=(SETUP, TINY, SHORT, HERE),
        until={"reid-tune --space bnneck.yaml --trials 12 --data photos/": "epoch 1:"},
        before={"reid-tune train": ("reid-tune down --now",)},  # the service has shown itself
    ),
    "docs/guide.md": Page(
        people_and_cows,
        instead=(
            SETUP,
            TINY,
            SHORT,
            HERE,
            ("epoch-0060", "epoch-0004", "the studies here are four epochs long"),
            ("delete cows-2", "delete cows-2 --yes", "nobody is there to be asked"),
            ("promote cows 3", f"promote cows {RESTING}", "which trials rest depends on what they measured"),
            ("space show bnneck --yaml", "space show bnneck.yaml --yaml", "mine.yaml is to be the small one"),
        ),
        until={"reid-tune --space bnneck.yaml --trials 12 --data photos/": "trial 3 .*epoch 1:"},
        before={
            "reid-tune run --resume latest": (CRASH,),
            "reid-tune studies stop cows --at-rung": (
                f"{SEARCH} --backend inline --trials 6 --data cows/ --name cows",
            ),
            "reid-tune studies archive cows": ("reid-tune studies pause cows", REST),
            "reid-tune trial logs latest 3 --follow": (f"{SEARCH} --backend processes --workers 1 --trials 4",),
        },
    ),
    "docs/search-images.md": Page(a_model),
    "docs/serving.md": Page(
        a_model_and_its_index, before={"reid-tune drift people": (ASKED,)}, codes={"reid-tune drift people --check": 1}
    ),
    "docs/analysis.md": Page(with_a_study),
    "docs/gallery.md": Page(
        with_a_study, before={"reid-tune inspect latest --winner": ("reid-tune best latest --retrain --threads 1",)}
    ),
    "docs/study-page.md": Page(with_a_study, instead=((r"\bSTUDY\b", "cows", "a name of the reader's"),)),
    "docs/watching.md": Page(with_a_study),
    "docs/faults.md": Page(with_a_study, before={"reid-tune status latest": (CRASH,)}),
    "docs/security.md": Page(
        with_a_study,
        instead=(
            (r"^reid-tune users add", "echo 'a long pass phrase' | reid-tune users add", "nobody is there to be asked"),
            ("/data/reid", "photos", "the folder is the reader's"),
        ),
    ),
    "docs/export.md": Page(
        with_a_study,
        instead=(
            (r"STUDY\|CHECKPOINT|\bSTUDY\b", "cows", "a name of the reader's"),
            (r"\bFILE\b", "cows.onnx", "what the first command wrote"),
            (r"\bNAME\b", "cow", "a name of the reader's"),
        ),
    ),
    "docs/engine.md": Page(
        with_data("photos"),
        instead=(
            TINY,
            LAST,
            ("market_sbs_R50.pth", "runs/sbs/epoch-0002.pt", "a file of FastReID's zoo"),
        ),
    ),
    "docs/distillation.md": Page(
        taught,
        instead=(
            LAST,
            HERE,
            ("--config demo", "--config small/demo", "the built-in recipe takes minutes"),
            ("--trials 12", "--trials 4 --data photos", "the options are the same, the search is shorter"),
        ),
    ),
    "docs/data.md": Page(
        with_data("datasets", make=layouts), instead=(DATA, ("/barn/cows", "../photos", "a path of the reader's"))
    ),
    "docs/search.md": Page(
        with_a_study,
        instead=(
            HERE,
            ("config cost bnneck", "config cost small/bnneck", "a ResNet-50 takes seconds a batch on a CPU"),
            (r"(space \w+|--space) (bnneck|bag_of_tricks_ablation)(?= |$)", r"\1 \2.yaml", "the short one"),
            ("--max-epochs 30", "--max-epochs 3", "the options are the same, the training is ten times shorter"),
        ),
        before={"reid-tune status latest": (TWO_OBJECTIVES,)},
    ),
    "docs/benchmarks.md": Page(
        lambda _: None,
        instead=(
            (r"(^make bench|--json|--quick)(?! ONLY)", r"\1 --only ask", "all rows have their turn with --slow"),
            (r"ONLY=(\S+)", r"--only \1", "of the program itself"),
            BENCH,
            PERF,
            QUICK,
            PLOT,
            SMALLER[0],
        ),
    ),
    "docs/measurements.md": Page(
        lambda shell: photos(shell, "pku-reid74"),
        instead=(
            (r" --set MODEL\.BACKBONE\.PRETRAIN_PATH \S+", "", "there are no weights to begin with"),
            (r"--weights \S+", "--weights ''", "there are none"),
            ("--trials 12", "--trials 4", "the options are the same, the search is shorter"),
            ("--seeds 3 --max-epochs 9", "--seeds 1 --max-epochs 2", "a seed is enough to see the table"),
            ("--max-epochs 9", "--max-epochs 3", "the options are the same, the training is shorter"),
            (
                r"(real_searches\.py)",
                r"\1 --trials 3 --epochs 2 --retrain 2 --seeds 0 --results searches.jsonl",
                "nine searches more, and what was recorded stays",
            ),
            HERE,
            ("^make bench", "make bench --only ask", "all rows have their turn on the page of the benchmarks"),
            BENCH,
            PERF,
            QUICK,
            PLOT,
            *SMALLER,
        ),
    ),
    "docs/tasks/attributes.md": Page(with_data("market-attributes", make=attributes), instead=(DATA, LAST, NONE, HERE)),
    "docs/tasks/classification.md": Page(
        with_classes("photos"),
        instead=(DATA, LAST, NONE, HERE, ("MAX_EPOCH 10", "MAX_EPOCH 2", "the options are the same")),
    ),
    "docs/tasks/competition.md": Page(
        with_data("train"),
        instead=(DATA, LAST, NONE, HERE),
        before={
            "reid-tune submit": (
                "reid-tune train --config small/naic --data train/ --out runs/b",
                "mkdir test; cp -r train/1 test/query; cp -r train/2 test/gallery",
            )
        },
    ),
    "docs/tasks/face.md": Page(with_classes("faces"), instead=(DATA, LAST, HERE)),
    "docs/tasks/pretraining.md": Page(
        with_data("crops"),
        instead=(
            DATA,
            LAST,
            ("--out runs/pre", "--set SOLVER.IMS_PER_BATCH 32 --out runs/pre", "eight rows are too few for its norms"),
        ),
        before={"reid-tune train --config bnneck --data labelled": ("cp -r crops labelled",)},
    ),
    "docs/tasks/retrieval.md": Page(
        with_classes("CUB_200_2011"),
        instead=(DATA, LAST, HERE),
        before={"reid-tune train --config retrieval --data Stanford": ("cp -r CUB_200_2011 Stanford_Online_Products",)},
    ),
    "docs/tasks/cross_domain.md": Page(with_data("datasets", make=layouts), instead=(DATA,)),
    "docs/tasks/partial.md": Page(
        with_data("datasets", make=layouts),
        instead=(
            DATA,
            LAST,
            ("--data datasets/", "--data datasets/ --set INPUT.SIZE_TEST '[64, 32]'", "parts of a map of one cell"),
        ),
    ),
    "docs/tasks/vehicle.md": Page(with_data("datasets", make=layouts), instead=(DATA, HERE)),
    "docs/tasks/adaptation.md": Page(
        with_data("farm"),
        instead=(
            DATA,
            LAST,
            NONE,
            ("SOLVER.MAX_EPOCH [68]", "SOLVER.MAX_EPOCH 2", "two epochs of the built-in images are enough"),
            (r"SOLVER.STEPS '\[4\]'", "SOLVER.STEPS '[1]'", "within two epochs"),
        ),
        before={
            "reid-tune train --config adaptation --data farm/ --set MODEL.WEIGHTS": (
                "reid-tune train --config small/bnneck --data photos --out runs/source",
            )
        },
    ),
    "docs/migrating/bag_of_tricks.md": Page(from_elsewhere, instead=(*HERS, SHIPPED, ONE_SEED, HERE), before=AGAIN),
    "docs/migrating/fastreid.md": Page(
        from_elsewhere,
        instead=(
            *HERS,
            (r"(export onnx STUDY --verify)", r"\1 --out model.onnx", "the next lines call it so"),
            (r"\bSTUDY\b", "cows", "a name of the reader's"),
            (r"\bIMAGES\b", "photos/", "the reader's images"),
            (r"\bIMAGE\b", "one.jpg", "an image of the reader's"),
            ("fasttune", "bnneck", "its networks take hours on a CPU: tests/unit/spaces has them"),
            THREE,
            HERE,
        ),
        before=AGAIN,
    ),
    "docs/migrating/paddleclas.md": Page(
        from_elsewhere,
        instead=(
            HERS[0],
            SHIPPED,
            (r"(export onnx FILE)", r"\1 --out model.onnx", "the next lines call it so"),
            ("space show bag_of_tricks_ablation", "space show bag_of_tricks_ablation.yaml", "the short one"),
            THREE,
            HERE,
        ),
        before={
            **AGAIN,
            "reid-tune train --config bag_of_tricks --data DIR --out runs/train --resume": (
                "reid-tune train --config small/bag_of_tricks --data photos",
            ),
        },
    ),
    "docs/store.md": Page(
        beside_a_server,
        instead=(
            ("postgresql://lab@db.example/reid", "$LAB/reid", "the server is the reader's"),
            HERE,
            ("--trials 12", "--trials 3 --no-mlflow", "the options are the same, the search is shorter"),
            ("^reid-tune db restore", "REID_TUNE_STORE=$LAB/monday reid-tune db restore", "the reader's is empty"),
        ),
        before={"reid-tune db restore": ("createdb --encoding=UTF8 monday",)},
    ),
    "docs/operations.md": Page(
        beside_a_server,
        instead=(
            ("/srv/reid-tune", "$PWD/home", "no test writes there"),
            ("postgresql://lab@db.example/reid", "$LAB/postgres", "the server is the reader's"),
        ),
    ),
}

ELSEWHERE = {
    "docs/tutorial.md": "test_docs_tutorial.py",
    "docs/recipes/backbone.md": "test_docs_recipes.py",
    "docs/recipes/backend.md": "test_docs_recipes.py",
    "docs/recipes/loss.md": "test_docs_recipes.py",
    "docs/recipes/page.md": "test_docs_recipes.py",
    "docs/recipes/sampler.md": "test_docs_recipes.py",
    "docs/recipes/task.md": "test_docs_recipes.py",
}
"""Pages that another file of this folder follows."""

NOT_FOLLOWED = {
    "CONTRIBUTING.md": "its commands are those of continuous integration",
    "docs/tour.md": "its second command makes its pictures: tests/e2e/browser/test_foundation_whole_way.py",
}
"""Pages whose commands are only parsed, and why."""

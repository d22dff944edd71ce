"""The Slurm and Kubernetes files of the documents do what their pages say; the programs are not real."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from spondyl.cli import app

DOCS = Path(__file__).parents[1] / "docs"
SCRIPTS = sorted((DOCS / "slurm").glob("*.sbatch"))


@pytest.fixture
def slurm(tmp_path):
    """Run a script as Slurm would, with programs that only write down how they were called."""
    if shutil.which("bash") is None:
        pytest.skip("bash is not installed")
    for name in ("spondyl", "ray", "srun", "hostname"):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        # What a script starts in the background must be written down before the prediction is over.
        wait = "sleep 2\n" if name == "spondyl" else ""
        program.write_text(f'#!/bin/sh\n{wait}echo {name} "$@" >> "{tmp_path}/calls"\necho n1\n')
        program.chmod(0o755)

    def run(script, **variables):
        path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
        environment = {"PATH": path, "SLURM_CPUS_PER_TASK": "4", **variables}
        command = ["bash", DOCS / "slurm" / script, "scans", "results"]
        subprocess.run(command, env=environment, check=True, capture_output=True, timeout=60)
        return (tmp_path / "calls").read_text().splitlines()

    return run


def _parses(call):
    words = call.split()
    assert words[0] == "spondyl"
    app.parse_args(words[1:], exit_on_error=False, print_error=False)


def test_an_array_gives_every_job_its_part(slurm):
    calls = slurm("predict.sbatch", SLURM_ARRAY_TASK_ID="3", SLURM_ARRAY_TASK_COUNT="10")
    assert calls == ["spondyl predict scans -o results --shard 3/10 --workers 4"]
    _parses(calls[0])


def test_one_ray_cluster_for_all_nodes(slurm):
    calls = slurm("ray.sbatch", SLURM_JOB_ID="17", SLURM_JOB_NUM_NODES="3", SLURMD_NODENAME="n1")
    (predict,) = (call for call in calls if call.startswith("spondyl"))
    assert predict == "spondyl predict scans -o results --ray n1:20017 --workers 12"
    _parses(predict)
    assert any(call.startswith("ray start --head --node-ip-address n1 --port 20017") for call in calls)
    assert any(re.match(r"srun --nodes=2 --ntasks=2 --exclude=n1 .*n1:20017", call) for call in calls)


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_clean(script):
    subprocess.run(["shellcheck", script], check=True)


def test_the_job_starts_what_there_is():
    job = yaml.safe_load((DOCS / "kubernetes" / "job.yaml").read_text())
    pods = job["spec"]
    (container,) = pods["template"]["spec"]["containers"]
    words = [*container["command"], *container["args"]]
    part = words[words.index("--shard") + 1]
    assert part == f"$(JOB_COMPLETION_INDEX)/{pods['completions']}"
    _parses(" ".join(words).replace("$(JOB_COMPLETION_INDEX)", "0"))
    volumes = {volume["name"] for volume in pods["template"]["spec"]["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes

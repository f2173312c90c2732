"""Cores and memory are those that the process may use, not those of the machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import octomed
import pytest
from octomed import machine

MEMORY = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
V2 = "30 23 0:26 {inside} /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
V1 = "3{n} 31 0:29 {inside} /sys/fs/cgroup/{names} rw - cgroup cgroup rw,{names}\n"


@pytest.fixture(autouse=True)
def many_cores(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    monkeypatch.setattr(os, "cpu_count", lambda: 128)


def fake(root: Path, groups: str, mounts: str, **files: str) -> Path:
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(groups)
    (root / "proc/self/mountinfo").write_text("22 1 0:21 / /proc rw - proc proc rw\n" + mounts)
    for name, text in files.items():
        path = root / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return root


@pytest.mark.parametrize(
    ("quota", "count"),
    [
        ("400000 100000", 4),
        ("150000 100000", 2),
        ("10000 100000", 1),
        ("max 100000", 64),
        ("9900000 100000", 64),
        ("", 64),
        ("nonsense", 64),
        ("100000 0", 64),
    ],
)
def test_a_quota_of_version_2(tmp_path, quota, count):
    root = fake(tmp_path, "0::/job\n", V2.format(inside="/"), **{"job/cpu.max": quota})
    assert machine.cores(root) == count


def test_the_least_limit_of_all_groups_above_counts(tmp_path):
    files = {
        "a/cpu.max": "800000 100000",
        "a/b/cpu.max": "max 100000",
        "a/b/c/cpu.max": "1600000 100000",
        "a/memory.max": "2147483648",
        "a/b/c/memory.max": "max",
        "other/cpu.max": "100000 100000",
        "other/memory.max": "1",
    }
    root = fake(tmp_path, "0::/a/b/c\n", V2.format(inside="/"), **files)
    assert machine.cores(root) == 8
    assert machine.memory(root) == 2**31


@pytest.mark.parametrize("groups", ["0::/\n", "0::/docker/1f\n", "0::/../../elsewhere\n", ""])
def test_a_container_whose_own_group_is_mounted(tmp_path, groups):
    files = {"cpu.max": "300000 100000", "memory.max": str(2**30)}
    root = fake(tmp_path, groups, V2.format(inside="/docker/1f"), **files)
    assert machine.cores(root) == 3
    assert machine.memory(root) == 2**30


def test_a_group_below_the_mounted_one(tmp_path):
    root = fake(
        tmp_path, "0::/docker/1f/job\n", V2.format(inside="/docker/1f"), **{"job/cpu.max": "200000 100000"}
    )
    assert machine.cores(root) == 2


def test_quotas_and_limits_of_version_1(tmp_path):
    mounts = V1.format(n=2, inside="/", names="cpu,cpuacct") + V1.format(n=3, inside="/", names="memory")
    files = {
        "cpu,cpuacct/job/cpu.cfs_quota_us": "250000",
        "cpu,cpuacct/job/cpu.cfs_period_us": "100000",
        "cpu,cpuacct/cpu.cfs_quota_us": "-1",
        "cpu,cpuacct/cpu.cfs_period_us": "100000",
        "memory/job/memory.limit_in_bytes": str(2**29),
        "memory/memory.limit_in_bytes": "9223372036854771712",
    }
    root = fake(tmp_path, "4:memory:/job\n2:cpu,cpuacct:/job\n0::/\n", mounts, **files)
    assert machine.cores(root) == 3
    assert machine.memory(root) == 2**29


@pytest.mark.parametrize(("cpus", "count"), [("0-3,8", 5), ("7", 1), ("", 64), ("0-", 64)])
@pytest.mark.parametrize("name", ["cpuset.cpus.effective", "cpuset.effective_cpus"])
def test_a_set_of_cores(tmp_path, cpus, count, name):
    root = fake(tmp_path, "0::/job\n", V2.format(inside="/"), **{f"job/{name}": cpus})
    assert machine.cores(root) == count


def test_without_any_groups_it_is_affinity_and_the_machine(tmp_path):
    assert machine.cores(tmp_path) == 64
    assert machine.memory(tmp_path) == MEMORY
    assert 0 < machine.memory() <= MEMORY


def test_a_system_without_affinity(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert machine.cores(tmp_path) == 6


def test_affinity_of_a_real_process():
    code = "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); "
    code += "from octomed import machine; print(machine.cores())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"


def test_nothing_else_counts_cores_or_memory():
    """A job on four cores of a hundred must not start a hundred threads, in whichever verb."""
    root = Path(octomed.__file__).parent
    counting = re.compile(
        r"os\.cpu_count|available_parallelism|SC_PHYS_PAGES|/proc/meminfo|psutil\.virtual|SC_NPROCESSORS"
    )
    found = [path for path in root.rglob("*.py") if counting.search(path.read_text(encoding="utf-8"))]
    assert [path.name for path in found] == ["machine.py"]

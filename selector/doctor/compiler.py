"""What torch.compile needs beside torch: a C++ compiler for a CPU, Triton with a C compiler for CUDA."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

from selector.doctor.base import Finding, Visit, check

_SECONDS = 60.0
_PROGRAM = """#include <cmath>
#include <vector>
#include <omp.h>
extern "C" float sum(const std::vector<float>& values) {
    float total = 0;
#pragma omp parallel for reduction(+ : total)
    for (long i = 0; i < (long)values.size(); ++i) total += std::fabs(values[i]);
    return total;
}
"""
"""Has what Inductor's programs have: the standard library and OpenMP."""


@check("compiler", "Compiler for torch.compile", 30)
def compiler(visit: Visit) -> Iterator[Finding]:
    """Compiles a small library, as Inductor would."""
    if visit.device.kind == "cuda":
        yield from _triton()
    yield _host_compiler(visit)


def _host_compiler(visit: Visit) -> Finding:
    configured = os.environ.get("CXX")
    names = [configured] if configured else ["g++", "clang++", "gcc"]
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        wanted = f"CXX={configured} is not there" if configured else f"none of {', '.join(names)} is installed"
        advice = "unset CXX, or " if configured else ""
        needs = (
            "the ways that compile cannot run" if visit.device.kind == "cpu" else "a CPU's compiled ways cannot run"
        )
        return Finding("C++ compiler", "warn", f"{wanted}: {needs}", f"{advice}install g++ (Debian: apt install g++)")
    said = _complaint(path)
    if said:
        return Finding(
            "C++ compiler",
            "fail",
            f"{path} cannot make a library with OpenMP: {said}",
            "install the whole of it (Debian: apt install g++ libgomp1), or name another compiler in CXX",
        )
    return Finding("C++ compiler", "ok", f"{path} makes libraries with OpenMP ({_version(path)})")


def _complaint(path: str) -> str:
    """What the compiler says against a small library, or ""."""
    with tempfile.TemporaryDirectory(prefix="doctor-") as folder:
        source = Path(folder) / "small.cpp"
        source.write_text(_PROGRAM)
        command = [path, "-x", "c++", "-O1", "-shared", "-fPIC", "-fopenmp", str(source), "-o", f"{folder}/small.so"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
    if done.returncode == 0:
        return ""
    errors = [line for line in done.stderr.splitlines() if "error" in line.lower()]
    return next(iter([*errors, *done.stderr.splitlines()]), f"exit code {done.returncode}")


def _version(path: str) -> str:
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "version not told"
    return next(iter(done.stdout.splitlines()), "version not told")


def _triton() -> Iterator[Finding]:
    if importlib.util.find_spec("triton") is None:
        yield Finding(
            "Triton", "warn", "is not installed: ways that compile cannot run on CUDA", "pip install triton"
        )
        return
    header = Path(sysconfig.get_paths()["include"]) / "Python.h"
    gaps = [] if any(map(shutil.which, ("cc", "gcc", "clang"))) else ["a C compiler"]
    gaps += [] if header.is_file() else [f"{header}"]
    if gaps:
        yield Finding(
            "Triton",
            "warn",
            f"is installed, but it lacks {' and '.join(gaps)} for its launchers",
            "install gcc and Python's headers (Debian: apt install gcc python3-dev)",
        )
    else:
        yield Finding("Triton", "ok", "is installed, with a C compiler and Python's headers")

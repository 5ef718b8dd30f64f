"""The process and the machine: progress, cores, priority, interrupts, warnings of libraries."""

import io
import os
import signal
import subprocess
import sys
import warnings

import pytest
from shell import ROOT

from common import runtime
from common.runtime import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """Sets the time that Progress sees."""
    now = [0.0]
    monkeypatch.setattr(runtime.time, "monotonic", lambda: now[0])
    return now


def test_in_a_pipe_progress_is_a_line_each_half_minute(clock, capsys):
    with Progress((), "embedding", total=4000, unit="images") as progress:
        for _ in range(20):
            clock[0] += 10
            progress.update(100, "loss 0.5")
    printed = capsys.readouterr()
    assert printed.out == ""
    lines = printed.err.splitlines()
    assert lines[0] == "embedding: 300 of 4,000 images, about 6 min left, loss 0.5"
    assert len(lines) == 6
    assert "\r" not in printed.err
    assert "\x1b" not in printed.err


def test_in_a_pipe_short_or_inactive_work_says_nothing(clock, capsys):
    assert list(Progress([1, 2], "quick")) == [1, 2]
    clock[0] = 100
    for progress in (Progress((), "none"), Progress((), "off", total=5, active=False)):
        clock[0] += 100
        progress.update()
    assert capsys.readouterr().err == ""


def test_a_long_step_shows_that_the_work_is_alive(clock, capsys):
    progress = Progress((), "training", total=10, unit="epochs", done=4)
    clock[0] = 31
    progress.update(0)
    clock[0] = 62
    progress.update(1)
    assert capsys.readouterr().err.splitlines() == [
        "training: 4 of 10 epochs",
        "training: 5 of 10 epochs, about 5 min left",
    ]


def test_on_a_terminal_progress_is_a_bar_that_goes(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert list(Progress(range(3), "reading", unit="files")) == [0, 1, 2]
    written = terminal.getvalue()
    assert "reading" in written
    assert "\n" not in written
    assert written.endswith("\r")


def test_the_bar_goes_when_the_work_fails(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with pytest.raises(ZeroDivisionError), Progress((), "reading", total=3) as progress:
        progress.update()
        raise ZeroDivisionError
    assert terminal.getvalue().endswith("\r")


def test_only_the_named_warnings_are_silenced():
    with warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always")
        runtime.quiet_libraries()
        warnings.warn("`torch.jit.script` is deprecated. Please switch.", stacklevel=1)
        warnings.warn("`torch.jit.script_method` is deprecated.", stacklevel=1)
        warnings.warn("the price is absurd", stacklevel=1)
    assert [str(warning.message) for warning in raised] == ["the price is absurd"]


def test_nothing_needs_linux(monkeypatch):
    for name in ("nice", "sched_getaffinity"):
        monkeypatch.delattr(os, name, raising=False)
    monkeypatch.setattr(sys, "platform", "darwin")
    runtime.let_others_first(0)
    runtime.keep_memory()
    assert runtime.cpu_count() == (os.cpu_count() or 1)
    assert "CPU cores" in runtime.hardware()
    assert runtime.peak_memory_mb() > 0


def test_a_worker_gives_way():
    code = "import os; from common import runtime; runtime.let_others_first(3); print(os.nice(0))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) == min(os.nice(0) + 10, 19)


@pytest.mark.parametrize(
    ("action", "code", "end"), [("SIG_DFL", 130, "interrupted"), ("SIG_IGN", 0, "")]
)
def test_ctrl_c_ends_a_stage_unless_its_parent_ignores_it(action, code, end):
    script = (
        "import sys\n"
        "from common import cli\n"
        "def main():\n"
        "    print('running', flush=True)\n"
        "    sys.stdin.read()\n"
        "cli.run(main)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, getattr(signal, action)),
    ) as child:
        assert child.stdout.readline() == "running\n"
        child.send_signal(signal.SIGINT)
        assert child.communicate(timeout=30)[1].startswith(end)
    assert child.returncode == code

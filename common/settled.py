"""Whether a run has anything to do: what it reads, writes and is made of, since it last ended.

A stage asks :func:`already` before it imports what is heavy, and :func:`common.cli.run` keeps the
answer for the next time when the stage has ended well. What a run reads and writes needs no list:
it passes through :mod:`common.artifacts`, which notes it. The downloads stand with the names, sizes
and times of their files, since to read tens of thousands of them would take longer than the merge.
"""

import argparse
import hashlib
import json
import os
import sys
from pathlib import Path

from common import artifacts

_HERE = Path(__file__).resolve().parent
_pending: tuple[Path, Path, dict] | None = None


def already(args: argparse.Namespace) -> bool:
    """Whether this command ended well before, and nothing has changed since; if so, says it.

    Counted are the arguments, the files under ``args.paths.raw``, the artefacts and weights that
    the run read or wrote, this package's code and the versions of what it imports. ``--force``
    is never settled, nor is ``--tune``, whose trials another run of it may add to.
    """
    global _pending
    if getattr(args, "tune", None):
        return False
    path = args.paths.cache / "settled" / f"{Path(sys.argv[0]).stem}-{_arguments(args)}.json"
    now = {"code": code(), "installed": _installed(), "raw": raw_stamp(args.paths.raw)}
    _pending = (path, args.paths.data.absolute(), now)
    if args.force:
        return False
    try:
        known = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return False
    files = known.pop("files", {})
    folder = args.paths.data
    if known != now or any(artifacts.stamp(folder / name) != was for name, was in files.items()):
        return False
    _pending = None
    print("settled: nothing has changed since this command last ended; --force runs it anew")
    return True


def keep() -> None:
    """Notes that the run which asked :func:`already` has ended well."""
    if _pending is None:
        return
    path, folder, now = _pending
    # Relative within the data folder, which may be copied or moved; absolute elsewhere (weights).
    files = {
        str(file.relative_to(folder) if file.is_relative_to(folder) else file): stamp
        for file, stamp in artifacts.touched().items()
        if file.exists()
    }
    artifacts.write_json({**now, "files": files}, path)


def raw_stamp(folder: Path) -> str:
    """A hash of the names, sizes and times of all files under ``folder``."""
    found, folders = [], [str(folder)]
    start = len(str(folder))
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if entry.is_dir():
                        folders.append(entry.path)
                    else:
                        status = entry.stat()
                        found.append((entry.path[start:], status.st_size, status.st_mtime_ns))
        except OSError:
            continue  # not there: the stage that needs it says so
    return hashlib.sha256(repr(sorted(found)).encode()).hexdigest()


def code() -> str:
    """A hash of the modules of this package and of the script that runs."""
    files = sorted(_HERE.glob("*.py"))
    script = Path(sys.argv[0])
    files += [script] if script.suffix == ".py" and script.is_file() else []
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


def _arguments(args: argparse.Namespace) -> str:
    said = {name: value for name, value in vars(args).items() if name not in ("force", "paths")}
    said |= {"data_dir": "", "raw_dir": str(args.paths.raw.resolve())}
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()[:12]


def _installed() -> str:
    """A hash of what is installed, by the names of the folders that say so."""
    names = [one.name for folder in sys.path for one in Path(folder).glob("*.dist-info")]
    return hashlib.sha256("\n".join([sys.version, *sorted(names)]).encode()).hexdigest()

"""The inside of a container: run as the first process of its namespaces, it lays out the root and becomes the command.

python -m hosts.container SPEC    (a JSON object, see `Spec`)
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

_HIDDEN: Final = ("/tmp", "/run", "/var/lib/postgresql", "/var/tmp")
_PASSWD: Final = (
    "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/nonexistent:/bin/sh\nhaproxy:x:99:99::/:/bin/sh\n"
    "postgres:x:999:999::/var/lib/postgresql:/bin/bash\nlivecomments:x:10001:10001::/:/bin/sh\n"
)
_GROUP: Final = "root:x:0:\nnogroup:x:65534:\nhaproxy:x:99:\npostgres:x:999:\nlivecomments:x:10001:\n"


@dataclass(frozen=True, slots=True)
class Spec:
    """What a container is made of."""

    root: str  # an empty folder that it is laid out in
    hostname: str
    command: list[str]
    environment: dict[str, str]
    user: str
    programs: dict[str, str]
    folders: list[str]
    mounts: list[tuple[str, str, bool]]  # source, target, read-only
    tmpfs: list[str]
    read_only: bool
    capabilities: list[str] | None
    open_files: int | None

    def encode(self) -> str:
        """Return it as one argument."""
        return json.dumps(asdict(self))


def privileged(user: str, capabilities: list[str] | None) -> list[str]:
    """Return the words in front of a command that give it a user and take away its rights."""
    uid, _, gid = user.partition(":")
    words = [
        shutil.which("setpriv") or "setpriv",
        "--reuid",
        uid,
        "--regid",
        gid or uid,
        "--clear-groups",
        "--no-new-privs",
        "--inh-caps=-all",
    ]
    if capabilities is not None:
        kept = "".join(f",+{capability.lower()}" for capability in capabilities)
        words.append(f"--bounding-set=-all{kept}")
    return [*words, "--"]


def main() -> None:
    """Lay out the root, and become the command."""
    spec = Spec(**json.loads(sys.argv[1]))
    _lay_out(spec)
    if spec.open_files is not None:
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        files = spec.open_files if hard == resource.RLIM_INFINITY else min(hard, spec.open_files)
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    command = [*privileged(spec.user, spec.capabilities), *spec.command]
    os.execvpe(command[0], command, spec.environment)


def _lay_out(spec: Spec) -> None:
    base = Path(spec.root)
    _mount("-t", "tmpfs", "tmpfs", str(base))
    upper, work, root = base / "upper", base / "work", base / "root"
    for folder in (upper, work, root):
        folder.mkdir(mode=0o755)
    upper.chmod(0o755)
    # A container's user may pass where only this machine's root may.
    for folder in spec.folders:
        (upper / folder.lstrip("/")).mkdir(parents=True, exist_ok=True)
    for parent in (upper, *upper.rglob("*")):
        parent.chmod(0o755)
    _mount("-t", "overlay", "overlay", "-o", f"lowerdir=/,upperdir={upper},workdir={work}", str(root))
    # What a container does not see of this machine, or has of its own; the folders may lie in it.
    hidden = {*_HIDDEN, *spec.tmpfs}
    for target in sorted(hidden):
        _folder(root / target.lstrip("/"))
        _mount("-t", "tmpfs", "-o", "mode=1777" if target in spec.tmpfs else "mode=755", "tmpfs", f"{root}{target}")
    for folder in spec.folders:
        _folder(root / folder.lstrip("/"))
        _mount("--rbind", "-o", "ro", folder, str(root / folder.lstrip("/")))
    _mount("--rbind", "/dev", str(root / "dev"))
    _mount("-t", "proc", "proc", str(root / "proc"))
    (root / "etc").mkdir(exist_ok=True)
    for name, text in {
        "passwd": _PASSWD,
        "group": _GROUP,
        "hostname": f"{spec.hostname}\n",
        "hosts": f"127.0.0.1 localhost\n127.0.0.1 {spec.hostname}\n",
        "resolv.conf": "nameserver 127.0.0.11\noptions ndots:0 timeout:1 attempts:2\n",
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    }.items():
        file = root / "etc" / name
        file.unlink(missing_ok=True)
        file.write_text(text, encoding="utf-8")
        file.chmod(0o644)
    for target, source in spec.programs.items():
        place = root / target.lstrip("/")
        _folder(place.parent)
        place.touch()
        _mount("--bind", source, str(place))
    for _, target, _ in spec.mounts:
        _folder(root / target.lstrip("/"))
    if spec.read_only:
        for target in ("", *sorted(hidden - set(spec.tmpfs))):
            _mount("-o", "remount,ro", f"{root}{target}")
    for source, target, read_only in spec.mounts:
        _mount("--bind", source, str(root / target.lstrip("/")))
        if read_only:
            _mount("-o", "remount,bind,ro", str(root / target.lstrip("/")))
    os.chroot(root)
    os.chdir("/")


def _folder(path: Path) -> None:
    path.mkdir(mode=0o755, parents=True, exist_ok=True)


def _mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True)


if __name__ == "__main__":
    main()

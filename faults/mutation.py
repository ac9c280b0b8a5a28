"""Source patches that are applied while a process loads its modules: nothing on the disk is changed.

A patch names a file of the system, a piece of its text that stands there once, and what stands there instead. It holds
for SQL too, as `runtime.queries` loads it. Imports nothing but the standard library: every mutant process loads this.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any


class StalePatchError(Exception):
    """A patch does not fit the code any more: it has to be written anew."""


@dataclass(frozen=True, slots=True)
class Patch:
    """In a `file` of the repository, `old` becomes `new`, everywhere or (`once`) where it stands alone."""

    file: str
    old: str
    new: str
    once: bool = True

    @property
    def module(self) -> str | None:
        """Return the module that the file is; None for SQL."""
        return self.file.removesuffix(".py").replace("/", ".") if self.file.endswith(".py") else None

    def apply(self, text: str) -> str:
        """Return a text with the patch in it. Raises `StalePatchError`."""
        count = text.count(self.old)
        if count == 0 or (self.once and count > 1):
            raise StalePatchError(f"{self.file} holds {count} times: {self.old!r}")
        return text.replace(self.old, self.new)


def apply_all(file: str, text: str, patches: Sequence[Patch]) -> str:
    """Return a file's text with all patches for it. Raises `StalePatchError`."""
    for patch in patches:
        if patch.file == file:
            text = patch.apply(text)
    return text


def install(patches: Sequence[Patch]) -> None:
    """Have the modules of this process loaded with these patches."""
    sys.meta_path.insert(0, _Finder(patches))
    if any(patch.module is None for patch in patches):
        _patch_queries(patches)


class _Finder(MetaPathFinder):
    def __init__(self, patches: Sequence[Patch]) -> None:
        self._patches = patches
        self._modules = {patch.module for patch in patches}

    def find_spec(self, fullname: str, path: Any, target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname not in self._modules:
            return None
        found = PathFinder.find_spec(fullname, path, target)
        if found is None or found.origin is None:
            return found
        return importlib.util.spec_from_loader(fullname, _Loader(fullname, found.origin, self._patches))


class _Loader(SourceFileLoader):
    def __init__(self, fullname: str, path: str, patches: Sequence[Patch]) -> None:
        super().__init__(fullname, path)
        self._patches = patches

    def get_code(self, fullname: str) -> CodeType:
        """Compile the patched source; nothing is kept for processes that are no mutants."""
        file = fullname.replace(".", "/") + ".py"
        source = apply_all(file, Path(self.path).read_text(encoding="utf-8"), self._patches)
        return compile(source, self.path, "exec", dont_inherit=True)


def _patch_queries(patches: Sequence[Patch]) -> None:
    from runtime import queries  # noqa: PLC0415  only a mutant of SQL loads it here

    load = queries.load_queries

    def load_patched(package: str, file: str) -> dict[str, str]:
        divider = "\n\0\n"  # the blocks are patched as one text, and told apart again
        blocks = load(package, file)
        text = apply_all(f"{package}/{file}", divider.join(blocks.values()), patches)
        return dict(zip(blocks, text.split(divider), strict=True))

    queries.load_queries = load_patched

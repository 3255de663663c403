"""What changed, by git; and what of the code a page is made of: its template, what that leans on, who renders it."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from jinja2 import Environment, meta

PROJECT = Path(__file__).resolve().parents[2]
ROOTS = ("templates", "sandbox/standin/pages/templates", "sandbox/templates")
"""Where a template's name is looked up; a file of the sandbox looks in the sandbox first."""
_ENVIRONMENT = Environment(autoescape=True, extensions=["jinja2.ext.i18n", "jinja2.ext.do"])


@cache
def changed_files() -> frozenset[str]:
    """Paths that differ from the branch this one left (on it: from the commit before) or are not committed.

    Empty where git or the history is missing: then only one of each kind is looked at.
    """
    left = _git("merge-base", "HEAD", "origin/main") or _git("merge-base", "HEAD", "main")
    head = _git("rev-parse", "HEAD")
    base = left if left and left != head else _git("rev-parse", "HEAD~1")
    found = _git("diff", "--name-only", base[0]) if base else []
    return frozenset([*found, *_git("ls-files", "--others", "--exclude-standard")])


def _git(*words: str) -> list[str]:
    """The lines that git prints; none when it fails."""
    try:
        done = subprocess.run(["git", *words], cwd=PROJECT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return []
    return done.stdout.splitlines() if done.returncode == 0 else []


@cache
def leans_on(template: str) -> frozenset[str]:
    """Every template that one extends, includes or imports, at any depth; as paths below the project, like itself."""
    direct = _referenced(template)
    return direct.union(*(leans_on(each) for each in direct))


def _referenced(template: str) -> frozenset[str]:
    tree = _ENVIRONMENT.parse((PROJECT / template).read_text(encoding="utf-8"))
    names = {name for name in meta.find_referenced_templates(tree) if name}
    # A layout chosen by a condition is none that Jinja can name: take every written name.
    names |= set(re.findall(r'"([\w/]+\.html)"', _chosen(template)))
    return frozenset(found for name in names if (found := _path(name, template)))


def _chosen(template: str) -> str:
    return " ".join(re.findall(r"{%-?\s*extends\b(.*?)%}", (PROJECT / template).read_text(encoding="utf-8")))


def _path(name: str, by: str) -> str | None:
    roots = ROOTS if by.startswith(ROOTS[0]) else (*ROOTS[1:], ROOTS[0])
    return next((f"{root}/{name}" for root in roots if (PROJECT / root / name).exists()), None)


@cache
def layout(template: str) -> str:
    """The layout that a template stands in at last but `base.html`: app, auth, public, admin; else its folder."""
    found = [each for each in sorted({template, *leans_on(template)}) if "/layouts/" in each and "/_" not in each]
    return "+".join(Path(each).stem for each in found) or template.partition("/")[0]


@cache
def renderers(template: str) -> frozenset[str]:
    """The modules of `app/` that write the template's name, and those of the same folder that they import."""
    name = f'"{template.removeprefix("templates/")}"'
    found = {path for path, text in _modules() if name in text}
    return frozenset(found.union(*(_neighbours(path) for path in found)))


@cache
def _modules() -> tuple[tuple[str, str], ...]:
    files = sorted((PROJECT / "app").rglob("*.py"))
    return tuple((str(file.relative_to(PROJECT)), file.read_text(encoding="utf-8")) for file in files)


def _neighbours(path: str) -> Iterator[str]:
    folder = str(Path(path).parent)
    for node in ast.walk(ast.parse((PROJECT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            for name in (node.module, *(f"{node.module}.{each.name}" for each in node.names)):
                module = f"{name.replace('.', '/')}.py"
                if str(Path(module).parent) == folder and (PROJECT / module).exists():
                    yield module


def own_files(template: str) -> frozenset[str]:
    """What is just this template's: itself, the partials beside it that it uses, its renderers."""
    beside = {each for each in leans_on(template) if Path(each).parent == Path(template).parent and "/_" in each}
    return frozenset({template, *beside}) | renderers(template)

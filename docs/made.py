"""Pages that are made from the code and from files elsewhere in the project, as a hook of mkdocs."""

import re
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import typer
from elsa_index_cli.main import app
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from openapidocs.mk.v3 import OpenAPIV3DocumentationHandler
from scipy.sparse import csr_array
from typer.cli import get_docs_for_click

import elsa_index as ei
from elsa_index.server.app import create_app
from elsa_index.server.current import Current
from elsa_index.server.settings import Settings

ROOT = Path(__file__).parent.parent
PICTURES = ROOT / "benchmarks" / "results"
COPIED = {"SECURITY.md": "security.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    made = {"reference/cli.md": command_line(), "reference/http.md": http()}
    made |= {target: (ROOT / source).read_text() for source, target in COPIED.items()}
    for path, text in made.items():
        files.append(File.generated(config, path, content=text))
    for picture in (*PICTURES.glob("*.png"), *PICTURES.glob("*.svg")):
        files.append(File.generated(config, f"images/{picture.name}", abs_src_path=str(picture)))
    return files


def command_line() -> str:
    """Every command with its options, by typer. What stands in angle brackets is no HTML."""
    command = typer.main.get_command(app)
    text = get_docs_for_click(obj=command, ctx=click.Context(command), name="elsa-index", title="Command line")
    return re.sub(r"^(Example: .*)$", _example, text, flags=re.MULTILINE)


def _example(found: re.Match[str]) -> str:
    """The examples of a command's help, which are separated by dots, each on a line of its own."""
    return f"```text\n{found[1].removeprefix('Example: ').replace(' · ', chr(10))}\n```"


def http() -> str:
    """The service's OpenAPI document as a page."""
    codes = ei.ItemCodes(ei.IdMap("ab"), csr_array([[1.0], [1.0]]))
    with TemporaryDirectory() as directory:
        path = Path(directory) / "index"
        ei.Index.build(codes, path, engine="exact", segments=None).close()
        current = Current(lambda: ei.Index.open(path), warming=0)
        document = create_app(current, Settings()).openapi()
        current.close()
    return str(OpenAPIV3DocumentationHandler(document, style="MKDOCS").write())

"""How Sphinx builds the documentation: the pages of docs/, and a reference from the docstrings. See `make docs`.

The source folder is the project's root. So a link from README to docs/ works on the site as it does in a repository
browser. `make docs` turns warnings into errors.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import acr_rest.models
from sphinx.addnodes import pending_xref
from sphinx.pycode import ModuleAnalyzer
from sphinx.util import logging

import acr
import acr.emulator

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

HOMES: dict[str, str] = acr._HOMES  # type: ignore[attr-defined]  # noqa: SLF001 - each name of acr, and its module
PUBLIC_MODULES = ["acr", "acr.errors", "acr.protocols", "acr.media_types", "acr.emulator"]
# Each public name as the reference must have it: in the public module that is its home.
PUBLIC_NAMES = {f"acr.{name}" if home.startswith("_") else f"acr.{home}.{name}" for name, home in HOMES.items() if home}
PUBLIC_NAMES |= {f"acr.emulator.{name}" for name in dir(acr.emulator)} | set(PUBLIC_MODULES)
PUBLIC_NAMES |= {f"acr.media_types.{name}" for name in dir(acr.media_types) if name.isupper()}
CLASSES = {name.rpartition(".")[2] for name in PUBLIC_NAMES if re.search(r"\.[A-Z]\w*[a-z]\w*$", name)}

project = "acr-client"
version = release = acr.__version__
root_doc = "README"
include_patterns = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "benchmarks/*.md", "docs/**.md"]
exclude_patterns = [".*", "build", "dist", "acr", "examples", "generated", "spec", "tests"]
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"acr-client {release}"
html_copy_source = False

autodoc_default_options = {"members": True, "inherited-members": "str, Exception, RawIOBase, Enum"}
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
napoleon_numpy_docstring = False
napoleon_use_ivar = True
python_maximum_signature_line_length = 100
# Docstrings put names between single backticks, as Markdown does. Sphinx makes links of those that it finds.
default_role = "py:obj"
# It must find those that begin with a name of ours. The rest are Python's own, or other code.
nitpicky = True
nitpick_ignore_regex = [("py:.*", rf"(?!(?:acr|acr_rest|{'|'.join(sorted(CLASSES))})(?:\.|$)).*")]
nitpick_ignore_regex += [("py:class", r"acr.*\.(T(_co)?|P)")]  # type variables

CONTENTS = """

```{toctree}
:hidden:
:caption: Guides

docs/cleanup
docs/cli
docs/emulator
docs/from-azure-containerregistry
docs/from-go
docs/from-other-tools
docs/inventory
docs/limits
docs/low-level
docs/processes
docs/registries
docs/compatibility
benchmarks/RESULTS
benchmarks/COMMANDS
benchmarks/NETWORK
```

```{toctree}
:hidden:
:caption: Reference
:glob:

docs/reference/*
```

```{toctree}
:hidden:
:caption: The project

CHANGELOG
CONTRIBUTING
docs/architecture
docs/new-version
docs/releasing
SECURITY
```
"""

logger = logging.getLogger(__name__)


def setup(app: Sphinx) -> None:
    """Tell Sphinx when to call the functions below."""
    app.connect("source-read", complete_page)
    app.connect("autodoc-process-signature", hide_private_types)
    app.connect("autodoc-process-docstring", prepare_docstring, priority=400)  # before napoleon's, which has 500
    app.connect("doctree-read", name_models)
    app.connect("missing-reference", find_public_name)
    app.connect("env-check-consistency", check_public_names)
    app.connect("build-finished", write_front_page)


def hide_private_types(
    app: Sphinx, what: str, name: str, item: object, options: object, signature: str | None, returned: str | None
) -> tuple[str, None] | None:
    """Show no constructor that takes private types: users get such an object from a method."""
    is_private = what == "class" and signature is not None and re.search(r"\bacr\.(emulator\.)?_", signature)
    return ("", None) if is_private else None


def complete_page(app: Sphinx, name: str, source: list[str]) -> None:
    """Add the table of contents to README, and the modules of `acr_rest` to their page."""
    if name == root_doc:
        source[0] += CONTENTS
    elif name == "docs/reference/9-acr-rest":
        names = [module.name for module in pkgutil.walk_packages(acr_rest.__path__, "acr_rest.")]
        source[0] += "\n```{eval-rst}\n" + "".join(f".. automodule:: {name}\n" for name in names) + "```\n"


def name_models(app: Sphinx, document: nodes.document) -> None:
    """Name the models of `acr_rest` in full: its annotations use short names, and `acr` has some of the same."""
    for node in document.findall(pending_xref):
        if str(node.get("py:module")).startswith("acr_rest.") and hasattr(acr_rest.models, node["reftarget"]):
            model = getattr(acr_rest.models, node["reftarget"])
            node["reftarget"] = f"{model.__module__}.{model.__name__}"


def prepare_docstring(app: Sphinx, what: str, name: str, item: object, options: object, lines: list[str]) -> None:
    """Write what Markdown writes otherwise: code under `Example:` or after a colon, and plurals of names."""
    module, _, attribute = name.rpartition(".")
    if what == "data" and module == "acr":  # the docstring of an alias stands where the alias is assigned
        home = importlib.import_module(f"acr.{HOMES[attribute]}")
        lines[:] = ModuleAnalyzer.for_module(home.__name__).find_attr_docs().get(("", attribute), [])
    text = "\n".join(lines)
    text = re.sub(r"^( *)Example:\n((?:\1 .*\n?|\n)+)", mark_example, text, flags=re.MULTILINE)
    text = re.sub(r"(?<=[^:]):\n\n(?= {4}\S)", "::\n\n", text)
    text = re.sub(r"(`[^`\n]+`)(?=s\b)", r"\1\\ ", text)  # the plural of a name between backticks
    lines[:] = text.split("\n")


def mark_example(found: re.Match[str]) -> str:
    """Make the block under `Example:` a literal one."""
    margin, block = found.groups()
    return f"{margin}Example:\n{margin}    ::\n\n{textwrap.indent(block, '    ')}"


def find_public_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, shown: nodes.TextElement
) -> nodes.reference | None:
    """Find `NotFound` in a docstring of `acr`, although its home is `acr.errors`, and the like."""
    if node.get("refdomain") != "py":
        return None
    domain = env.get_domain("py")
    known: dict[str, Any] = domain.data["objects"]
    names = (f"{module}.{node['reftarget'].removesuffix('()')}" for module in PUBLIC_MODULES)
    for name in filter(known.__contains__, names):
        return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", name, node, shown)
    return None


def check_public_names(app: Sphinx, env: BuildEnvironment) -> None:
    """Warn of each public name that no page of the reference shows, and of each private one that a page shows."""
    known: dict[str, Any] = env.get_domain("py").data["objects"]
    shown = {name for name in known if not name.startswith("acr_rest.")}
    for name in sorted(PUBLIC_NAMES - shown):
        logger.warning("%s is public, but no page of docs/reference shows it", name)
    for name in sorted(shown):
        if any(part.startswith("_") and not part.endswith("__") for part in name.split(".")):
            logger.warning("%s is private, but a page of docs/reference shows it", name)


def write_front_page(app: Sphinx, error: Exception | None) -> None:
    """Lead visitors of the site's root to README."""
    if error is None:
        page = f'<!doctype html><meta http-equiv="refresh" content="0; url={root_doc}.html"><title>{project}</title>\n'
        Path(app.outdir, "index.html").write_text(page, encoding="utf-8")

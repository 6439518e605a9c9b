"""From any form of ACR's description to the package in `generated/`. Run by ./codegen.sh.

A description goes through these modules in this order:

- `reading`: the file, JSON or YAML, as a document of Swagger 2.0,
- `canonical`: one form for everything that follows, whatever upstream's emitter wrote,
- `corrections`: what the wire contradicts; the data are in `spec/corrections.yaml`,
- `texts`: our own words for each place; the data are in `spec/texts.yaml`,
- `plan`: the Python names and types of each module to be written; `render` writes them,
- `proof`: whether what was written works.

`report` compares two descriptions in their canonical form, `adopt` makes one of them the new `spec/`, `openapi` writes
the corrected form for tools that read OpenAPI 3.0. `__main__` is the command.
"""

"""From any form of ACR's description to the package in `generated/`. Run by ./codegen.sh.

A description goes through these modules in this order:

- `reading`: the file, JSON or YAML, as a document of Swagger 2.0,
- `canonical`: one form for everything that follows, whatever upstream's emitter wrote,
- `corrections`: what the wire contradicts; the data are in `spec/corrections.yaml`,
- `texts`: our own words for each place; the data are in `spec/texts.yaml`,
- `prepare` and `hoisting`: what openapi-python-client's parser would give up on, put so that it can read it,
- `parsing`: openapi-python-client's parser, which finds Python names and types, and what schemas inherit,
- `plan`: what it has found, as our templates use it; `render` lets openapi-python-client render them,
- `proof`: whether what was written works.

`report` compares two descriptions in their canonical form, `adopt` makes one of them the new `spec/`, `openapi` writes
a form as OpenAPI 3.0, for the parser and for tests. `__main__` is the command.
"""

"""Looks: the style and the script of the page, which are the same for each registry. Neither has a name from outside.

The page allows these two by their hashes, and nothing else. So an edit needs no other change.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Final

STYLE: Final = """
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#57606a;--ground:#fff;--line:#d0d7de;--mark:#0b5cad;--bad:#a40e26;
--a:#9cc5ea;--b:#b9dda5;--c:#f3cf93;--d:#dcbfe8;--e:#f2b8ae;--shared:#cfd6dd;--untagged:#e7b7b2;--rest:#e6e9ec}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9da7b1;--ground:#0d1117;--line:#30363d;--mark:#6cb6ff;
--bad:#ff8f8f;--a:#1f4e79;--b:#2f5d24;--c:#6d4f14;--d:#55366b;--e:#713229;--shared:#3b444d;--untagged:#73322c;
--rest:#262c33}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1rem;max-width:72rem;background:var(--ground);color:var(--ink);
font:1rem/1.5 system-ui,sans-serif}
h1{font-size:1.5rem;margin:0;overflow-wrap:anywhere}
h2{font-size:1.2rem;margin:2rem 0 .5rem}
p{margin:.25rem 0}
a{color:var(--mark)}
:focus-visible{outline:3px solid var(--mark);outline-offset:2px}
.soft{color:var(--soft)}
.note{border-left:4px solid var(--bad);padding-left:.75rem}
dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(9rem,1fr));gap:.5rem;margin:1rem 0}
dl div{border:1px solid var(--line);border-radius:.4rem;padding:.5rem .75rem}
dt{color:var(--soft);font-size:.875rem}
dd{margin:0;font-size:1.25rem;font-variant-numeric:tabular-nums}
.scroll{overflow-x:auto;max-height:36rem;overflow-y:auto;border:1px solid var(--line);border-radius:.4rem}
table{border-collapse:collapse;width:100%;font-size:.9375rem}
th,td{padding:.3rem .6rem;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}
th{position:sticky;top:0;background:var(--ground);white-space:nowrap}
td{overflow-wrap:anywhere;min-width:6rem}
.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
tr:target td{background:var(--shared)}
th button{all:unset;cursor:pointer;font-weight:inherit}
th button:focus-visible{outline:3px solid var(--mark);outline-offset:2px}
th[aria-sort=ascending] button::after{content:" \\2191"}
th[aria-sort=descending] button::after{content:" \\2193"}
.wide{overflow-x:auto}
svg{display:block;width:100%;min-width:56rem;height:auto;border:1px solid var(--line);border-radius:.4rem}
svg text{fill:var(--ink);font:12px system-ui,sans-serif;pointer-events:none}
svg rect{stroke:var(--ground);stroke-width:1}
svg .frame{fill:var(--ground);stroke:var(--line)}
svg .a{fill:var(--a)}svg .b{fill:var(--b)}svg .c{fill:var(--c)}svg .d{fill:var(--d)}svg .e{fill:var(--e)}
svg .shared{fill:var(--shared)}svg .untagged{fill:var(--untagged)}svg .rest{fill:var(--rest)}
svg .bar{fill:var(--mark)}
"""

SCRIPT: Final = """
"use strict";
const key = (row, at) => { const cell = row.cells[at]; const value = cell.dataset.v;
  return value === undefined ? cell.textContent : Number(value); };
const compare = (a, b) => typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
for (const table of document.querySelectorAll("table")) {
  const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, at) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const first = head.classList.contains("n") ? "descending" : "ascending";
      const other = first === "descending" ? "ascending" : "descending";
      const way = head.getAttribute("aria-sort") === first ? other : first;
      for (const one of heads) one.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", way);
      const sign = way === "ascending" ? 1 : -1;
      const rows = [...body.rows].map(row => [key(row, at), row]);
      rows.sort((a, b) => sign * compare(a[0], b[0]));
      body.append(...rows.map(pair => pair[1]));
    });
  });
}
"""


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


POLICY: Final = (
    f"default-src 'none'; style-src {_hash(STYLE)}; script-src {_hash(SCRIPT)}; base-uri 'none'; form-action 'none'"
)
"""The content security policy: nothing is loaded, and nothing runs but the script above."""

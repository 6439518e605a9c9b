"""Two thousand descriptions that are nearly right: each is refused in a sentence, or gives a package that works.

CI tries 50 of them. ACR_MUTATIONS=2000 tries them all, and ACR_MUTATIONS_FROM=1500 the last 500 of those.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tests.codegen.making import SPEC
from tests.codegen.mutations import mutated
from tools.codegen.build import build_document
from tools.codegen.problems import Refused

if TYPE_CHECKING:
    from pathlib import Path

SEEDS = range(int(os.environ.get("ACR_MUTATIONS_FROM", "0")), int(os.environ.get("ACR_MUTATIONS", "50")))


def test_descriptions_that_are_nearly_right(tmp_path: Path) -> None:
    works, refused, failed = 0, 0, {}
    for seed in SEEDS:
        folder = tmp_path / str(seed)
        try:
            found = build_document(SPEC, mutated(seed), "made")
            found.write(folder, tidy=False)
            found.prove(folder)
            works += 1
        except Refused as refusal:
            refused += 1
            sentence = str(refusal)
            if "a fault of the generator" in sentence or "\n" in sentence:
                failed[seed] = sentence
        except Exception as error:  # noqa: BLE001 (any is a traceback, which is what must not be)
            failed[seed] = f"{type(error).__name__}: {error}"
    assert failed == {}
    assert works > len(SEEDS) / 5
    assert refused > len(SEEDS) / 5

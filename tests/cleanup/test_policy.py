"""Policies: what is wrong in one is told with its line, before anything else happens."""

from __future__ import annotations

import os
import pickle
import random
import re
from pathlib import Path

import pytest

from acr import Inventory
from acr._cleanup.policy import Policy
from acr._outside.policy_file import load_policy
from acr.errors import InvalidInput, InvalidPolicy
from tests.cleanup.scenes import random_scene

MUTATIONS = int(os.environ.get("ACR_UPKEEP_POLICIES", "2000"))

WHOLE = """\
# Everything that a policy may say.
[purge]
protect = ["latest", "prod-*", "team/*:hold-*", "sha256:%s"]
protect_from = ["running.txt"]
pulled_from = "pulls.csv"
max_deletions = 5000
max_share = 0.5

[[purge.rule]]
name = "releases"
repositories = ["team/*", "!team/old"]
tags = { semver = ">=1.0 <3 || ^4.1" }
keep = "all"

[[purge.rule]]
name = "pull requests"
repositories = ["team/*"]
tags = { glob = ["pr-*", "mr-[0-9]*"] }
older_than = "7d"
keep_newest = 3
keep_at_most = 50
only_if_more_than = 10
group_by = "[pm]r-(\\\\d+).*"
keeps_subject = false

[[purge.rule]]
name = "unused"
tags = { regex = '[a-z]+-\\d{8}' }
not_pulled_for = "P90D"

[purge.untagged]
repositories = ["*"]
untagged_for = "2d"
keep_newest = 1

[purge.orphans]
older_than = "1w"

[[purge.example]]
repository = "team/app"
items = [
  { tag = "v1.2.3", age = "400d", expect = "keep", rule = "releases" },
  { tag = "pr-7", age = "9d", expect = "keep" },
  { tag = "nightly-20260101", age = "100d", pulled = "80d", expect = "keep" },
  { tag = "nightly-20260102", age = "100d", pulled = "95d", expect = "delete", rule = "unused" },
  { age = "3d", expect = "keep" },
  { age = "4d", expect = "delete", rule = "untagged" },
  { age = "5d", locked = true, expect = "keep" },
]
""" % ("a" * 64)

FILES = {
    "running.txt": "# from kubectl\nmy.azurecr.io/team/app:v1\n\ndocker-pullable://x.io/a@sha256:" + "b" * 64 + "\n",
    "pulls.csv": "Repository,Digest,Tag,TimeGenerated [UTC]\n"
    "# span: 2024-01-01T00:00:00Z 2024-10-04T00:00:00Z\n"
    "team/app,,v1,2024-06-01T12:00:00Z\n",
}


def test_a_policy_says_what_it_has() -> None:
    policy = Policy(WHOLE, source="policy.toml", files=FILES)
    assert policy.rules == ("releases", "pull requests", "unused", "untagged", "orphans")
    assert set(policy.files) == {"policy.toml", "running.txt", "pulls.csv"}
    assert policy.test() == ()
    assert repr(policy) == "<Policy policy.toml: 5 rules>"


def rule(*lines: str) -> str:
    return "\n".join(["[purge]", "", "[[purge.rule]]", *lines])


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("", 1, "the file has no table [purge]"),
        ("[purge]", 1, "the policy has no rule"),
        ("[purge\n", 1, "this is no TOML"),
        ("[purge]\n[[purge.rule]]\nolder_than = '7d\n", 3, "this is no TOML"),
        ("[purge]\nprotect = [\n'a',\n", 3, "this is no TOML"),
        ("[purge]\nmax_deletions = " + "9" * 5000, 2, "this is no TOML"),
        ("[purge]\nprotect = " + "[" * 9000, 2, "this is no TOML"),
        ("[purgge]\n", 1, "'purgge' is unknown here: did you mean purge?"),
        ("[purge]\nprotct = []\n", 2, "'protct' is unknown here: did you mean protect?"),
        ("[purge]\n\n[[purge.rules]]\nkeep = 'all'", 3, "'rules' is unknown here: did you mean rule?"),
        ("[purge]\nprotect = ['ok',\n  # no\n  '^v.*$']\n", 4, "for a regular expression write"),
        ("[purge]\nprotect = ['sha256:abc']\n", 2, "expected a digest"),
        ("[purge]\nprotect = ['!latest']\n", 2, "matches no tag"),
        ("[purge]\nprotect = ['v[0-9']\n", 2, "matches no tag"),
        ("[purge]\nprotect = ['v[9-0]']\n", 2, "matches no tag"),
        ("[purge]\nprotect = ['Team/*:v1']\n", 2, "matches no repository"),
        ("[purge]\nprotect = 'latest'\n", 2, "expected a list of texts"),
        ("[purge]\nprotect = ['']\n", 2, "expected a text"),
        ("[purge]\nprotect_from = ['nowhere.txt']\n", 2, "there is no such file"),
        ("[purge]\nmax_share = 1.5\n", 2, "expected a share above 0 and up to 1"),
        ("[purge]\nmax_deletions = 0\n", 2, "expected a whole number from 1, got 0"),
        (rule('older_than = "7days"'), 4, "older_than: '7days' is no duration: write 7d"),
        (rule('older_than = "-1d"'), 4, "it has a sign"),
        (rule('older_than = "1.5d"'), 4, "it has a fraction"),
        (rule("older_than = 30"), 4, '30 is no duration: write "30d" for days'),
        (rule("older_than = 07:30:00"), 4, "time is no duration"),
        (rule('older_than = "6m"'), 4, "for months write days, such as 180d"),
        (rule('older_than = "999999d"'), 4, "longer than a hundred years"),
        (rule('keep = "none"', "older_than = '7d'"), 4, 'expected "all"'),
        (rule('keep = "all"', "older_than = '7d'"), 4, "goes with no condition"),
        (rule("name = 'x'"), 3, "says nothing about what goes"),
        (rule("only_if_more_than = 3"), 3, "says nothing about what goes"),
        (rule("keep_newest = true"), 4, "expected a whole number from 0, got true"),
        (rule("keep_newest = -1"), 4, "expected a whole number from 0, got -1"),
        (rule("older_than = '1d'", "keep_newest = 5", "keep_at_most = 3"), 5, "larger than keep_at_most"),
        (rule("keep_newest = 1", "keep_at_most = 3"), 5, "do not go together"),
        (rule("tags = ['v*']", "keep = 'all'"), 4, "say what it is"),
        (rule("tags = { glob = ['v*'], regex = 'v' }", "keep = 'all'"), 4, "expected one of glob, regex and semver"),
        (rule("tags = { regex = '*-pr' }", "keep = 'all'"), 4, "for shell patterns write"),
        (rule("tags = { regex = '(' }", "keep = 'all'"), 4, "is no regular expression"),
        (rule("tags = { glob = ['v1|v2'] }", "keep = 'all'"), 4, "matches no tag"),
        (rule("tags = { semver = '1.2.3.4' }", "keep = 'all'"), 4, "expected a range of versions"),
        (rule("tags = { semver = '>=' }", "keep = 'all'"), 4, "expected a range of versions"),
        (rule("tags = { semver = ' || ' }", "keep = 'all'"), 4, "is empty"),
        (rule("repositories = ['Team/App']", "keep = 'all'"), 4, "matches no repository"),
        (rule("repositories = [\n'a',\n'b c']", "keep = 'all'"), 6, "matches no repository"),
        (rule("group_by = 'pr-.*'", "keep_newest = 1"), 4, "expected a group in parentheses"),
        (rule("group_by = 'pr-(.*)'", "older_than = '1d'"), 4, "group_by has no effect"),
        (rule("not_pulled_for = '90d'"), 4, "needs a file of pulls"),
        (rule("keep = 'all'", "name = 'a'", "[[purge.rule]]", "keep = 'all'", "name = 'a'"), 8, "line 3 has a rule"),
        (rule('name = "\\u001b[2J"', "keep = 'all'"), 4, "none that controls a terminal"),
        ("[purge]\n[purge.untagged]\n", 2, "says nothing about what goes"),
        ("[purge]\n[purge.orphans]\n", 2, "orphans need older_than"),
        ("[purge]\n[purge.untagged]\nolder_than = '1d'\nuntagged = '2d'\n", 4, "'untagged' is unknown here"),
        (rule("keep = 'all'", "[[purge.example]]", "repository = 'a'"), 5, "needs a repository, and items"),
        (rule("keep = 'all'", "[[purge.example]]", "repository = 'A'", "items = [{age='1d',expect='keep'}]"), 6, "'A'"),
        (rule("keep = 'all'", "[[purge.example]]", "repository = 'a'", "items = [\n{age='1d'}]"), 8, "expect ="),
        (
            rule(
                "keep = 'all'", "[[purge.example]]", "repository = 'a'", "items = [{tag='v 1',age='1d',expect='keep'}]"
            ),
            7,
            "expected a tag",
        ),
        (
            rule("keep='all'", "[[purge.example]]", "repository='a'", "items=[{age='1d',expect='keep',pulled='1d'}]"),
            7,
            "has no meaning without pulled_from",
        ),
    ],
)
def test_a_mistake_is_told_with_its_line(text: str, line: int, told: str) -> None:
    with pytest.raises(InvalidPolicy, match=re.escape(told)) as refused:
        Policy(text, source="policy.toml")
    assert (refused.value.source, refused.value.line) == ("policy.toml", line)
    assert str(refused.value).startswith(f"policy.toml:{line}: ")
    assert len(str(refused.value)) < 700


@pytest.mark.parametrize(
    ("name", "text", "line", "told"),
    [
        ("running.txt", "", 1, "protects nothing"),
        ("running.txt", "# kubectl\n\n", 1, "protects nothing"),
        ("running.txt", "team/app:v1\nteam/App:v1\n", 2, "expected a repository"),
        ("running.txt", "\n\nteam/app@sha256:12\n", 3, "digest"),
        ("pulls.csv", "", 1, "no pulls"),
        ("pulls.csv", "a,b\n1,2\n", 1, "must name the columns"),
        ("pulls.csv", "repository,tag,time\na,b,2024-01-01\nteam/app,v1,yesterday\n", 3, "is no time"),
        ("pulls.csv", "Repository,Tag,TimeGenerated [Local Time]\nteam/app,v1,2024-01-01\n", 1, "export them in UTC"),
        ("pulls.csv", "repository,tag,time\nteam/app,v1\n", 2, "2 fields"),
        ("pulls.csv", "repository,tag,time\nteam/app,,2024-01-01\n", 2, "neither a digest nor a tag"),
        ("pulls.csv", 'repository,tag,time\nteam/app,"v1,2024-01-01\n', 2, "2 fields"),
    ],
)
def test_a_mistake_in_a_file_that_it_names_is_told_with_the_line_there(
    name: str, text: str, line: int, told: str
) -> None:
    with pytest.raises(InvalidPolicy, match=re.escape(told)) as refused:
        Policy(WHOLE, source="policy.toml", files={**FILES, name: text})
    assert (refused.value.source, refused.value.line) == (name, line)


def test_a_policy_from_a_file_reads_what_is_beside_it(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(WHOLE)
    with pytest.raises(InvalidPolicy, match=r"policy\.toml:4: .*running\.txt: it cannot be read: No such file"):
        load_policy(tmp_path / "policy.toml")
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    assert load_policy(tmp_path / "policy.toml").rules[0] == "releases"
    (tmp_path / "running.txt").write_bytes(b"a:v1\nb:\xff\n")
    with pytest.raises(InvalidPolicy, match=r"running\.txt:2: the file is no UTF-8"):
        load_policy(tmp_path / "policy.toml")
    (tmp_path / "running.txt").unlink()
    os.mkfifo(tmp_path / "running.txt")
    with pytest.raises(InvalidPolicy, match=r"policy\.toml:4: "):
        load_policy(tmp_path / "policy.toml")
    (tmp_path / "policy.toml").write_bytes(b"[purge]\n# \xff\n")
    with pytest.raises(InvalidPolicy, match=r"policy\.toml:2: the file is no UTF-8"):
        load_policy(tmp_path / "policy.toml")
    (tmp_path / "policy.toml").write_bytes(b"#" * (1024 * 1024 + 1))
    with pytest.raises(InvalidPolicy, match="larger than 1 MiB"):
        load_policy(tmp_path / "policy.toml")
    with pytest.raises(InvalidPolicy, match="cannot be read"):
        load_policy(tmp_path / "nothing.toml")


def test_an_example_that_fails_is_told_and_stops_the_plan() -> None:
    text = WHOLE.replace('tag = "pr-7", age = "9d", expect = "keep"', 'tag = "pr-7", age = "9d", expect = "delete"')
    policy = Policy(text, source="policy.toml", files=FILES)
    (failure,) = policy.test()
    assert text.splitlines()[failure.line - 1].startswith('  { tag = "pr-7"')
    assert str(failure) == (
        "team/app:pr-7: expected delete, found keep by the rule 'pull requests'"
        " (pull requests: there are 1, and the rule acts on more than 10)"
    )
    with pytest.raises(InvalidPolicy, match=f"policy.toml:{failure.line}: an example fails: team/app:pr-7"):
        policy.plan(random_scene(1).inventory())


def test_an_example_that_expects_another_rule_fails() -> None:
    policy = Policy(
        WHOLE.replace('expect = "keep", rule = "releases"', 'expect = "keep", rule = "unused"'), files=FILES
    )
    (failure,) = policy.test()
    assert (failure.found, failure.rule, failure.why) == ("keep", "releases", "expected the rule unused")


def test_the_policies_of_the_page_are_policies() -> None:
    """And their examples say what they do."""
    page = Path(__file__).resolve().parent.parent.parent / "docs" / "cleanup.md"
    found = re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    blocks = [block for block in found if "[[image]]" not in block]  # that one is a seed of the emulator
    assert blocks
    for block in blocks:
        assert Policy(block, files=FILES).test() == ()


def test_an_error_of_a_policy_travels() -> None:
    error = pickle.loads(pickle.dumps(InvalidPolicy("wrong", source="it.toml", line=7)))
    assert (str(error), error.source, error.line) == ("it.toml:7: wrong", "it.toml", 7)


def test_what_is_no_text_is_an_error_of_ours() -> None:
    for text in (b"[purge]", None, 7, "\ud800"):
        with pytest.raises(InvalidInput):
            Policy(text)  # type: ignore[arg-type]


PIECES = ["[", "]", "{", "}", '"', "'", "=", ",", ".", "#", "\n", "\\", "\x00", "\ud7ff", "-1", "1e9", "true", "'''"]


def mutated(seed: int) -> str:
    """The whole policy, with some mistakes."""
    dice = random.Random(f"mutation {seed}")
    text: str = WHOLE
    for _ in range(dice.randint(1, 3)):
        lines: list[str] = [*text.split("\n")]
        at = dice.randrange(len(text))
        kind = dice.randrange(8)
        if kind == 0:
            text = text[:at] + text[at + dice.randint(1, 8) :]
        elif kind == 1:
            text = text[:at] + dice.choice(PIECES) + text[at:]
        elif kind == 2:
            text = text[:at] + chr(dice.randrange(32, 0x500)) + text[at + 1 :]
        elif kind == 3:
            del lines[dice.randrange(len(lines))]
            text = "\n".join(lines)
        elif kind == 4:
            lines.insert(dice.randrange(len(lines)), dice.choice(lines))
            text = "\n".join(lines)
        elif kind == 5:
            one, other = (dice.randrange(len(lines)) for _ in range(2))
            lines[one], lines[other] = lines[other], lines[one]
            text = "\n".join(lines)
        else:
            values = list(re.finditer(r'"[^"\n]*"|\b\d+\b|true|false|\[[^\n]*\]', text))
            match = dice.choice(values)
            value = dice.choice([*(other[0] for other in values), "7", '"-1d"', '"("', "[]", "{}", "1979-05-27", "nan"])
            text = text[: match.start()] + value + text[match.end() :]
    return text


@pytest.mark.parametrize("first", range(0, MUTATIONS, 100))
def test_a_policy_with_mistakes_is_refused_with_a_line_or_makes_plans(first: int) -> None:
    inventory = random_scene(first).inventory()
    refused = 0
    for seed in range(first, first + 100):
        text = mutated(seed)
        error = mistake(text, inventory)
        if error is not None:
            refused += 1
            where = text if error.source == "policy.toml" else FILES[error.source]
            assert 1 <= error.line <= where.count("\n") + 1, seed
            assert str(error).startswith(f"{error.source}:{error.line}: "), seed
    assert 20 < refused < 100


def mistake(text: str, inventory: Inventory) -> InvalidPolicy | None:
    """What is wrong with a policy. None if it makes a plan."""
    try:
        plan = Policy(text, source="policy.toml", files=FILES).plan(inventory)
    except InvalidPolicy as error:
        return error
    assert len(plan.deletions) + len(plan.kept) > 0
    return None

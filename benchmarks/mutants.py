"""Mutation testing by mutmut, see MUTANTS.md: `python -m benchmarks.mutants run`, and all else that mutmut does.

mutmut leaves decorated functions alone. Here those marked `@sensitive_variables()`, which are the ones that matter
most, are mutated too. `python -m benchmarks.mutants table` prints the results of each module.
"""

import json
import sys
from pathlib import Path
from typing import Any

import libcst
from libcst import matchers
from mutmut.__main__ import cli
from mutmut.mutation.file_mutation import MutationVisitor
from mutmut.runners.harness import PytestRunner
from mutmut.stats import status_by_exit_code

SENSITIVE = matchers.Decorator(matchers.Call(matchers.Name("sensitive_variables")))
KILLED = ("killed", "timeout", "segfault")
#: Of the tests that reach a function, so many are asked first: few mutants outlive them, and pytest takes seconds to
#: find thousands.
FIRST = 60

skips = MutationVisitor._skip_node_and_children
run_tests = PytestRunner.run_tests


def skips_unless_sensitive(visitor: Any, node: libcst.CSTNode) -> bool:
    if isinstance(node, libcst.FunctionDef):
        node = node.with_changes(decorators=[each for each in node.decorators if not matchers.matches(each, SENSITIVE)])
    return skips(visitor, node)


def run_a_few_first(runner: PytestRunner, *, mutant_name: str | None, tests: Any) -> int:
    if mutant_name:  # made by the tests before it forked, without the mutant
        sys.modules["jwt_drf_passwordless.statements"]._kept.clear()
    if len(tests) <= 2 * FIRST:
        return run_tests(runner, mutant_name=mutant_name, tests=tests)
    first = sorted(tests)[:: len(tests) // FIRST]
    code = run_tests(runner, mutant_name=mutant_name, tests=first)
    if code or mutant_name is None:  # that all pass without one was seen when they were timed
        return code
    others = sorted(set(tests) - set(first))
    return run_tests(runner, mutant_name=mutant_name, tests=others)


def table() -> None:
    """Print a row for each module with mutants that were tried: how many there are, were tried, killed, not killed."""
    for path in sorted(Path("mutants").rglob("*.meta")):
        codes = json.loads(path.read_text())["exit_code_by_key"].values()
        tried = [status_by_exit_code[code] for code in codes if code is not None]
        killed = sum(status in KILLED for status in tried)
        if tried:
            module = path.relative_to("mutants/jwt_drf_passwordless").with_suffix("")
            share = f"{100 * killed / len(tried):.1f} %"
            print(f"| `{module}` | {len(codes)} | {len(tried)} | {killed} | {len(tried) - killed} | {share} |")


if __name__ == "__main__":
    MutationVisitor._skip_node_and_children = skips_unless_sensitive
    PytestRunner.run_tests = run_a_few_first
    table() if sys.argv[1:] == ["table"] else cli()

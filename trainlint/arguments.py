"""What can be said on the command line, and the help that explains it."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

from trainlint import __version__
from trainlint.argument_types import Names, Parser, count, patterns
from trainlint.config import suggest
from trainlint.diagnostic import LEVELS
from trainlint.terminal import columns

FORMATS = ("text", "json", "json-lines", "sarif", "github", "gitlab", "junit", "html")
STDIN = "-"

_OVERVIEW = """\
A linter for PyTorch training code that proves its findings by running them.

  trainlint [check] [PATH ...]    find what is wrong in training code; fix it with --fix
  trainlint verify [PATH ...]     run what was found, as written and as suggested, and compare
  trainlint rules                 list all rules
  trainlint rule NAME             read what a rule says and why

`check` is what happens without a command. `trainlint COMMAND --help` explains the options of a command.
"""

_EXIT_CODES = """\
exit codes:
  0  nothing found at or above the level of --fail-on (default: warning)
  1  something found
  2  wrong usage or configuration, a file that could not be read, or an internal error
"""

_EXAMPLES = """\
examples:
  trainlint                                     lint the current folder
  trainlint src/ train.ipynb                    lint a folder and a notebook
  trainlint --select objective,update src/      only two families of rules
  trainlint --fix src/                          write the safe fixes
  trainlint --diff --unsafe-fixes src/          show what all fixes would change
  trainlint --baseline known.json --write-baseline
                                                adopt on an old repository: know today's findings
  trainlint --output-format sarif --output-file report.sarif
  cat train.py | trainlint - --stdin-filename train.py
"""

_CHECK = """\
Finds defects in training code: Python files and Jupyter notebooks. See trainlint --help for examples.
"""

_VERIFY = """\
Runs the code of every finding twice in a sandbox, as written and with the fix, and tells whether the harm shows.
Needs PyTorch: pip install "trainlint[verify]".
"""


def parse_arguments(argv: Sequence[str]) -> argparse.Namespace:
    """The command line as a namespace with a `command`; raises SystemExit after help, version and errors."""
    if argv and argv[0] in ("-h", "--help", "-V", "--version"):
        _overview().parse_args(argv[:1])
    command, rest = (argv[0], argv[1:]) if argv and argv[0] in COMMANDS else ("check", argv)
    parser = _PARSERS[command]()
    literal = rest.index("--") if "--" in rest and command in ("check", "verify") else len(rest)
    arguments, unknown = parser.parse_known_intermixed_args(rest[:literal])
    if unknown:
        option = unknown[0].partition("=")[0]
        parser.error(f"unknown option {option}{suggest(option, _options_of(parser))}")
    arguments.command = command
    if rest[literal + 1 :]:  # argparse loses the meaning of -- where options stand between paths
        arguments.paths += map(Path, rest[literal + 1 :])
    return arguments


def _options_of(parser: argparse.ArgumentParser) -> tuple[str, ...]:
    return tuple(re.findall(r"--[a-z-]+", parser.format_help()))


def _overview() -> argparse.ArgumentParser:
    parser = Parser(
        prog="trainlint",
        usage="trainlint [COMMAND] [OPTION ...] [PATH ...]",
        description=_OVERVIEW,
        epilog=f"{_EXAMPLES}\n{_EXIT_CODES}",
        formatter_class=_formatter,
    )
    parser.add_argument("-V", "--version", action="version", version=f"trainlint {__version__}")
    return parser


def _parser(command: str, usage: str, description: str, epilog: str = "") -> argparse.ArgumentParser:
    return Parser(
        prog=f"trainlint {command}",
        usage=f"trainlint {usage}",
        description=description,
        epilog=epilog,
        formatter_class=_formatter,
        allow_abbrev=False,
    )


def _formatter(prog: str) -> argparse.HelpFormatter:
    """Argparse makes one for every option; told the width, it does not load `shutil`."""
    return argparse.RawDescriptionHelpFormatter(prog, max_help_position=26, width=columns() - 2)


def _check() -> argparse.ArgumentParser:
    parser = _parser("check", "[check] [OPTION ...] [PATH ...]", _CHECK, _EXIT_CODES)
    _add_paths(parser, "files and folders to lint; - is standard input (default: the current folder)")
    _add_selection(parser).add_argument(
        "--fail-on", choices=LEVELS, metavar="LEVEL", help=f"{_one_of(LEVELS)}: exit with 1 from there on"
    )
    output = _add_output(parser, FORMATS)
    output.add_argument(
        "--statistics", action="store_true", help="how often each rule found something, instead of where"
    )
    output.add_argument(
        "--show-files", action="store_true", help="list the files that would be linted, and stop"
    )
    output.add_argument("--show-settings", action="store_true", help="print the settings in force, and stop")
    fixing = parser.add_argument_group("fixing")
    fixing.add_argument("--fix", action="store_true", help="write the safe fixes into the files")
    fixing.add_argument(
        "--unsafe-fixes", action="store_true", help="with --fix or --diff: also fixes that change results"
    )
    fixing.add_argument("--diff", action="store_true", help="print what --fix would change and write nothing")
    _add_adoption(parser)
    _add_files(parser).add_argument(
        "--stdin-filename", type=Path, metavar="FILE", help="the name of what is read from -"
    )
    _add_running(parser)
    return parser


def _verify() -> argparse.ArgumentParser:
    from trainlint.experiment_arguments import EXIT_CODES, add_experiments, add_failing

    parser = _parser("verify", "verify [OPTION ...] [PATH ...]", _VERIFY, EXIT_CODES)
    _add_paths(
        parser,
        "files and folders whose findings to run, or one place, train.py:31 (default: the current folder)",
    )
    _add_selection(parser)
    add_experiments(parser)
    leniency = parser.add_argument_group("exit code")
    add_failing(leniency)
    _add_leniency(leniency)
    _add_output(parser, ("text", "json", "json-lines", "html")).add_argument(
        "--report", type=Path, metavar="FILE", help="write an HTML page with plots as well"
    )
    _add_files(parser)
    _add_running(parser)
    return parser


def _rules() -> argparse.ArgumentParser:
    parser = _parser("rules", "rules [OPTION ...]", "Lists all rules, by family.")
    _add_reading(parser)
    return parser


def _rule() -> argparse.ArgumentParser:
    parser = _parser("rule", "rule [OPTION ...] NAME", "Prints the page of a rule.")
    parser.add_argument("name", metavar="NAME", help="a rule, such as missing-zero-grad")
    _add_reading(parser)
    return parser


_PARSERS = {"check": _check, "verify": _verify, "rules": _rules, "rule": _rule}
COMMANDS = tuple(_PARSERS)


def _add_reading(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--rules", action="append", type=Path, default=[], metavar="FOLDER", help="with rules of your own"
    )
    _add_output(parser, ("text", "json"))


def _add_output(parser: argparse.ArgumentParser, formats: Sequence[str]) -> argparse._ArgumentGroup:
    group = parser.add_argument_group("what is shown")
    group.add_argument(
        "--output-format", choices=formats, default="text", metavar="FORMAT", help=_one_of(formats)
    )
    group.add_argument(
        "-o", "--output-file", type=Path, metavar="FILE", help="write there, not to standard output"
    )
    group.add_argument(
        "-q", "--quiet", action="store_true", help="the findings only: no summary, hints or progress"
    )
    when = ("auto", "always", "never")
    group.add_argument("--color", choices=when, default="auto", metavar="WHEN", help=_one_of(when))
    return group


def _add_paths(parser: argparse.ArgumentParser, help_text: str) -> None:
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH", help=help_text)


def _add_selection(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    group = parser.add_argument_group(
        "which rules run",
        "RULES are names, families, levels (error, warning, advice) or ALL, with commas between them",
    )
    group.add_argument("--select", action=Names, metavar="RULES", help="only these")
    group.add_argument("--extend-select", action=Names, metavar="RULES", help="these too")
    group.add_argument("--ignore", "--extend-ignore", action=Names, metavar="RULES", help="not these")
    group.add_argument(
        "--rules", action="append", type=Path, default=[], metavar="FOLDER", help="rules of your own"
    )
    group.add_argument(
        "--trust-rules", action="store_true", help="run the rules that a repository's configuration names"
    )
    return group


def _add_adoption(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("adopting trainlint on an old repository")
    group.add_argument("--baseline", type=Path, metavar="FILE", help="report only what is not in this file")
    group.add_argument(
        "--write-baseline", action="store_true", help="write today's findings into the baseline"
    )
    group.add_argument("--add-ignores", action="store_true", help="write an ignore comment at every finding")
    _add_leniency(group)


def _add_leniency(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--exit-zero", action="store_true", help="exit with 0 whatever is found")
    group.add_argument(
        "--allow-unparsable", action="store_true", help="only warn about files that are not valid Python"
    )


def _add_files(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    group = parser.add_argument_group(
        "which files are read", "PATTERNS are those of .gitignore, with commas between them"
    )
    group.add_argument(
        "--exclude",
        action=Names,
        type=patterns,
        metavar="PATTERNS",
        help="leave these out, not the default ones",
    )
    group.add_argument(
        "--extend-exclude", action=Names, type=patterns, metavar="PATTERNS", help="leave these out too"
    )
    group.add_argument(
        "--force-exclude", action="store_true", help="also where a file is named on the command line"
    )
    return group


def _add_running(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how it runs")
    group.add_argument(
        "--config",
        action="append",
        default=[],
        metavar="FILE|SETTING",
        help="this file, or one setting: 'fail-on = \"error\"'",
    )
    group.add_argument("--isolated", action="store_true", help="read no configuration file")
    group.add_argument("-j", "--jobs", type=count, metavar="N", help="processes (default: one per processor)")
    group.add_argument(
        "--no-cache", action="store_true", help="look at no verdicts of earlier runs, and keep none"
    )


def _one_of(choices: Sequence[str]) -> str:
    return f"{', '.join(choices[:-1])} or {choices[-1]}"

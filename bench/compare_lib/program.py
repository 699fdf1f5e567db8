# SPDX-License-Identifier: Apache-2.0
"""What bench/compare and bench/events do alike: a table of rows, brokers in turn, rounds, a report."""
import argparse
import json
import pathlib
import shlex
import signal
import sys
from collections import namedtuple

from . import chart, machine, report
from .brokers import usual
from .figures import written
from .measure import measure
from .names import WrongUse, choose
from .processes import BrokerFailed
from .results import RowResults, base_of, fault_count
from .rows import commands_of

INTERRUPTED = 128 + signal.SIGINT

# name, text   of the program, for --help
# rows         the table
# known        (folder of the build, texts of --broker) → {name: broker}
# others       what a --broker may be, for --help
Benchmark = namedtuple("Benchmark", "name text rows known others")


def parse_arguments(benchmark, arguments):
    parser = argparse.ArgumentParser(prog=benchmark.name, description=benchmark.text,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", metavar="A,B", help="which rows (all); --list shows them")
    parser.add_argument("--brokers", metavar="A,B",
                        help=f"which of {', '.join(benchmark.known(pathlib.Path(), []))} (those that are installed)")
    parser.add_argument("--broker", metavar=benchmark.others, action="append", default=[],
                        help="another one that runs, or another chaskid to start; can be given again")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="(5)")
    parser.add_argument("--seconds", type=float, default=5, metavar="S", help="how long a load takes (5)")
    parser.add_argument("--build", default=machine.ROOT / "build", type=pathlib.Path, metavar="DIR",
                        help="where our programs are (build)")
    parser.add_argument("--dir", type=pathlib.Path, metavar="DIR",
                        help="where brokers have their data meanwhile (that of --build)")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="all figures and reports of all runs")
    parser.add_argument("--markdown", type=pathlib.Path, metavar="FILE")
    parser.add_argument("--svg", type=pathlib.Path, metavar="FILE", help="a chart of the CPU time")
    parser.add_argument("--list", action="store_true", help="show the rows and their commands, measure nothing")
    options = parser.parse_args(arguments)
    if options.rounds < 1 or not options.seconds > 0:
        raise WrongUse("--rounds and --seconds are more than 0")
    options.dir = options.dir or options.build
    return options


def check_folders(options):
    """Nobody measures for half an hour to learn that a file cannot be written."""
    files = [path for path in (options.json, options.markdown, options.svg) if path]
    for folder in [options.dir, *(path.parent for path in files)]:
        if not folder.is_dir():
            raise WrongUse(f"there is no folder {folder}")


def choose_rows(benchmark, options):
    by_name = {row.name: row for row in benchmark.rows}
    return [by_name[name] for name in choose("row", options.rows, by_name)]


def print_list(benchmark, options):
    for row in choose_rows(benchmark, options):
        print(f"{row.name}: {row.text}")
        for step, command in commands_of(row, options.seconds).items():
            print(f"    {command}" + (f"    ({step})" if len(row.steps) > 1 else ""))


def choose_brokers(benchmark, options):
    """Those of --brokers, or all that are there; and each --broker."""
    known = benchmark.known(options.build, options.broker)
    named = [text.partition("=")[0] for text in options.broker]
    if len(set(named)) < len(named):
        raise WrongUse("--broker: one name was given twice")
    chosen = choose("broker", options.brokers, known) if options.brokers else usual(known)
    return [known[name] for name in dict.fromkeys([*chosen, *named])]


def check_programs(options, rows, chosen):
    """Before anything is measured: what will be started is there."""
    for broker in chosen:
        if broker.starts and not broker.program:
            raise WrongUse(broker.absent)
    wanted = {options.build / results.row.tool.program: None for results in rows if results.row.steps}
    wanted |= {broker.program: None for broker in chosen if broker.starts}
    missing = [str(path) for path in wanted if not path.is_file()]
    if missing:
        raise WrongUse(f"there is no {', no '.join(missing)}; make bench builds what is ours")


def describe(broker, folder):
    """Who it says it is: started once, outside of all rounds."""
    try:
        with broker.running(folder) as running:
            return {**broker.describe(), **broker.identify(running)}
    except (OSError, ValueError, BrokerFailed) as error:
        raise WrongUse(f"the broker {broker.name}: {error}") from None


def say(text):
    print(text, file=sys.stderr, flush=True)


def measure_round(number, rows, chosen, options):
    """Another broker begins in each round, so that none always has the place behind another."""
    for results in rows:
        turn = [broker for broker in chosen if broker.name in results.runs]
        first = (number - 1) % len(turn)
        for broker in turn[first:] + turn[:first]:
            run = measure(results.row, broker, options.dir, options.build, options.seconds)
            results.add(broker.name, run)
            main = results.row.main
            said = f"FAULT: {run.fault}" if run.fault else written(main, run.figures[main]) if main in run.figures else "-"
            say(f"round {number}/{options.rounds}  {results.row.name:14}  {broker.name:10}  {said}")


def measure_all(rows, chosen, options):
    """Returns how many rounds there were, and whether Ctrl-C ended them: what was measured counts then too."""
    for number in range(1, options.rounds + 1):
        try:
            measure_round(number, rows, chosen, options)
        except KeyboardInterrupt:
            say("interrupted: what was measured counts")
            return number, True
    return options.rounds, False


def rows_for(benchmark, options, chosen):
    rows = []
    for row in choose_rows(benchmark, options):
        able = [broker.name for broker in chosen if row.steps or broker.starts]
        rows.append(RowResults(row, able))
    return [results for results in rows if results.runs]


def write_files(options, made):
    if options.json:
        options.json.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n")
    if options.markdown:
        options.markdown.write_text(report.markdown(made))
    if options.svg:
        chart.draw(made, options.svg)


def run(benchmark, arguments):
    options = parse_arguments(benchmark, arguments)
    if options.list:
        print_list(benchmark, options)
        return 0
    chosen = choose_brokers(benchmark, options)
    rows = rows_for(benchmark, options, chosen)
    if options.svg:
        chart.check(results.row for results in rows)
    check_folders(options)
    check_programs(options, rows, chosen)
    facts = {"date": machine.now(), "machine": machine.describe(), "commit": machine.commit(),
             "command": shlex.join([f"bench/{benchmark.name}", *arguments]), "seconds": options.seconds,
             "brokers": {broker.name: describe(broker, options.dir) for broker in chosen}}
    facts["rounds"], interrupted = measure_all(rows, chosen, options)
    names = [broker.name for broker in chosen]
    made = report.make(rows, base_of(names), {broker.name for broker in chosen if broker.budgeted}, facts)
    print(report.text(made))
    write_files(options, made)
    return INTERRUPTED if interrupted else 1 if fault_count(rows) else 0


def main(benchmark):
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that brokers are stopped and folders removed
    try:
        return run(benchmark, sys.argv[1:])
    except WrongUse as error:
        say(f"{benchmark.name}: {error}")
        return 2
    except KeyboardInterrupt:
        return INTERRUPTED

# SPDX-License-Identifier: Apache-2.0
"""What `make check` leaves behind, read back: RESULTS/steps.txt has "NAME EXIT-CODE SECONDS" for each step, and
RESULTS/NAME/ the XML reports (JUnit's form, as pytest and cmocka write it) of the tests that the step ran."""
import pathlib
import xml.etree.ElementTree as ElementTree
from collections import namedtuple

# One test that ran: the report's path inside the step's folder, its class, its name, and one of
# "passed", "failed", "skipped".
Outcome = namedtuple("Outcome", "report suite name state")
Step = namedtuple("Step", "name code seconds outcomes")


def state_of(case):
    kinds = {child.tag for child in case}
    if kinds & {"failure", "error"}:
        return "failed"
    return "skipped" if "skipped" in kinds else "passed"


def read_reports(folder):
    """The outcomes in all reports below a folder; a report that cannot be read is itself a failure."""
    outcomes = []
    for path in sorted(folder.rglob("*.xml")):
        report = path.relative_to(folder).as_posix()
        try:
            cases = list(ElementTree.parse(path).getroot().iter("testcase"))
        except (ElementTree.ParseError, UnicodeDecodeError) as error:
            outcomes.append(Outcome(report, "", f"unreadable report: {error}", "failed"))
            continue
        for case in cases:
            outcomes.append(Outcome(report, case.get("classname") or "", case.get("name") or "", state_of(case)))
    return outcomes


def read_steps(results):
    """All steps that ran, by name."""
    results = pathlib.Path(results)
    listing = results / "steps.txt"
    steps = {}
    for line in listing.read_text().splitlines() if listing.exists() else []:
        name, code, seconds = line.split()
        steps[name] = Step(name, int(code), int(seconds), read_reports(results / name))
    return steps

# SPDX-License-Identifier: Apache-2.0
"""A report in JUnit's form, as scripts/check-results reads it."""
from xml.sax.saxutils import escape

TEXTS_MOST = 50


def write_report(folder, program, faults_by_test):
    """`faults_by_test`: the name of each test, and what was wrong; an empty list for one that passed."""
    folder.mkdir(parents=True, exist_ok=True)
    cases = []
    for name, texts in faults_by_test.items():
        told = escape("\n".join(texts[:TEXTS_MOST]))
        cases.append(f'<testcase classname="{program}" name="{name}">'
                     + (f"<failure>{told}</failure>" if texts else "") + "</testcase>")
    text = f'<testsuite name="{program}">' + "\n".join(cases) + "</testsuite>\n"
    (folder / f"{program}.xml").write_text(text, encoding="utf-8", errors="replace")

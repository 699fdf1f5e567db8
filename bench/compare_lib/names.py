# SPDX-License-Identifier: Apache-2.0
"""Wrong use, said in one line; names that nobody knows, with the nearest ones."""
import difflib


class WrongUse(Exception):
    """Ends a program with its text and exit code 2."""


def choose(what, wanted, known):
    """The known names that `wanted`, a comma-separated list, asks for, in its order; None asks for all."""
    if wanted is None:
        return list(known)
    names = [name.strip() for name in wanted.split(",") if name.strip()]
    for name in names:
        if name not in known:
            raise WrongUse(f"no {what} '{name}'; {nearest(name, known)}")
    if not names:
        raise WrongUse(f"no {what} is named")
    return list(dict.fromkeys(names))


def nearest(name, known):
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"there are {', '.join(known)}"

# SPDX-License-Identifier: Apache-2.0
"""Fetches the upstream tarball of a Debian source package.

The machine's own apt says where Debian is; a private configuration beside the cache adds the suite that has the wanted
version, so nothing of the system changes, and apt checks the signatures as always."""
import pathlib
import subprocess

SUITE = "trixie"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def debian_uri():
    """Where this machine gets Debian from: the first entry of its apt that serves Debian itself."""
    listed = subprocess.run(["apt-get", "indextargets", "--format", "$(ORIGIN) $(REPO_URI)"],
                            capture_output=True, text=True, check=False).stdout
    for line in listed.splitlines():
        origin, _, uri = line.partition(" ")
        if origin == "Debian" and "security" not in uri:
            return uri.strip()
    return configured_uri()


def configured_uri():
    """The same from the configuration, for a machine whose package lists were never fetched."""
    places = [*pathlib.Path("/etc/apt/sources.list.d").glob("*.sources"), pathlib.Path("/etc/apt/sources.list")]
    for place in places:
        for line in place.read_text().splitlines() if place.exists() else []:
            words = line.split()
            uris = [word for word in words if word.rstrip("/").endswith("/debian") and "://" in word]
            if words and words[0] in ("URIs:", "deb") and uris:
                return uris[0]
    raise SystemExit("conformance: this machine's apt has no entry for Debian to fetch source packages from")


def apt_options(cache):
    """A private apt: its own lists, its own single source."""
    private = cache / f"apt-{SUITE}"
    parts = private / "parts"
    (private / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    (private / "archives" / "partial").mkdir(parents=True, exist_ok=True)
    parts.mkdir(exist_ok=True)
    (parts / "debian.sources").write_text(
        f"Types: deb-src\nURIs: {debian_uri()}\nSuites: {SUITE}\nComponents: main\nSigned-By: {KEYRING}\n")
    settings = {"Dir::State::lists": private / "lists", "Dir::Cache": private, "Dir::Etc::sourcelist": "/dev/null",
                "Dir::Etc::sourceparts": parts, "APT::Sandbox::User": "root"}
    return [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]


def find(folder, source, version):
    found = sorted(folder.glob(f"{source}_{version}*.orig.tar.*"))
    return next((path for path in found if path.suffix != ".asc"), None)


def fetch(source, version, cache):
    """The path of the tarball, from the cache or fetched into it. Ends the program, saying why, if it cannot be had."""
    folder = cache / source
    folder.mkdir(exist_ok=True)
    tarball = find(folder, source, version)
    if tarball:
        return tarball
    options = apt_options(cache)
    steps = [["apt-get", *options, "update", "-q"],
             # Only the upstream tarball matters: a mirror that lacks the packaging part still serves.
             ["apt-get", *options, "source", "-q", "--download-only", "--only-source", source]]
    said = ""
    for step in steps:
        done = subprocess.run(step, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        said += done.stdout + done.stderr
    tarball = find(folder, source, version)
    if not tarball:
        raise SystemExit(f"conformance: cannot fetch {source} {version} from Debian's {SUITE}:\n{said[-2000:]}")
    return tarball

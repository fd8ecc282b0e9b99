"""Runs convofold for the comparisons."""

import json
import pathlib
import subprocess

import model


def arguments(options, folder, command):
    """The options of a report as arguments. The model spells what it has to compute as --within, convofold as a measure."""
    found, withins = [], options.get("within", [])
    for name, value in options.items():
        if name == "within":
            continue
        if name == "calendar":
            path = pathlib.Path(folder) / "calendar.json"
            path.write_text(json.dumps(value), encoding="utf-8")
            value = str(path)
        for one in value if isinstance(value, list) else [value]:
            found += ["--" + name.replace("_", "-"), one]
    if command == "model":
        found += [part for one in withins for part in ("--within", one)]
    return found


def measures(options):
    """All measures, which the model computes anyway and convofold is asked for."""
    names = [*model.LEVELS, "oldest_waiting", *model.COUNTS, *model.DISTINCT, *model.TOTALS, *model.DURATIONS]
    return ["--measure", ",".join(names + [f"within:{one}" for one in options.get("within", [])])]


class Database:
    """A database in a folder of its own."""

    def __init__(self, binary, folder):
        self.binary, self.folder = binary, pathlib.Path(folder)
        self.path = self.folder / "db"

    def run(self, name, *arguments):
        command = [self.binary, name, "--db", str(self.path), *arguments]
        ran = subprocess.run(command, capture_output=True, encoding="utf-8")
        if ran.returncode:
            raise SystemExit(f"{' '.join(command)}: {ran.stderr}")
        return ran.stdout

    def replay(self, lines):
        log = self.folder / "log"
        log.write_text("".join(lines), encoding="utf-8")
        self.run("replay", str(log))

    def report(self, arguments):
        return json.loads(self.run("report", "--format", "json", *arguments))

    def events(self):
        """The events in the order of arrival, so that the n-th line has the sequence number n."""
        return self.run("export", "--events").splitlines(keepends=True)

    def conflicts(self):
        return [json.loads(line) for line in self.run("conflicts", "--json").splitlines()]

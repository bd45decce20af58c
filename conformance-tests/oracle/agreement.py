"""How far `passerelle cda check` and the published schematrons and XSDs agree, over documents and over mutants of them.

    pip install saxonche lxml
    python agreement.py --schemas FOLDER --documents FOLDER [FOLDER…] --passerelle BINARY [--mutants N] [--cache DIR] [--verbose]

The schema folder holds a folder per release (`ans-3.0`: schematrons, jeuxDeValeurs, xsd). Only documents that claim the French header
are asked. Printed: the verdict per document, whose findings change per mutant, and every disagreement in a class of the table below;
what is in no class is printed in full.
"""

import argparse
import collections
import pathlib
import re
import subprocess
import sys
import tempfile

from lxml import etree

from mutants import mutants
from schemas import V3, Oracle, clinical_document

FRENCH = "1.2.250.1.213.1.1.1.1"
LINE = re.compile(r"^(?P<file>.*?):(?P<line>\d+): (?P<severity>error|warning) \[(?P<rule>[a-z-]+)\] (?P<said>.*) at (?P<place>/\S*)$")
# Rules of ours that ask what schematrons ask; the others are our own.
SHARED = re.compile(r"^(grammar|volet-(header|module|section|entry)|value-set)$")

# Who alone saw a mutant, what it saw, and why the other one does not.
EXPLAINED = [
    ("ours", r"^ins-", "the schematrons do not compute the key of an INS"),
    ("ours", r"^(person-id|structure-id|root|code-system-oid)$", "the schematrons do not look at the form of identifiers"),
    ("ours", r"^(dangling-reference|reference-elsewhere|repeated-id|narrative-|section-t|prior-result)", "the schematrons do not read the narrative"),
    ("ours", r"^(code-system|null-and-value|time)$", "data types: ours asks a codeSystem of every code, the schematrons of some"),
    ("ours", r"^(volet-version|model|realm|header)$", "what the reading of the header notes, and a volet that cannot be told"),
    ("ours", r"^(grammar|volet-|value-set)", "a pattern that never matches as it is published (a namespace prefix forgotten, another rule before it); ours asks what it says"),
    ("oracle", r"^xsd", "grammar of CDA: order and names of elements are the XSD's; ours reads what can be read"),
    ("oracle", r"templateId.*(obligatoire|présent)", "the volet's own templateId is gone: ours no longer knows the volet, the oracle was told it"),
    ("oracle", r"dtr1-|SHALL be of data type|castable", "attributes and data types in detail (ART-DECOR's generated rules), not in our tables"),
    ("oracle", r"jeuxDeValeurs/JDV_(Tumeur|Morphologie|LocalisationAnatomique|SpecimenType)", "value sets over 400 codes are not shipped"),
    ("oracle", r"jeuxDeValeurs|SHALL be selected from value set", "a value set of a place that our tables leave out"),
    ("oracle", r".", "an assertion outside the regular ones (text(), position, arithmetic, functions) or document-wide by a slip of the pen"),
]


def ours(binary, folder):
    """Findings of every file of a folder: name → list of (severity, rule, said, place)."""
    done = subprocess.run([binary, "cda", "check", str(folder)], capture_output=True, text=True, check=False)
    found = collections.defaultdict(list)
    for line in done.stdout.splitlines():
        if match := LINE.match(line):
            found[pathlib.Path(match["file"]).name].append((match["severity"], match["rule"], match["said"], match["place"]))
    return found


def oracle(schemas, document, model, release):
    """What schematrons and XSD say: how often each (text, place)."""
    found = collections.Counter(schemas.failures(document, model))
    for message in schemas.xsd(document, release):
        found["xsd " + re.sub(r"^\d+: ", "", message), ""] += 1
    return found


def documents(folders):
    for folder in folders:
        for path in sorted(pathlib.Path(folder).rglob("*.xml")):
            try:
                document = clinical_document(path)
            except etree.XMLSyntaxError:
                continue
            if document is not None and any(t.get("root") == FRENCH for t in document.findall(V3 + "templateId")):
                yield path, document


def save(document, path):
    etree.ElementTree(document).write(str(path), encoding="utf-8", xml_declaration=True)


def verdicts(schemas, binary, folders, work, verbose):
    """Compares the verdict on every document; those the oracle accepts are given back for mutation."""
    asked = []
    for number, (path, document) in enumerate(documents(folders)):
        name = f"{number:03}.xml"
        save(document, work / name)
        release = "ans-2.41" if "2.41" in path.name else schemas.sch.parent.name
        how = (schemas.model(document), release)
        asked.append((name, path, document, how, oracle(schemas, document, *how)))
    findings = ours(binary, work)
    table, own = collections.Counter(), collections.Counter()
    places = collections.Counter()
    for name, path, _, _, failed in asked:
        errors = [f for f in findings[name] if f[0] == "error"]
        shared = [f for f in errors if SHARED.match(f[1])]
        own.update({rule for severity, rule, *_ in errors if not SHARED.match(rule)})
        table[bool(failed), bool(shared)] += 1
        theirs, mine = {plain(p) for _, p in failed}, {plain(f[3]) for f in shared}
        places.update({"both": len(theirs & mine), "oracle only": len(theirs - mine), "ours only": len(mine - theirs)})
        if verbose or bool(failed) != bool(shared):
            print(f"{'agree' if bool(failed) == bool(shared) else 'DISAGREE':9} oracle {len(failed):3} ours {len(shared):3}  {path.name}")
    total = sum(table.values())
    agreed = table[True, True] + table[False, False]
    print(f"\n{total} documents: same verdict on {agreed} ({table[True, True]} refused, {table[False, False]} accepted), "
          f"refused by the oracle alone {table[True, False]}, by ours alone {table[False, True]}")
    print("places named: " + ", ".join(f"{k} {v}" for k, v in places.items()))
    print("errors of rules that schematrons do not have, documents: " + ", ".join(f"{k} {v}" for k, v in own.most_common()))
    return [a for a in asked if not a[4]]


def plain(place):
    """An XPath without prefixes and positions of only children."""
    return re.sub(r"\[1\]|(?<=/)\w+:", "", place or "")


def compare_mutants(schemas, binary, accepted, work, verbose):
    made = {}
    for name, path, document, how, before in accepted:
        for mutation, changed in mutants(document, path.name):
            save(changed, work / f"{name[:-4]}-{mutation}.xml")
            made[f"{name[:-4]}-{mutation}.xml"] = (mutation, path.name, name, oracle(schemas, changed, *how) - before)
    findings = ours(binary, work)
    cells, classes = collections.defaultdict(collections.Counter), collections.Counter()
    for file, (mutation, document, base, seen) in made.items():
        key = lambda f: (f[1], f[2], f[3])
        mine = collections.Counter(map(key, findings[file])) - collections.Counter(map(key, findings[base]))
        cell = ("both" if mine else "oracle only") if seen else ("ours only" if mine else "neither")
        cells[mutation][cell] += 1
        if cell in ("oracle only", "ours only"):
            what = [said for said, _ in seen] if cell == "oracle only" else [rule for rule, _, _ in mine]
            who = cell.split()[0]
            why = explanation(who, what)
            classes[who, why] += 1
            if verbose or why is None:
                detail = what[0] if seen else " ".join(next(iter(mine))[:2])
                print(f"{cell:12} {mutation:30} {document[:40]:40} {detail[:300]}")
    print_cells(cells)
    print("\nseen by one alone, and why:")
    for (who, why), count in sorted(classes.items(), key=lambda c: -c[1]):
        print(f"{count:6}  {who:7} {why or 'UNEXPLAINED'}")


def explanation(who, what):
    """The first class that one of the things seen belongs to; a rule both could have is in none."""
    for by, pattern, why in EXPLAINED:
        if by == who and any(re.search(pattern, w) for w in what):
            return why
    return None


def print_cells(cells):
    names = ("both", "neither", "oracle only", "ours only")
    print(f"\n{'mutation':32}" + "".join(f"{n:>13}" for n in names))
    total = collections.Counter()
    for mutation, cell in cells.items():
        total.update(cell)
        print(f"{mutation:32}" + "".join(f"{cell[n]:>13}" for n in names))
    print(f"{'all':32}" + "".join(f"{total[n]:>13}" for n in names))
    same = total["both"] + total["neither"]
    print(f"\n{sum(total.values())} mutants: both or neither changed their findings on {same} ({100 * same / max(1, sum(total.values())):.1f} %)")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--schemas", required=True)
    arguments.add_argument("--documents", required=True, nargs="+")
    arguments.add_argument("--passerelle", required=True)
    arguments.add_argument("--mutants", type=int, default=1000, help="documents to mutate, of those the oracle accepts")
    arguments.add_argument("--cache", help="folder of compiled schematrons, kept")
    arguments.add_argument("--verbose", action="store_true")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work = pathlib.Path(scratch)
        (work / "documents").mkdir()
        schemas = Oracle(given.schemas, given.cache or work / "cache")
        accepted = verdicts(schemas, given.passerelle, given.documents, work / "documents", given.verbose)
        compare_mutants(schemas, given.passerelle, accepted[: given.mutants], work / "documents", given.verbose)


if __name__ == "__main__":
    sys.exit(main())

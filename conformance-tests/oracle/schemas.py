"""The published schematrons and XSDs as an oracle: compiles them and asks them about one document.

Needs `pip install saxonche lxml`. The schema folder is the one the ANS publishes (schematrons, jeuxDeValeurs, xsd).
"""

import os
import pathlib
import re

import saxonche
from lxml import etree

SCH = "{http://purl.oclc.org/dsdl/schematron}"
SVRL = "{http://purl.oclc.org/dsdl/svrl}"
V3 = "{urn:hl7-org:v3}"
PARSER = etree.XMLParser(huge_tree=True, resolve_entities=False, no_network=True)

# Applied to every document that claims the French header.
COMMON = [
    "profils/structurationMinimale/ASIP-STRUCT-MIN-StrucMin.sch",
    "profils/CI-SIS_ModelesDeContenusCDA.sch",
    "profils/CI-SIS_Modeles_ANS.sch",
    "profils/IHE.sch",
]

# Volet → last arc(s) of the templateId of its model under 1.2.250.1.213.1.1.1.
MODELS = {
    "ANEST-CR-ANEST": "40", "ANEST-CR-CPA": "41", "AVC-AUNV": "15", "AVC-EUNV": "16", "AVC-PAVC": "25", "AVC-SUNV": "17",
    "BIO-CR-BIO": "55", "BIO-TROD": "59", "CANCER-CR-GM": "32", "CANCER-D2LM-FIDD": "28", "CANCER-D2LM-FIN": "27",
    "CANCER-FRCP": "8", "CANCER-PPS": "26", "CARD-F-PRC-AVK": "2.1.1", "CARD-F-PRC-DCI": "2.1.3", "CARD-F-PRC-PPV": "2.1.5",
    "CARD-F-PRC-PSC": "2.1.4", "CARD-F-PRC-TAP": "2.1.2", "CNAM-HR": "36", "CSE-CS24": "5.3", "CSE-CS8": "5.1",
    "CSE-CS9": "5.2", "CSE-MDE": "5.4", "DLU-EHPAD-DLU": "22", "DLU-EHPAD-FLUDR": "24", "DLU-EHPAD-FLUDT": "23",
    "EP-MED-DM": "39", "IMG-CR-IMG": "45", "IMG-DA-IMG": "47", "IPS-FR": "51", "LDL-EES": "21", "LDL-SES": "29",
    "OBP-SAP": "12.1", "OBP-SCM": "12.4", "OBP-SEM": "12.5", "OBP-SNE": "12.3", "OBP-SNM": "12.2", "OPH-BRE": "42",
    "OPH-CR-RTN": "18", "SDM-MR": "30", "TLM-DA": "38", "VAC-NOTE": "46", "VAC": "37", "VSM": "13", "eDISP-MED": "54",
}
# Volets whose documents write another version than the file of their schematron, or none.
VERSIONS = {"VSM_1.4_2022.01": "201310", "BIO-CR-BIO_2021.01": None}


def flatten(path):
    """A schematron with its includes in place; a missing file is looked for without regard to case, else left out."""
    tree = etree.parse(str(path), PARSER)
    for include in list(tree.iter(SCH + "include")):
        target = (path.parent / include.get("href")).resolve()
        target = target if target.exists() else same_name(target)
        parent, at = include.getparent(), include.getparent().index(include)
        parent.remove(include)
        if target is not None:
            root = flatten(target).getroot()
            for child in root if root.tag == parent.tag else [root]:
                parent.insert(at, child)
                at += 1
    return tree


def same_name(path):
    if not path.parent.is_dir():
        return None
    return next((p for p in path.parent.iterdir() if p.name.lower() == path.name.lower()), None)


def bare(name):
    return re.sub(r"[^a-z0-9]", "", re.sub(r"^JDV_|HL7_|[-_]CISIS|\.xml$", "", name).lower())


def clinical_document(source):
    """The ClinicalDocument of a file or of bytes, also inside a self-presentable one."""
    root = etree.fromstring(source, PARSER) if isinstance(source, bytes) else etree.parse(str(source), PARSER).getroot()
    return root if root.tag == V3 + "ClinicalDocument" else next(root.iter(V3 + "ClinicalDocument"), None)


class Oracle:
    def __init__(self, folder, cache):
        self.folder, self.cache = pathlib.Path(folder), pathlib.Path(cache)
        self.saxon = saxonche.PySaxonProcessor(license=False)
        self.compiled, self.xsds = {}, {}
        current = max(p for p in self.folder.iterdir() if (p / "schematrons").is_dir())
        self.sch = current / "schematrons"
        self.value_sets(current)
        self.vocabularies(current)
        engine = self.sch / "moteur"
        self.expand = self.sheet(engine / "iso_abstract_expand.xsl")
        self.svrl = self.sheet(engine / "iso_svrl_for_xslt2.xsl")

    def value_sets(self, current):
        """Links to the value sets, also under the misspelt names some schematrons ask for."""
        folder = self.cache / current.name / "jeuxDeValeurs"
        if folder.exists():
            return
        folder.mkdir(parents=True)
        plain = {}
        for path in sorted((current / "jeuxDeValeurs").glob("*.xml")):
            os.symlink(path, folder / path.name)
            plain.setdefault(bare(path.name), path)
        for path in sorted(self.sch.rglob("*.sch")):
            for name in re.findall(r"jeuxDeValeurs/([\w-]+\.xml)", path.read_text(encoding="utf-8", errors="replace")):
                if not (folder / name).exists() and bare(name) in plain:
                    os.symlink(plain[bare(name)], folder / name)

    def vocabularies(self, current):
        """The header's schematron reads value sets in ART-DECOR's form, which are not published with it: made from the others."""
        out = self.cache / current.name / "schematrons/profils/structurationMinimale/include"
        if out.exists():
            return
        out.mkdir(parents=True)
        for path in (current / "jeuxDeValeurs").glob("*.xml"):
            try:
                tree = etree.parse(str(path), PARSER)
            except etree.XMLSyntaxError:
                continue
            concepts = [c for c in tree.iter("{*}Concept")]
            for value_set in tree.iter("{*}ValueSet"):
                made = etree.Element("valueSets")
                listed = etree.SubElement(etree.SubElement(made, "valueSet"), "conceptList")
                for concept in concepts:
                    etree.SubElement(listed, "concept", code=concept.get("code") or "", codeSystem=concept.get("codeSystem") or "")
                etree.ElementTree(made).write(str(out / f"voc-{value_set.get('id')}-DYNAMIC.xml"))

    def sheet(self, path):
        return self.saxon.new_xslt30_processor().compile_stylesheet(stylesheet_file=str(path))

    def schema(self, name):
        """Executable of a schematron; kept in the cache beside where its value sets are looked for."""
        if name not in self.compiled:
            out = self.cache / self.sch.parent.name / "schematrons" / (name[:-4] + ".xsl")
            if not out.exists():
                out.parent.mkdir(parents=True, exist_ok=True)
                flat = out.with_suffix(".flat")
                flatten(self.sch / name).write(str(flat), encoding="utf-8")
                self.expand.transform_to_file(source_file=str(flat), output_file=str(flat) + "2")
                self.svrl.transform_to_file(source_file=str(flat) + "2", output_file=str(out))
            self.compiled[name] = self.sheet(out)
        return self.compiled[name]

    def model(self, document):
        """The schematron of a document's model and version, None when none is published for them."""
        carried = {(t.get("root"), t.get("extension")) for t in document.findall(V3 + "templateId")}
        for path in sorted(self.sch.glob("CI-SIS_*.sch")):
            volet, version = re.match(r"CI-SIS_(.+?)_([0-9].*)\.sch", path.name).groups()
            version = VERSIONS.get(path.stem[7:], version.split("_")[-1])
            if volet in MODELS and ("1.2.250.1.213.1.1.1." + MODELS[volet], version) in carried:
                return path.name
        return None

    def failures(self, document, model):
        """Failed assertions of the common schematrons and a model's: (text, place)."""
        text = etree.tostring(document, encoding="unicode")
        node = self.saxon.parse_xml(xml_text=text)
        found = []
        for name in COMMON + ([model] if model else []):
            sheet = self.schema(name)
            out = etree.fromstring(sheet.transform_to_string(xdm_node=node).encode(), PARSER)
            for e in out.iter(SVRL + "failed-assert"):
                if e.get("role") not in ("warning", "info", "hint"):
                    found.append((" ".join("".join(e.itertext()).split()), e.get("location")))
        return found

    def xsd(self, document, version="ans-3.0"):
        """What the XSD says; empty when the document is valid."""
        if version not in self.xsds:
            self.xsds[version] = etree.XMLSchema(etree.parse(str(self.folder / version / "xsd" / "CDA_extended.xsd")))
        schema = self.xsds[version]
        schema.validate(etree.fromstring(etree.tostring(document), PARSER))
        return [f"{e.line}: {e.message}" for e in schema.error_log]

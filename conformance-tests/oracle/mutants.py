"""Documents with one thing wrong each, made from good ones; the same document always gives the same mutants."""

import copy
import zlib

V3 = "{urn:hl7-org:v3}"
STATEMENTS = ("observation", "act", "procedure", "substanceAdministration", "supply", "organizer", "encounter")
HEADER = ("custodian", "legalAuthenticator", "documentationOf", "componentOf", "setId", "versionNumber", "title", "realmCode",
          "confidentialityCode", "languageCode", "author", "recordTarget")
PARTS = ("statusCode", "effectiveTime", "code", "id", "text", "value")
INS = "1.2.250.1.213.1.4."


def mutants(document, name):
    """(mutation, document) for each mutation that finds something to change."""
    for mutation in MUTATIONS:
        changed = copy.deepcopy(document)
        if mutation(changed, zlib.crc32(f"{name}{mutation.__name__}".encode())):
            yield mutation.__name__.replace("_", "-"), changed


def pick(elements, seed):
    elements = list(elements)
    return elements[seed % len(elements)] if elements else None


def drop(element):
    if element is None:
        return False
    element.getparent().remove(element)
    return True


def put(element, name, value):
    if element is None or element.get(name) == value:
        return False
    element.set(name, value)
    return True


def statements(document):
    return (e for name in STATEMENTS for e in document.iter(V3 + name))


def sections(document):
    return document.iter(V3 + "section")


def section_removed(document, seed):
    section = pick(document.iterfind(f"{V3}component/{V3}structuredBody/{V3}component"), seed)
    return drop(section)


def section_template_removed(document, seed):
    return drop(pick((t for s in sections(document) for t in s.findall(V3 + "templateId")), seed))


def entry_template_removed(document, seed):
    return drop(pick((t for s in statements(document) for t in s.findall(V3 + "templateId")), seed))


def model_template_removed(document, seed):
    return drop(pick(document.findall(V3 + "templateId"), seed))


def document_code_changed(document, seed):
    return put(document.find(V3 + "code"), "code", "00000-0")


def header_element_removed(document, seed):
    return drop(pick((e for n in HEADER for e in document.findall(V3 + n)[:1]), seed))


def other_header_element_removed(document, seed):
    return drop(pick((e for n in HEADER for e in document.findall(V3 + n)[:1]), seed // 7 + 5))


def header_attribute_removed(document, seed):
    found = [e for n in ("code", "confidentialityCode", "languageCode", "effectiveTime", "versionNumber") for e in document.findall(V3 + n)]
    element = pick(found, seed)
    name = "value" if element is not None and element.get("value") else "code"
    return element is not None and element.attrib.pop(name, None) is not None


def patient_trait_removed(document, seed):
    patient = document.find(f"{V3}recordTarget/{V3}patientRole/{V3}patient")
    traits = [] if patient is None else [e for n in ("name", "birthTime", "administrativeGenderCode", "birthplace") for e in patient.findall(V3 + n)]
    return drop(pick(traits, seed))


def ins_key_broken(document, seed):
    for e in document.iterfind(f"{V3}recordTarget/{V3}patientRole/{V3}id"):
        number = e.get("extension") or ""
        if (e.get("root") or "").startswith(INS) and len(number) == 15 and number[13:].isdigit():
            return put(e, "extension", f"{number[:13]}{int(number[13:]) % 97 + 1:02}")
    return False


def author_id_broken(document, seed):
    return put(document.find(f"{V3}author/{V3}assignedAuthor/{V3}id[@root='1.2.250.1.71.4.2.1']"), "extension", "80")


def code_system_changed(document, seed):
    return put(pick((c for s in statements(document) for c in s.findall(V3 + "code") if c.get("codeSystem")), seed), "codeSystem", "1.2.3.4")


def code_changed(document, seed):
    return put(pick((c for s in statements(document) for c in s.findall(V3 + "code") if c.get("code")), seed), "code", "ZZ-0")


def value_code_changed(document, seed):
    return put(pick((c for s in statements(document) for c in s.findall(V3 + "value") if c.get("code")), seed), "code", "ZZ-0")


def section_code_changed(document, seed):
    return put(pick((c for s in sections(document) for c in s.findall(V3 + "code")), seed), "code", "00000-0")


def entry_element_removed(document, seed):
    return drop(pick((e for s in statements(document) for n in PARTS for e in s.findall(V3 + n)), seed))


def other_entry_element_removed(document, seed):
    return drop(pick((e for s in statements(document) for n in PARTS for e in s.findall(V3 + n)), seed // 11 + 3))


def nested_entry_removed(document, seed):
    return drop(pick((e for s in statements(document) for e in s.findall(V3 + "entryRelationship")), seed))


def entry_element_doubled(document, seed):
    element = pick((e for s in statements(document) for n in ("statusCode", "code", "text") for e in s.findall(V3 + n)), seed)
    if element is None:
        return False
    element.addnext(copy.deepcopy(element))
    return True


def mood_changed(document, seed):
    return put(pick(statements(document), seed), "moodCode", "PRP")


def reference_dangling(document, seed):
    return put(pick(document.iter(V3 + "reference"), seed), "value", "#nowhere")


def text_removed(document, seed):
    return drop(pick((t for s in sections(document) if s.find(V3 + "entry") is not None for t in s.findall(V3 + "text")), seed))


MUTATIONS = [f for f in list(globals().values()) if callable(f) and getattr(f, "__module__", "") == __name__
             and f.__name__ not in ("mutants", "pick", "drop", "put", "statements", "sections")]

#!/usr/bin/env python3
"""Invented views of key information for the page: a full record, an empty one, a thousand documents, a refused access."""

import json
import random
import sys

NOW = "2026-11-25T11:00:00.000Z"
TRAITS = {"birth_name": "DUPONT", "given_names": "Marie, Jeanne", "birth_date": "1963-03-12", "sex": "female", "ins": "263037511300582"}
VIEWS = {"general-practitioner": "Médecine générale", "cardiologist": "Cardiologie", "emergency": "Urgences", "pharmacist": "Pharmacie", "nurse": "Soins infirmiers"}
FRAME = {"traits": TRAITS, "who": "Dr Anne Roux", "mode": "normal", "now": NOW, "views": VIEWS}
BIO, HOSP, CARDIO = "Dr Paul Ferrand", "Dr Sofia Belkacem", "Dr Louis Meyer"


def source(doc, title, author, date, anchor="n-1"):
    return {"document": f"DocumentReference/{doc}", "title": title, "author": author, "date": date, "anchor": anchor}


def why(*reasons):
    return [{"code": c, "text": t, "points": p} for c, t, p in reasons]


def line(label, body="", *sources, **more):
    of = {"label": label, "body": body, "sources": list(sources), "score": 48,
          "reasons": why(("profile", "utile en médecine générale", 20), ("recent", "récent", 13), ("corroborated", "confirmé par deux auteurs", 5))}
    of.update(more)
    return of


def section(key, title, lines=(), more=0, **of):
    state = "present" if lines else "not-found"
    full = {"key": key, "title": title, "state": state, "total": len(lines) + more, "lines": list(lines)}
    if more:
        full["more"] = more
    full.update(of)
    return full


def points(high, *values, low=None):
    made = []
    for at, value in values:
        point = {"at": at, "value": value, "out": value > high or (low is not None and value < low)}
        if high < 1e6:
            point["high"] = high
        if low is not None:
            point["low"] = low
        made.append(point)
    return made


LAB = source("lab-0912", "CR d'examens biologiques · Biologie médicale · 12/09/2026 · HbA1c 7,9 %, DFG 38", BIO, "2026-09-12", "n-res-12")
LETTER = source("ldl-0612", "Lettre de liaison à la sortie · Cardiologie · 12/06/2026 · décompensation cardiaque", CARDIO, "2026-06-12", "n-tt-3")
VSM = source("vsm-0105", "Volet de synthèse médicale · Médecine générale · 05/01/2026", "Dr Claire Martin", "2026-01-05", "n-pb-1")
RX = source("rx-0701", "Ordonnance · Médecine générale · 01/07/2026", "Dr Claire Martin", "2026-07-01", "n-l-2")
IRM = source("irm-1103", "CR d'imagerie · Radiologie · 03/11/2026 · IRM du genou droit", HOSP, "2026-11-03", "n-c-1")

SECTIONS = [
    section("alerts", "Alertes", [
        line("Traitement anticoagulant", " : apixaban 5 mg, en cours", RX, LETTER, reasons=why(("safety", "sécurité du patient", 25))),
        line("Stimulateur cardiaque", " : compatible IRM sous conditions, posé le 14/03/2021", LETTER, reasons=why(("safety", "sécurité du patient", 25))),
    ]),
    section("allergies", "Allergies et intolérances", [
        line("Pénicilline", " : anaphylaxie en 2019, criticité élevée", VSM, LETTER, remarks=["« Aucune allergie connue » est déclaré dans l'ordonnance du 01/07/2026 (Dr Claire Martin)"], conflict=True),
    ]),
    section("problems", "Problèmes actifs", [
        line("Fibrillation atriale paroxystique", " depuis 2019", LETTER, VSM),
        line("Diabète de type 2", " depuis 2014", VSM, LAB, RX, LETTER, IRM),
        line("Insuffisance rénale chronique, stade 3b", " depuis septembre 2026", LAB, new=True),
        line("Insuffisance cardiaque à fraction d'éjection préservée", ", découverte le 12/06/2026", LETTER),
        line("Hypertension artérielle", " depuis 2009", VSM, remarks=["Résolue selon le compte rendu du 02/02/2018, active selon la synthèse du 05/01/2026"], conflict=True),
    ], more=4),
    section("medications", "Traitements", [
        line("Apixaban 5 mg", " : 1 comprimé matin et soir", RX, LETTER, state="active"),
        line("Metformine 1 000 mg", " : 1 comprimé matin et soir", RX, state="active", conflict=True, sentences=["À prendre pendant le repas"],
             remarks=["Arrêtée dans la lettre de sortie du 12/06/2026, encore prescrite le 01/07/2026", "DFG à 38 ml/min le 12/09/2026"]),
        line("Bisoprolol 2,5 mg", " : 1 comprimé le matin", LETTER, state="active", new=True),
        line("Atorvastatine 20 mg", " : 1 comprimé le soir", VSM, state="uncertain", remarks=["Prescrite le 05/01/2026, pas de délivrance connue depuis"]),
        line("Ramipril 5 mg", ", jusqu'au 12/06/2026", LETTER, state="stopped", second=True, stateReason="arrêté dans la lettre de liaison du 12/06/2026 (Dr Louis Meyer)"),
    ], more=2),
    section("results", "Anormaux et évolutions", [
        line("Débit de filtration glomérulaire", " : 38 ml/min/1,73 m² le 12/09/2026, bas (> 60)", LAB, abnormal=True, new=True,
             reasons=why(("abnormal", "résultat hors des bornes", 8), ("change", "variation significative", 10), ("recent", "récent", 12)),
             trend={"unit": "ml/min", "points": points(1e9, ("2022-05-03", 61), ("2024-11-20", 52), ("2025-09-14", 49), ("2026-06-10", 43), ("2026-09-12", 38), low=60),
                    "change": {"text": "−22 % en un an", "significant": True, "direction": "down"}}),
        line("Hémoglobine glyquée (HbA1c)", " : 7,9 % le 12/09/2026, élevé (< 7,0)", LAB, abnormal=True, new=True,
             trend={"unit": "%", "points": points(7.0, ("2025-03-01", 6.8), ("2025-09-14", 7.0), ("2026-03-01", 7.1), ("2026-09-12", 7.9)),
                    "change": {"text": "+11 % en 6 mois", "significant": True, "direction": "up"}}),
        line("Potassium", " : 4,6 mmol/l le 12/09/2026", LAB,
             trend={"unit": "mmol/l", "points": points(5.0, ("2026-06-10", 4.4), ("2026-09-12", 4.6), low=3.5), "change": {"text": "stable", "direction": "flat"}}),
        line("IRM du genou droit", " : « Lésion méniscale interne dégénérative, pas d'épanchement »", IRM, second=True, new=True),
    ], more=11),
    section("immunizations", "Vaccinations", [
        line("Grippe saisonnière", " : le 20/10/2025", VSM),
        line("Diphtérie, tétanos, poliomyélite", " : rappel le 14/02/2018", VSM),
    ]),
    section("procedures", "Actes et interventions", [line("Pose d'un stimulateur cardiaque double chambre", " le 14/03/2021", LETTER)]),
    section("past-problems", "Antécédents", [line("Cholécystectomie", " en 2003", VSM), line("Pneumopathie", " en février 2018, guérie", VSM)]),
    section("vital-signs", "Signes vitaux et mensurations", [
        line("Poids", " : 78 kg le 12/06/2026", LETTER, trend={"unit": "kg", "points": points(1e9, ("2024-01-10", 82), ("2025-01-12", 81), ("2026-06-12", 78)), "change": {"text": "−4 kg en 29 mois", "direction": "down"}}),
        line("Pression artérielle", " : 142/78 mmHg le 12/06/2026", LETTER),
    ]),
    section("social-history", "Mode de vie", [line("Tabac", " : sevrée depuis 2011, 20 paquets-années", VSM)]),
    section("plan", "Suite prévue", [
        line("Contrôle de la créatinine et du potassium", ", dans les 15 jours", LAB, new=True),
        line("Consultation de cardiologie", " à 3 mois de la sortie", LETTER),
        line("Fond d'œil", " : dernier connu le 08/10/2025", VSM),
    ]),
    section("pregnancy", "Grossesse", said="Aucune information dans les documents lisibles."),
    section("family-history", "Antécédents familiaux", said="Aucune information dans les documents lisibles."),
    section("functional-status", "Autonomie et statut fonctionnel", state="absent", said="Autonomie complète déclarée (Dr Claire Martin, 05/01/2026)."),
    section("advance-directives", "Directives anticipées", state="not-permitted", said="Vos droits ne permettent pas de voir cette section."),
]

KINDS = [("CR d'examens biologiques", "Biologie médicale", BIO, "Laboratoire du Parc"), ("CR d'imagerie", "Radiologie", HOSP, "Clinique des Ormes"),
         ("Lettre de liaison à la sortie", "Cardiologie", CARDIO, "CH de Valmont"), ("Ordonnance", "Médecine générale", "Dr Claire Martin", "Cabinet de la Gare"),
         ("Volet de synthèse médicale", "Médecine générale", "Dr Claire Martin", "Cabinet de la Gare"), ("Certificat de vaccination", "Pharmacie", "Mme Inès Caron", "Pharmacie du Marché")]
WORDS = ["HbA1c 7,9 %, DFG 38", "IRM du genou droit : « lésion méniscale interne dégénérative »", "décompensation cardiaque", "apixaban, metformine, bisoprolol", "5 problèmes, 4 traitements", "grippe"]


def documents(number):
    chance = random.Random(7)
    made = []
    for n in range(number):
        kind, speciality, author, place = KINDS[n % len(KINDS)]
        days = n * 720 // max(number, 60)
        year, month, day = 2026 - days // 365, 11 - (days % 365) // 33, 1 + chance.randrange(24)
        date = f"{year}-{max(month, 1):02}-{day:02}"
        shown = f"{day:02}/{max(month, 1):02}/{year}"
        logical = f"0192f0a4-7d1c-7a3e-9b1c-{n:012}"
        made.append({"id": f"DocumentReference/{logical}", "title": f"{kind} · {speciality} · {shown} · {WORDS[n % len(WORDS)]}", "given": f"Document du {shown}", "type": kind,
                     "speciality": speciality, "author": author if n % 11 else f"Dr Remplaçant {n % 40}", "structure": place, "date": date, "new": n < 3, "pdf": n % 4 == 1,
                     "identifiers": {"uniqueId": f"urn:oid:1.2.250.1.999.{n}", "entryUuid": f"urn:uuid:{logical}", "logicalId": logical}})
    return made


def view(sections, docs, **more):
    new = sum(l.get("new", False) for s in sections for l in s["lines"]) + sum(d["new"] for d in docs)
    of = {"patient": {"reference": "Patient/1"}, "generated": NOW, "profile": {"id": "general-practitioner", "version": "2026.11-1", "title": "Médecine générale"}, "situation": "routine",
          "since": "2026-09-01T08:00:00Z", "new": new, "conflicts": sum(l.get("conflict", False) for s in sections for l in s["lines"]), "alerts": len(sections[0]["lines"]) if sections else 0,
          "sections": sections, "documents": docs, "documentsTotal": len(docs), "documentsWindow": "P2Y"}
    of.update(more)
    return of


def crowded():
    """A hundred lines in each of the three columns."""
    made = []
    for of in SECTIONS:
        lines = of["lines"] * 20 if of["key"] in ("problems", "medications", "results") else of["lines"]
        made.append(of | {"lines": lines, "total": len(lines) + of.get("more", 0)})
    return made


# Filters that the browser and the server apply to the same thousand documents.
QUERIES = [
    {"text": "DECOMPENSATION"},
    {"text": "hba1c 7,9 %"},
    {"text": "n° ; «", "period": "P1Y"},
    {"type": "CR d'imagerie", "text": "genou Belkacem"},
    {"practice": "Médecine générale", "period": "P6M"},
    {"author": "Dr Remplaçant 11"},
    {"type": "Ordonnance", "practice": "Médecine générale", "author": "Dr Claire Martin", "period": "P3M", "text": "apixaban gare"},
    {"type": "Ordonnance", "practice": "Radiologie"},
]


def asked(**query):
    return FRAME | {"query": query}


def samples():
    empty = [section(s["key"], s["title"], said="Aucune information dans les documents lisibles.") for s in SECTIONS]
    nothing = view(empty, [])
    del nothing["since"], nothing["documentsWindow"]
    results = next(s for s in SECTIONS if s["key"] == "results")
    thousand = view(crowded(), documents(1000))
    unbound = view(SECTIONS, documents(24))
    del unbound["documentsWindow"]
    urgent = view(SECTIONS, documents(24), profile={"id": "emergency", "version": "2026.11-1", "title": "Urgences"})
    left = {f"left-{n}": {"view": thousand, "all": True, "frame": FRAME | {"query": query}} for n, query in enumerate(QUERIES)}
    return left | {
        "left-all": {"view": thousand, "all": True, "frame": FRAME},
        "all": {"view": view(SECTIONS, documents(120)), "all": True, "frame": asked(type="Ordonnance")},
        "filtered": {"view": view(SECTIONS, documents(24)), "frame": asked(type="CR d'imagerie", text="genou")},
        "typed": {"view": view(SECTIONS, documents(24)), "frame": asked(type="CR d'imagerie")},
        "unbound": {"view": unbound, "frame": asked(window="all")},
        "urgent": {"view": urgent, "frame": asked(specialty="emergency")},
        "full": {"view": view(SECTIONS, documents(24)), "frame": FRAME},
        "empty": {"view": nothing, "frame": FRAME | {"notice": True, "traits": None}},
        "thousand": {"view": thousand, "frame": FRAME},
        "warned": {"view": view(SECTIONS, documents(3), asOf="2026-10-01"), "frame": FRAME | {"mismatch": True, "notice": True, "mode": "bris_de_glace"}},
        "refused": {"refused": "Le patient n'a pas encore donné son accord pour que vous consultiez son dossier.", "frame": FRAME},
        "more": {"view": {"sections": [results | {"more": 4}]}, "offset": 4, "frame": FRAME},
        "imported": {"imported": documents(1)[0]["identifiers"], "frame": FRAME},
    }


if __name__ == "__main__":
    json.dump(samples(), open(sys.argv[1], "w", encoding="utf-8"), ensure_ascii=False, indent=1)

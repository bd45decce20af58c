//! What the page keeps whatever the view holds: no text becomes markup, nothing missing breaks it, no section is silently empty.

use serde_json::{Value, json};

use super::policy::{SCRIPT, STYLE};
use super::{Asked, Frame, Traits, documents, imported, more, page, policy, refused};

const NOW: &str = "2026-11-25T11:00:00.000Z";

fn frame() -> Frame<'static> {
    let traits = Traits { birth_name: "DUPONT", given_names: "Marie", birth_date: "1963-03-12", sex: "female", ins: "263037511300582" };
    Frame { traits: Some(traits), home: "/consult/", who: "Dr Anne Roux", mode: "normal", token: "t0ken", now: NOW, ..Frame::default() }
}

fn line(label: &str) -> Value {
    json!({"label": label, "body": " : 7,9 %", "sentences": ["À contrôler"], "remarks": ["deux valeurs le même jour"], "conflict": true, "abnormal": true, "new": true,
        "state": "stopped", "date": "2026-09-12", "score": 63, "reasons": [{"code": "abnormal", "text": "résultat hors des bornes", "points": 8}],
        "sources": [{"document": "DocumentReference/7", "title": "CR d'examens", "author": "Dr X", "date": "2026-09-12", "anchor": "n-res-12"}],
        "trend": {"unit": "%", "points": [{"at": "2026-03-01", "value": 7.1, "high": 7.0, "out": true}, {"at": "2026-09-12", "value": 7.9, "high": 7.0, "out": true}],
            "change": {"text": "+11 % en 6 mois", "significant": true, "direction": "up"}}})
}

fn document(n: usize) -> Value {
    json!({"id": format!("DocumentReference/0192f0a4-7d1c-7a3e-9b1c-{n:012}"), "title": format!("CR d'examens biologiques · Biologie médicale · 12/09/2026 · HbA1c 7,{n} %"),
        "given": "Compte rendu de biologie", "type": "CR d'examens biologiques", "speciality": "Biologie médicale", "author": format!("Dr {}", n % 40),
        "structure": "Laboratoire du Parc", "date": "2026-09-12", "new": n.is_multiple_of(9), "pdf": n.is_multiple_of(3)})
}

fn view(sections: Value, documents: Vec<Value>) -> Value {
    json!({"generated": NOW, "since": "2026-09-01T08:00:00Z", "sections": sections, "documents": documents})
}

/// Every text of a value replaced by another.
fn hostile(value: &mut Value, text: &str) {
    match value {
        Value::String(s) => *s = text.to_owned(),
        Value::Array(items) => items.iter_mut().for_each(|v| hostile(v, text)),
        Value::Object(members) => members.values_mut().for_each(|v| hostile(v, text)),
        _ => {}
    }
}

fn whole() -> Value {
    let state = |key: &str, state: &str| json!({"key": key, "title": key, "state": state, "said": "dit", "more": 2, "total": 9, "lines": [line("a")]});
    let mut all = view(json!([state("alerts", "present"), state("results", "present"), state("plan", "present"), state("x", "not-permitted")]), vec![document(1)]);
    all["profile"] = json!({"title": "Médecine générale", "version": "1"});
    all["documentsWindow"] = json!("P2Y");
    all
}

#[test]
fn no_text_of_the_view_becomes_markup() {
    for text in ["\"><script>alert(1)</script>", "' onmouseover='x", "<img src=x onerror=alert(1)>", "javascript:alert(1)", "</style></script>", "\u{0}\u{7f}<"] {
        // The whole view, then with the keys that place its parts.
        let mut all = whole();
        hostile(&mut all, text);
        let mut placed = whole();
        for part in ["sections", "documents"] {
            for of in placed[part].as_array_mut().unwrap() {
                let key = of["key"].clone();
                hostile(of, text);
                of["key"] = key;
            }
        }
        let asked = Asked::read(&["specialty", "window", "text", "type", "practice", "period", "author"].map(|name| (name.to_owned(), text.to_owned())));
        let views = [(text.to_owned(), text.to_owned())];
        let traits = Traits { birth_name: text, given_names: text, birth_date: text, sex: text, ins: text };
        let frame = Frame { traits: Some(traits), mismatch: true, home: text, who: text, mode: text, notice: true, token: text, now: text, asked: &asked, views: &views };
        for html in [
            page(&all, &frame),
            page(&placed, &frame),
            refused(text, true, &frame),
            more(&all, 7, &frame),
            documents(&all, &frame),
            documents(&placed, &frame),
            imported(&placed["documents"][0], &frame),
        ] {
            assert_eq!(html.matches("<script").count(), 1, "{text}");
            assert_eq!(html.matches("<style").count(), 1, "{text}");
            assert_eq!(html.matches("<img").count(), 0, "{text}");
            let body = html.split("</style>").last().unwrap();
            for at in ["href=\"", "action=\""] {
                assert!(body.split(at).skip(1).all(|rest| !rest.starts_with("javascript:") && !rest.starts_with("//")), "{text}");
            }
        }
    }
}

#[test]
fn any_json_is_a_view() {
    let odd = json!({"sections": [null, 1, {}, {"key": 3, "lines": [null, {}, {"label": [], "sources": {}, "trend": {"points": [{}, {"at": "x", "value": 1}]}}]}], "documents": [null, {}], "new": -1});
    for view in [Value::Null, json!([]), json!("x"), json!({"sections": {}}), odd] {
        let html = page(&view, &Frame::default());
        assert!(html.contains("Identité non transmise par le logiciel") && html.ends_with("</html>\n"));
        assert!(more(&view, usize::MAX - 9, &frame()).contains("suite"));
    }
}

#[test]
fn values_at_the_ends_draw_finite_numbers() {
    let of = |points: Value| json!([{"key": "results", "title": "R", "lines": [{"label": "x", "trend": {"points": points}}]}]);
    let (edge, same) = (
        json!([{"at": "0001-01-01", "value": 1e300}, {"at": "9999-12-31", "value": -9e14}, {"at": "2020", "value": 9e14, "low": -9e14}]),
        json!([{"at": "2026", "value": 1}, {"at": "2026", "value": 1}]),
    );
    for points in [edge, same] {
        let html = page(&view(of(points), vec![]), &frame());
        let drawing = html.split("<svg").nth(1).and_then(|d| d.split("</svg>").next()).unwrap();
        assert!(drawing.contains("<polyline") && !drawing.contains("NaN") && !drawing.contains("inf"), "{drawing}");
    }
}

#[test]
fn time_is_drawn_to_scale() {
    let points = json!([{"at": "2026-01-01", "value": 1}, {"at": "2026-01-11", "value": 2}, {"at": "2026-04-11", "value": 3}]);
    let html = page(&view(json!([{"key": "results", "title": "R", "lines": [{"label": "x", "trend": {"points": points}}]}]), vec![]), &frame());
    assert!(html.contains("points=\"4.0,28.0 14.4,16.0 108.0,4.0\""));
}

#[test]
fn every_state_says_itself() {
    let of = |state: &str, said: &str| page(&view(json!([{"key": "allergies", "title": "Allergies", "state": state, "said": said, "lines": []}]), vec![]), &frame());
    assert!(of("absent", "Aucune allergie connue").contains("Aucune allergie connue"));
    assert!(of("not-found", "").contains("Aucune information dans les documents lisibles."));
    assert!(of("not-permitted", "").contains("Vos droits ne permettent pas") && of("not-permitted", "Non").contains("/consult/why?section=allergies"));
    assert!(of("present", "").contains("Aucune information"), "present without a line is not silent");
    let other = page(&view(json!([{"key": "pregnancy", "title": "Grossesse", "state": "not-found", "said": "Rien de trouvé", "lines": []}]), vec![]), &frame());
    assert!(other.contains("<dt>Grossesse</dt><dd>Rien de trouvé</dd>"));
}

#[test]
fn a_line_shows_its_words_marks_sources_and_reasons() {
    let html = page(&view(json!([{"key": "results", "title": "Résultats", "state": "present", "total": 9, "lines": [line("hémoglobine")], "more": 8}]), vec![]), &frame());
    for shown in [
        "<strong>Hémoglobine</strong>\u{a0}: 7,9\u{a0}%. À contrôler",
        ">conflit</span>",
        ">anormal</span>",
        ">nouveau</span>",
        ">arrêté</span>",
        "<p class=\"remark\">Deux valeurs le même jour</p>",
        "href=\"/consult/document?id=DocumentReference/7#n-res-12\"",
        "Résultat hors des bornes : +8",
        "+11 % en 6 mois, significatif",
        "/consult/key-info?section=results&amp;offset=1",
        "1 sur 9",
    ] {
        assert!(html.contains(shown), "{shown}");
    }
}

#[test]
fn a_record_without_documents_says_so() {
    let html = page(&view(json!([]), vec![]), &frame());
    assert!(html.contains("Aucun document lisible dans ce dossier.") && html.contains("Rien de nouveau depuis la visite du 01/09/2026") && !html.contains("id=\"f-text\""));
}

fn asked(query: &[(&str, &str)]) -> Asked {
    Asked::read(&query.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect::<Vec<_>>())
}

#[test]
fn the_bound_in_time_is_shown_and_can_be_removed_and_put_back() {
    let mut bound = view(json!([]), vec![document(1)]);
    bound["documentsWindow"] = json!("P2Y");
    let html = page(&bound, &frame());
    assert!(html.contains("href=\"/consult/?window=all#documents-box\"") && html.contains("Limite : 2 dernières années"));
    let all = asked(&[("window", "all"), ("type", "CR")]);
    bound.as_object_mut().unwrap().remove("documentsWindow");
    let html = page(&bound, &Frame { asked: &all, ..frame() });
    assert!(html.contains("href=\"/consult/?type=CR#documents-box\">Remettre la limite aux 2 dernières années</a>") && !html.contains("Limite :"));
    assert!(html.contains("type=\"hidden\" name=\"window\" value=\"all\""), "a filter does not put it back");
}

#[test]
fn every_filter_in_force_is_visible_and_one_click_removes_it_alone() {
    let all = [
        ("text", "hba1c 7,9", "Mots : « hba1c 7,9 »"),
        ("type", "CR d'examens biologiques", "Type : CR d'examens biologiques"),
        ("practice", "Biologie médicale", "Spécialité : Biologie médicale"),
        ("period", "P3M", "Période : 3 derniers mois"),
        ("author", "Dr 9", "Auteur : Dr 9"),
    ];
    let filters = asked(&all.map(|(n, v, _)| (n, v)));
    let frame = Frame { asked: &filters, ..frame() };
    let view = view(json!([]), (0..120).map(document).collect());
    for html in [page(&view, &frame), documents(&view, &frame)] {
        for (name, _, words) in all {
            let chip = html.split("<li>").find(|li| li.contains(&format!("\">{words}<span"))).unwrap_or_else(|| panic!("{words}"));
            let to = chip.split("href=\"").nth(1).unwrap().split('"').next().unwrap();
            assert!(!to.contains(&format!("{name}=")), "{to}");
            assert!(all.iter().filter(|o| o.0 != name).all(|o| to.contains(&format!("{}=", o.0))), "{to}");
        }
        assert_eq!(html.matches("<option value=\"Dr 9\"").count(), 1);
        assert!(html.contains(">3 documents sur 120</p>"), "those numbered 9, 49 and 89");
        assert_eq!(html.matches("<li data-t").count(), 3);
    }
    let nobody = asked(&[("author", "Dr inconnu")]);
    let html = page(&view, &Frame { asked: &nobody, ..frame });
    assert!(
        html.contains("aucun document sur 120")
            && html.contains("<option value=\"Dr inconnu\" data-n=\"none\" selected=\"\">")
            && html.contains("class=\"absent\">Aucun document ne répond")
    );
}

#[test]
fn another_view_is_chosen_told_and_left() {
    let views = [("emergency".to_owned(), "Urgences".to_owned()), ("cardiologist".to_owned(), "Cardiologie".to_owned())];
    let mut of = view(json!([{"key": "results", "title": "R", "state": "present", "total": 9, "lines": [line("a")], "more": 8}]), vec![]);
    of["profile"] = json!({"id": "emergency", "title": "Urgences", "version": "1"});
    let own = page(&of, &Frame { views: &views, ..frame() });
    assert!(own.contains("<option value=\"\" selected=\"\">Ma vue : Urgences</option>") && !own.contains("Vue choisie"));
    let chosen = asked(&[("specialty", "SM99"), ("window", "all")]);
    let html = page(&of, &Frame { views: &views, asked: &chosen, ..frame() });
    assert!(
        html.contains("<option value=\"emergency\" selected=\"\">Urgences</option>")
            && html.contains("href=\"/consult/./?window=all\">Vue choisie<span class=\"unseen\"> : Urgences</span>")
    );
    assert!(html.contains("offset=1&amp;specialty=SM99&amp;since=2026-09-01"), "further lines are those of the view");
    assert!(html.contains("href=\"/consult/print?specialty=SM99&amp;window=all\""));
}

#[test]
fn a_thousand_documents_are_one_click_away_and_the_page_stays_small() {
    let lines = |n: usize| (0..n).map(|i| line(&format!("ligne {i}"))).collect::<Vec<_>>();
    let sections: Vec<Value> = ["problems", "medications", "results"].iter().map(|k| json!({"key": k, "title": k, "state": "present", "lines": lines(7)})).collect();
    let view = view(json!(sections), (0..1000).map(document).collect());
    let html = page(&view, &frame());
    assert_eq!(html.matches("<li data-t").count(), 50);
    assert!(html.contains("href=\"/consult/documents\">Afficher les 950 autres documents</a>") && html.contains("data-all=\"/consult/documents\""));
    assert!(html.len() < 150_000, "{} bytes; the example prints the time", html.len());
    let all = documents(&view, &frame());
    assert_eq!(all.matches("<li data-t").count(), 1000);
    assert!(!all.contains("data-all=") && all.len() < 1_000_000, "{} bytes", all.len());
    let one = asked(&[("text", "HbA1c 7,999 %")]);
    assert!(page(&view, &Frame { asked: &one, ..frame() }).contains("id=\"d999\""), "filters look at all of them");
}

#[test]
fn paper_says_when_for_whom_and_what_is_left_out() {
    let filters = asked(&[("type", "CR d'examens biologiques")]);
    let mut of = view(json!([]), (0..60).map(document).collect());
    of["profile"] = json!({"title": "Urgences", "version": "1"});
    let html = page(&of, &Frame { asked: &filters, ..frame() });
    assert!(html.contains("class=\"paper\">Imprimé le 25/11/2026 à 12 h 00 par Dr Anne Roux · classement Urgences 1</p>"));
    assert!(html.contains("id=\"unprinted\">Et 10 autres documents, non imprimés.</p>"));
    assert!(page(&of, &frame()).contains("Et 52 autres documents, non imprimés."));
}

#[test]
fn a_treatment_says_how_it_stands_and_why_when_it_does_not_simply_go_on() {
    let of = |more: Value| {
        let mut line = json!({"label": "RAMIPRIL 5 mg, comprimé", "body": ", délivré le 12/06/2026", "reasons": [{"text": "récent", "points": 3}]});
        line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        page(&view(json!([{"key": "medications", "title": "T", "lines": [line]}]), vec![]), &frame())
    };
    let stopped = of(json!({"state": "stopped", "stateReason": "arrêté dans la lettre de sortie du 12/06/2026"}));
    assert!(stopped.contains("<strong>RAMIPRIL 5 mg</strong>, comprimé, délivré le 12/06/2026 <span class=\"badge state\">arrêté</span>"), "the form is not part of the name");
    assert!(stopped.contains("<p class=\"because\">Arrêté dans la lettre de sortie du 12/06/2026</p>"));
    let doubted = of(json!({"state": "uncertain", "stateReason": "délivré après l'arrêt : à vérifier"}));
    assert!(doubted.contains("<span class=\"badge doubt\">à vérifier</span>") && doubted.contains("<p class=\"because\">Délivré après l"));
    let active = of(json!({"state": "active", "stateReason": "délivré le 12/06/2026 pour 90 jours"}));
    assert!(
        active.contains("<span class=\"badge state\">en cours</span>") && !active.contains("class=\"because\"") && active.contains("<p>Délivré le 12/06/2026 pour 90 jours</p>")
    );
    assert!(!of(json!({"state": "active", "body": ", en cours depuis 2019"})).contains("badge state"), "what the line says is not said twice");
}

#[test]
fn a_conflict_shows_the_source_of_each_side() {
    let source = |document: &str, author: &str| json!({"document": format!("DocumentReference/{document}"), "author": author, "date": "2026-03-02"});
    let sources = json!([source("a", "Dr A"), source("b", "Dr A"), source("c", "Dr B"), source("d", "Dr C")]);
    let of = |more: Value| {
        let mut line = json!({"label": "x", "sources": sources});
        line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let html = page(&view(json!([{"key": "problems", "title": "P", "lines": [line]}]), vec![]), &frame());
        let from = html.split("class=\"from\"").nth(1).unwrap().split("<details").next().unwrap().to_owned();
        (["a", "b", "c", "d"].into_iter().filter(|d| from.contains(&format!("DocumentReference/{d}\""))).collect::<Vec<_>>(), html)
    };
    let (shown, html) = of(json!({}));
    assert!(shown == ["a"] && html.contains(">+ 3 sources</summary>"), "{shown:?}");
    assert_eq!(of(json!({"conflict": true})).0, ["a", "c"], "the first, and the first of another author");
    let remarks = json!(["selon Dr A, 02/03/2026 : actif", "selon Dr C, 02/03/2026 : guéri"]);
    assert_eq!(of(json!({"conflict": true, "remarks": remarks})).0, ["a", "c", "d"], "whom a remark names is there");
}

#[test]
fn sources_that_the_view_counts_alone_are_told() {
    let line = json!({"label": "Statut tabagique", "body": " : n'a jamais fumé (02/03/2026)", "sources": [{"document": "DocumentReference/a"}, {"document": "DocumentReference/b"}], "moreSources": 159});
    let html = page(&view(json!([{"key": "social-history", "title": "Mode de vie", "lines": [line]}]), vec![]), &frame());
    assert!(html.contains(">+ 160 sources</summary>") && html.contains("Et 159 autres documents"));
    assert!(
        html.contains("Statut tabagique\u{a0}: <strong>n'a jamais fumé</strong> (02/03/2026)")
            || html.contains("Statut tabagique\u{a0}: <strong>n&#39;a jamais fumé</strong> (02/03/2026)")
    );
}

#[test]
fn remarks_beyond_a_few_are_counted_and_stand_behind_the_reasons() {
    let remarks: Vec<String> = (0..5).map(|n| format!("remarque {n}")).collect();
    let of = |key: &str| page(&view(json!([{"key": key, "title": "T", "lines": [{"label": "x", "remarks": remarks}]}]), vec![]), &frame());
    let html = of("medications");
    assert_eq!((html.matches("class=\"remark\">Remarque").count(), html.matches("<li>Remarque").count()), (3, 2));
    assert!(html.contains("Et 2 autres mentions."));
    assert!(!of("alerts").contains("class=\"remark\""), "an alert is told in brief, its line stands whole in its section");
}

#[test]
fn a_course_says_its_unit_in_words_and_whole_numbers_without_a_comma() {
    let trend = json!({"unit": "mL/min/{1.73_m2}", "unitText": "mL/min/1,73 m²", "points": [{"at": "2026-03-10", "value": 51.0}, {"at": "2026-09-04", "value": 38.5}]});
    let html = page(&view(json!([{"key": "results", "title": "R", "lines": [{"label": "DFG", "body": " 38,5 mL/min (04/09/2026), bas", "trend": trend}]}]), vec![]), &frame());
    assert!(html.contains("51 → 38,5\u{a0}mL/min/1,73 m², 03/2026 – 09/2026") && !html.contains("{1.73"));
    assert!(html.contains("<strong>DFG</strong> <b class=\"value\">38,5 mL/min</b> (04/09/2026), bas"));
}

#[test]
fn every_form_carries_the_token_and_every_id_is_one() {
    let frame = Frame { notice: true, ..frame() };
    for html in [page(&whole(), &frame), refused("Non", true, &frame)] {
        assert_eq!(html.matches("method=\"post\"").count(), html.matches("name=\"token\" value=\"t0ken\"").count());
        let body = html.split("</style>").last().unwrap().split("<script>").next().unwrap();
        let mut ids: Vec<&str> = body.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all);
    }
}

#[test]
fn a_page_of_another_day_confirms_nothing() {
    let mut past = whole();
    assert!(page(&past, &frame()).contains("id=\"seen\""));
    past["asOf"] = json!("2026-01-01");
    let html = page(&past, &frame());
    assert!(!html.contains("id=\"seen\"") && html.contains("Page telle qu'elle était le 01/01/2026"));
}

#[test]
fn the_policy_allows_the_page_alone() {
    use base64::Engine;
    use sha2::{Digest, Sha256};
    let html = page(&whole(), &frame());
    for (name, text) in [("style", STYLE), ("script", SCRIPT)] {
        assert!(html.contains(&format!("<{name}>{text}</{name}>")));
        assert_eq!(html.matches(&format!("</{name}>")).count(), 1);
        let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(text.as_bytes()));
        assert!(policy().contains(&format!("{name}-src 'sha256-{hash}'")));
    }
    assert!(policy().starts_with("default-src 'none'") && !policy().contains("unsafe"));
    let body = html.split("</style>").last().unwrap().split("<script>").next().unwrap();
    assert!(!body.contains(" style=\"") && !body.contains(" on"), "no inline style, no inline handler");
}

//! The code maps of the program: served to be read, added to by a folder, refused by file, line and reason.

use crate::on_both;
use crate::support::{On, TestServer, refused};

on_both! {
    code_maps_are_read_and_found_and_never_written
}

fn code_maps_are_read_and_found_and_never_written(server: &TestServer) {
    let mut cabinet = server.cabinet();
    let map = cabinet.found("ConceptMap/reaction-severity");
    assert_eq!((map["resourceType"].as_str(), map["url"].as_str()), (Some("ConceptMap"), Some("urn:passerelle:ConceptMap:reaction-severity")));
    let ids = |bundle: &serde_json::Value| -> Vec<String> { bundle["entry"].as_array().into_iter().flatten().map(|e| e["resource"]["id"].as_str().unwrap().to_owned()).collect() };
    let all = cabinet.found("ConceptMap?_count=100");
    assert_eq!((all["total"].as_u64(), ids(&all).len()), (Some(26), 26));
    for (query, found) in [
        ("url=urn:passerelle:ConceptMap:priority", vec!["priority"]),
        ("url=urn:passerelle:ConceptMap:nothing", vec![]),
        ("_id=priority,intent&name=Prio", vec!["priority"]),
        ("source-code=24484000", vec!["condition-severity", "reaction-severity"]),
        ("url=urn:passerelle:ConceptMap:cim10-cisp2", vec!["cim10-cisp2"]),
        ("target-system=http://unitsofmeasure.org", vec!["period-unit"]),
    ] {
        assert_eq!(ids(&cabinet.found(&format!("ConceptMap?{query}"))), found, "{query}");
    }
    let operation = cabinet.found("OperationDefinition/key-info");
    assert_eq!(operation["code"], "key-info");
    for query in ["code=key-info", "name=KeyInfo", "url=urn:passerelle:operation:key-info"] {
        assert_eq!(ids(&cabinet.found(&format!("OperationDefinition?{query}"))), ["key-info"], "{query}");
    }
    refused(&cabinet.get("ConceptMap/nothing"), 404);
    let outcome = refused(&cabinet.put("ConceptMap/priority", &map), 405);
    assert!(outcome.to_string().contains("documents.cda_maps"), "{outcome}");
    // XML like any other resource.
    let xml = cabinet.call("GET", "ConceptMap/priority", &[("Accept", crate::support::FHIR_XML)], b"");
    assert!(xml.status == 200 && String::from_utf8_lossy(&xml.body).contains("<ConceptMap xmlns=\"http://hl7.org/fhir\""));
}

#[test]
fn whoever_acts_reads_code_maps_where_access_is_enforced() {
    let server = TestServer::enforced(On::Sqlite);
    for mut session in [server.cabinet(), server.doctor(&[]), server.holder("258027511234534")] {
        assert_eq!(session.get("ConceptMap/absent").status, 200);
    }
}

#[test]
fn a_wrong_concept_map_stops_the_start_with_file_line_and_reason() {
    let folder = std::env::temp_dir().join(format!("passerelle-maps-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir_all(folder.join("concept-maps")).unwrap();
    let map = "{\"resourceType\": \"ConceptMap\", \"id\": \"own\", \"url\": \"https://example.org/own\", \"status\": \"active\", \"description\": \"x\", \"group\": [{\n\
        \"target\": \"urn:t\", \"element\": [\n{\"code\": \"a\", \"target\": [{\"code\": \"b\", \"equivalence\": \"same\"}]}]}]}";
    std::fs::write(folder.join("concept-maps/own.json"), map).unwrap();
    let ended = std::process::Command::new(env!("CARGO_BIN_EXE_passerelle"))
        .args(["serve", "--bind", "127.0.0.1:0", "--data", &folder.join("data").display().to_string()])
        .env("PASSERELLE__DOCUMENTS__CDA_MAPS", &folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(!ended.status.success() && said.contains("own.json, line 3: ConceptMap.group[0].element[0].target[0].equivalence"), "{said}");
    let _ = std::fs::remove_dir_all(folder);
}

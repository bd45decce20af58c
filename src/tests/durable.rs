//! What leaves the server is on its disk before: a trace of every answer, no answer without a trace, and a proof of what is gone.

use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::support::{On, ServerProcess, TestServer, json, small_cda, text};

fn passerelle(arguments: &[&str]) -> (bool, String) {
    let run = Command::new(env!("CARGO_BIN_EXE_passerelle")).args(arguments).output().unwrap();
    (run.status.success(), String::from_utf8_lossy(&run.stderr).into_owned() + &String::from_utf8_lossy(&run.stdout))
}

fn log(dir: &Path) -> String {
    std::fs::read_to_string(dir.join("audit-reads.log")).unwrap()
}

/// Killed in the middle of its work, a server has traced everything that it had answered.
#[test]
fn what_was_answered_is_traced_whenever_the_server_is_killed() {
    let mut process = ServerProcess::start();
    let answered = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for client in 0..4 {
            let (answered, mut target) = (&answered, process.cabinet());
            scope.spawn(move || {
                for n in 0.. {
                    let id = format!("client-{client}-request-{n}");
                    let answer = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| target.call("GET", "metadata", &[("X-Request-Id", &id)], b"")));
                    // The connection ends with the server.
                    match answer {
                        Ok(answer) => assert_eq!(answer.status, 200),
                        Err(_) => break,
                    }
                    answered.lock().unwrap().push(id);
                }
            });
        }
        let until = Instant::now() + Duration::from_secs(30);
        while answered.lock().unwrap().len() < 100 && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        process.kill();
    });
    let (answered, log) = (answered.into_inner().unwrap(), log(&process.dir));
    let missing: Vec<&String> = answered.iter().filter(|id| !log.contains(&format!("\"request_id\":\"{id}\""))).collect();
    assert!(answered.len() >= 100 && missing.is_empty(), "{missing:?}");
}

/// A file that may not grow any more stands for a disk without space.
#[test]
fn without_space_for_the_trail_nothing_is_disclosed_until_there_is_some() {
    // A signal would end the program before it sees the error.
    let mut process = ServerProcess::within(&["sh", "-c", "trap '' XFSZ; ulimit -S -f 8192; PASSERELLE__ACCESS__POLICY=open exec \"$0\" \"$@\""]);
    let mut cabinet = process.cabinet();
    let long = format!("Patient?identifier=urn:x%7C{}", "x".repeat(6000));
    let refused = (0..2000).find_map(|_| Some(cabinet.get(&long)).filter(|answer| answer.status != 200)).expect("the limit is reached");
    assert_eq!(refused.status, 503, "{}", text(&refused));
    let diagnostics = json(&refused)["issue"][0]["diagnostics"].to_string();
    assert!(diagnostics.contains("P-0190") && !text(&refused).contains("Bundle"), "{diagnostics}");
    assert_eq!(cabinet.get("/health").status, 503);
    let traced = log(&process.dir);
    assert!(traced.ends_with("}\n"), "nothing of a batch that did not fit is left");
    if !Command::new("prlimit").args(["--pid", &process.pid().to_string(), "--fsize=unlimited:"]).status().is_ok_and(|s| s.success()) {
        println!("skipped: the prlimit command, which gives the space back, is not here");
        return;
    }
    let healthy = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        cabinet.get("/health").status == 200
    });
    assert!(healthy, "it goes on by itself");
    assert_eq!(cabinet.get(&long).status, 200);
    assert!(log(&process.dir).starts_with(&traced) && process.end());
    let (whole, said) = passerelle(&["audit", "verify", "--data", &process.dir.display().to_string()]);
    assert!(whole, "{said}");
}

/// The proof of an erasure is signed, names the reason, and stands in the trail.
#[test]
fn the_proof_of_an_erasure_can_be_checked() {
    const INS: &str = "270037500000121";
    let mut server = TestServer::enforced(On::Sqlite);
    let patient = server.cabinet().deposited(&small_cda("2.25.81", INS, ""))["subject"]["reference"].as_str().unwrap().to_owned();
    assert_eq!(server.holder(INS).call("POST", &format!("{patient}/$close"), &[], b"").status, 200);
    let motif = serde_json::json!({"resourceType": "Parameters", "parameter": [{"name": "motif", "valueString": "Demande du titulaire"}]});
    let mut administrator = server.acting("client-cabinet", &["--role", "administrator"]);
    let answer = administrator.post(&format!("{patient}/$erase"), &motif);
    assert_eq!(answer.status, 200, "{}", text(&answer));
    let again = administrator.post(&format!("{patient}/$erase"), &motif);
    assert_eq!((again.status, &again.body), (200, &answer.body), "an answer that was lost");
    drop(administrator);
    server.stop();
    let file = server.dir.join("proof.json");
    let check = |bytes: &[u8]| {
        std::fs::write(&file, bytes).unwrap();
        passerelle(&["audit", "proof", &file.display().to_string(), "--data", &server.dir.display().to_string()])
    };
    let (holds, said) = check(&answer.body);
    assert!(holds && said.contains("for a reason: Demande du titulaire; 1 documents") && said.contains("of the trail of writes names it"), "{said}");
    let parameters = json(&answer);
    let signed = parameters["parameter"].as_array().unwrap().iter().find(|p| p["name"] == "proof").unwrap()["valueString"].as_str().unwrap().to_owned();
    assert!(check(signed.as_bytes()).0, "the signed text alone");
    let middle = signed.len() / 2;
    let other = if signed.as_bytes()[middle] == b'A' { "B" } else { "A" };
    let (holds, said) = check(format!("{}{other}{}", &signed[..middle], &signed[middle + 1..]).as_bytes());
    assert!(!holds && (said.contains("does not hold") || said.contains("cannot be read") || said.contains("does not say")), "{said}");
    let (listed, said) = passerelle(&["retention", "--data", &server.dir.display().to_string()]);
    assert!(listed && said.starts_with("0 records"), "{said}");
}

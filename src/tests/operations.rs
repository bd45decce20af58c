//! What the operator does: health, metrics, backup and restore, certificates that change, two processes on one database.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;

use crate::support::{On, ServerProcess, TestServer, small_cda};

#[test]
fn health_needs_a_certificate_and_no_rights() {
    let server = TestServer::start(On::Sqlite);
    assert_eq!(server.cabinet().call("GET", "/health", &[], b"").status, 200);
    let mut plain = std::net::TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    plain.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
}

#[test]
fn a_revoked_client_is_refused_on_new_and_on_open_connections() {
    let server = TestServer::start(On::Sqlite);
    let revoked = passerelle::cli::Target::new(&server.pki(), "client-revoked", server.port).unwrap();
    assert!(revoked.connect().and_then(|mut c| c.call("GET", "/health", &[], b"")).is_err(), "revoked from the start");
    let mut open = server.client("client-laboratoire");
    assert_eq!(open.call("GET", "/health", &[], b"").status, 200);
    passerelle::tls::revoke(&server.pki(), "client-laboratoire").unwrap();
    let refused = (0..60).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(250));
        open.call("GET", "/health", &[], b"").status == 401
    });
    assert!(refused, "an open connection is refused within 15 s of the list's change");
    let again = passerelle::cli::Target::new(&server.pki(), "client-laboratoire", server.port).unwrap();
    assert!(again.connect().and_then(|mut c| c.call("GET", "/health", &[], b"")).is_err());
    assert_eq!(server.cabinet().call("GET", "/health", &[], b"").status, 200);
}

#[test]
fn metrics_are_on_the_loopback_listener_and_hold_nothing_of_a_patient() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = TestServer::with(On::Sqlite, |c| c.admin.bind = format!("127.0.0.1:{port}"));
    server.cabinet().deposited(&small_cda("2.25.71", "270037500000121", ""));
    let mut plain = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    plain.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    plain.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("passerelle_requests_total{interaction=\"deposit\",status=\"201\"} 1"), "{answer}");
    assert!(!answer.contains("270037500000121"));
    let gauge = |name: &str| answer.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(' ')?.parse::<i64>().ok()).unwrap();
    let day = 86_400;
    assert!((29 * day..=30 * day).contains(&gauge("crl_seconds_left")) && (824 * day..=825 * day).contains(&gauge("certificate_seconds_left")), "{answer}");
}

#[test]
fn a_backup_made_while_serving_restores_to_the_same_answers() {
    let server = TestServer::start(On::Sqlite);
    let reference = server.cabinet().deposited(&small_cda("2.25.72", "270037500000121", ""));
    let (to, data) = (server.dir.join("backup"), server.dir.join("restored"));
    let run = |arguments: &[&str]| std::process::Command::new(env!("CARGO_BIN_EXE_passerelle")).args(arguments).output().unwrap();
    let shown = |p: &std::path::Path| p.display().to_string();
    let backup = run(&["backup", "--data", &shown(&server.dir), "--to", &shown(&to)]);
    assert!(backup.status.success(), "{}", String::from_utf8_lossy(&backup.stderr));
    let mode = |p: &std::path::Path| std::fs::metadata(p).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&to), mode(&to.join("passerelle.db")), mode(&to.join("pki/server.key"))), (0o700, 0o600, 0o600));
    let restore = run(&["restore", "--from", &shown(&to), "--data", &shown(&data)]);
    assert!(restore.status.success(), "{}", String::from_utf8_lossy(&restore.stderr));
    let verify = run(&["audit", "verify", "--data", &shown(&data)]);
    assert!(verify.status.success(), "{}", String::from_utf8_lossy(&verify.stderr));
    let again = run(&["restore", "--from", &shown(&to), "--data", &shown(&data)]);
    assert!(!again.status.success(), "nothing that is there is overwritten");
    assert_eq!(std::fs::read(data.join("pki/ca.pem")).unwrap(), std::fs::read(server.pki().join("ca.pem")).unwrap());
    let mut config = passerelle::config::Config::default();
    config.server.bind = "127.0.0.1:0".into();
    config.access.policy = passerelle::config::AccessPolicy::Open;
    let second = passerelle::cli::start(&data, config).unwrap();
    let mut client = passerelle::cli::Target::new(&data.join("pki"), "client-cabinet", second.address.port()).unwrap().connect().unwrap();
    let answer = client.call("GET", &format!("/fhir/DocumentReference/{}", reference["id"].as_str().unwrap()), &[], b"").unwrap();
    assert_eq!(answer.status, 200);
    second.stop();
}

#[test]
fn one_process_writes_a_database() {
    let server = TestServer::start(On::Sqlite);
    let mut config = passerelle::config::Config::default();
    config.server.bind = "127.0.0.1:0".into();
    let refused = passerelle::cli::start(&server.dir, config).err().expect("the second is refused");
    assert!(refused.contains("another process"), "{refused}");
}

#[test]
fn serve_says_where_it_listens_on_its_first_line_and_ends_on_a_signal() {
    let mut server = ServerProcess::start();
    assert!(server.line.starts_with("listening on https://127.0.0.1:"), "{}", server.line);
    assert!(server.end());
}

#[test]
fn a_wrong_configuration_is_refused_with_its_key() {
    for (name, value, key) in [
        ("PASSERELLE__SERVER__WORKERS", "0", "server.workers"),
        ("PASSERELLE__LIMITS__BODY_SECONDS", "9223372036854775807", "limits.body_seconds"),
        ("PASSERELLE__LOG__LEVEL", "loud", "log.level"),
        ("PASSERELLE__SERVER__BIND", "localhost", "server.bind"),
        ("PASSERELLE__SERVER__BASE_URL", "https://documents.example/fhir/", "server.base_url"),
        ("PASSERELLE__SERVER__WORKER", "2", "worker"),
    ] {
        let run = std::process::Command::new(env!("CARGO_BIN_EXE_passerelle")).arg("check-config").env(name, value).output().unwrap();
        assert!(!run.status.success(), "{name}");
        assert!(String::from_utf8_lossy(&run.stderr).contains(key), "{name}: {}", String::from_utf8_lossy(&run.stderr));
    }
}

#[test]
fn an_address_in_use_and_a_missing_backup_are_said_with_the_way_out() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let dir = std::env::temp_dir().join(format!("passerelle-taken-{}", uuid::Uuid::new_v4()));
    let shown = dir.display().to_string();
    let said = |arguments: &[&str]| {
        let run = std::process::Command::new(env!("CARGO_BIN_EXE_passerelle")).args(arguments).output().unwrap();
        assert!(!run.status.success());
        String::from_utf8_lossy(&run.stderr).into_owned()
    };
    let serve = said(&["serve", "--data", &shown, "--bind", &taken.local_addr().unwrap().to_string()]);
    assert!(serve.contains("--bind (port 0 picks a free one)"), "{serve}");
    std::fs::remove_file(dir.join("passerelle.db")).unwrap();
    assert!(said(&["restore", "--from", &shown, "--data", &format!("{shown}/new")]).contains("no backup is here"));
    assert!(!dir.join("passerelle.db").exists(), "and none is made by looking");
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn verifying_needs_a_database_and_makes_none() {
    let dir = std::env::temp_dir().join(format!("passerelle-none-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir(&dir).unwrap();
    let run = std::process::Command::new(env!("CARGO_BIN_EXE_passerelle")).args(["audit", "verify", "--data", &dir.display().to_string()]).output().unwrap();
    assert!(!run.status.success());
    assert!(String::from_utf8_lossy(&run.stderr).contains("no database"), "{}", String::from_utf8_lossy(&run.stderr));
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 0);
    std::fs::remove_dir(dir).unwrap();
}

#[test]
fn a_production_database_takes_no_test_identity_and_stays_one() {
    let mut server = TestServer::with(On::Sqlite, crate::support::production);
    let cda = small_cda("2.25.73", "270037500000121", "");
    crate::support::refused(&server.cabinet().deposit(&cda), 422);
    let real = String::from_utf8(cda).unwrap().replace("1.2.250.1.213.1.4.10", "1.2.250.1.213.1.4.8");
    assert_eq!(server.cabinet().deposit(real.as_bytes()).status, 201);
    server.stop();
    let mut config = passerelle::config::Config::default();
    config.server.bind = "127.0.0.1:0".into();
    let refused = passerelle::cli::start(&server.dir, config).err().expect("the environment is fixed");
    assert!(refused.contains("production"), "{refused}");
}

#[test]
fn production_needs_the_policy_and_a_name_under_what_is_assumed() {
    use passerelle::config::{AccessPolicy, Config, Environment};
    type Change = fn(&mut Config);
    let refused = |change: Change| {
        let dir = std::env::temp_dir().join(format!("passerelle-test-{}", uuid::Uuid::new_v4()));
        let mut config = Config::default();
        config.server.bind = "127.0.0.1:0".into();
        config.database.environment = Environment::Production;
        change(&mut config);
        let said = passerelle::cli::start(&dir, config).err();
        let _ = std::fs::remove_dir_all(dir);
        said
    };
    assert!(refused(|c| c.access.policy = AccessPolicy::Open).unwrap().contains("enforced"));
    assert!(refused(|_| ()).unwrap().contains("assumptions_accepted_by"));
    assert!(refused(|c| c.access.assumptions_accepted_by = "Dr Claire Martin".into()).unwrap().contains("assumptions_accepted_on"));
    let otherwise: [(Change, &str); 3] = [
        (|c| c.access.assumptions_accepted_by = " ".into(), "assumptions_accepted_by"),
        (|c| c.access.assumptions_accepted_on = "2099-01-01".into(), "does not lie ahead"),
        (|c| c.access.assumptions_accepted_versions = vec!["2025.1".into()], "assumptions_accepted_versions"),
    ];
    for (change, why) in otherwise {
        let dir = std::env::temp_dir().join(format!("passerelle-test-{}", uuid::Uuid::new_v4()));
        let mut config = Config::default();
        config.server.bind = "127.0.0.1:0".into();
        crate::support::production(&mut config);
        change(&mut config);
        assert!(passerelle::cli::start(&dir, config).err().unwrap().contains(why), "{why}");
        let _ = std::fs::remove_dir_all(dir);
    }
    assert!(refused(crate::support::production_but_its_anchor).unwrap().contains("audit.anchor must name a file outside the data folder"));
}

/// A PKCS#12 file becomes a chain and a key that a client can show; what is not a structure's is refused with the way out.
#[test]
fn an_identity_is_imported_from_a_pkcs12_file() {
    use std::process::Command;
    let server = TestServer::start(On::Sqlite);
    let dir = server.dir.join("import");
    std::fs::create_dir(&dir).unwrap();
    let pki = |name: &str| server.pki().join(name).display().to_string();
    let file = dir.join("cabinet.p12").display().to_string();
    let made = Command::new("openssl")
        .args(["pkcs12", "-export", "-in", &pki("client-cabinet.pem"), "-inkey", &pki("client-cabinet.key"), "-certfile", &pki("ca.pem"), "-passout", "pass:secret", "-out", &file])
        .output();
    if made.is_err() {
        println!("skipped: the openssl command, which makes the file, is not here");
        return;
    }
    std::fs::write(dir.join("password"), "secret\n").unwrap();
    let run = |more: &[&str]| {
        let out = dir.join("out").display().to_string();
        let all = [&["pki", "import", &file, "--out", &out], more].concat();
        let done = Command::new(env!("CARGO_BIN_EXE_passerelle")).args(all).output().unwrap();
        (done.status.success(), String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr))
    };
    let password = dir.join("password").display().to_string();
    let (done, said) = run(&[]);
    assert!(!done && said.contains("wrong password"), "{said}");
    let (done, said) = run(&["--password-file", &password, "--name", "client-imported"]);
    assert!(done && said.contains("1759999991"), "{said}");
    let mode = std::fs::metadata(dir.join("out/client-imported.key")).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    std::fs::copy(server.pki().join("ca.pem"), dir.join("out/ca.pem")).unwrap();
    let mut client = passerelle::cli::Target::new(&dir.join("out"), "client-imported", server.port).unwrap().connect().unwrap();
    assert_eq!(client.call("GET", "/health", &[], b"").unwrap().status, 200);
    let (done, said) = run(&["--password-file", &password, "--name", "client-imported"]);
    assert!(!done && said.contains("there already"), "{said}");
}

/// The fetcher brings lists into the folder that the server watches, whole or not at all.
#[test]
fn revocation_lists_are_fetched_into_the_watched_folder() {
    use std::io::{Read, Write};
    let server = TestServer::start(On::Sqlite);
    let pem = std::fs::read_to_string(server.pki().join("crl.pem")).unwrap();
    let first = |pem: &str| pem.split_inclusive("-----END X509 CRL-----").next().unwrap().to_owned();
    let offered = std::sync::Arc::new(std::sync::Mutex::new(first(&pem)));
    let shown = std::sync::Arc::clone(&offered);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = std::thread::spawn(move || {
        for _ in 0..6 {
            let (mut stream, _) = listener.accept().unwrap();
            let list = shown.lock().unwrap().clone();
            let mut asked = [0; 1024];
            let read = stream.read(&mut asked).unwrap();
            let (status, body) = match String::from_utf8_lossy(&asked[..read]).split(' ').nth(1) {
                Some("/good.crl") => ("200 OK", list.as_str()),
                Some("/none.crl") => ("404 Not Found", ""),
                _ => ("200 OK", "<html>"),
            };
            stream.write_all(format!("HTTP/1.0 {status}\r\nContent-Type: x\r\n\r\n{body}").as_bytes()).unwrap();
        }
    });
    let folder = server.dir.join("lists");
    std::fs::create_dir(&folder).unwrap();
    let run = |paths: &[&str]| {
        let urls: Vec<String> = paths.iter().map(|p| format!("\"http://127.0.0.1:{port}/{p}\"")).collect();
        let config = server.dir.join("fetch.toml");
        std::fs::write(&config, format!("[tls]\ncrl = \"{}\"\ncrl_urls = [{}]\n", folder.display(), urls.join(","))).unwrap();
        let done = std::process::Command::new(env!("CARGO_BIN_EXE_passerelle"))
            .args(["revocation", "fetch", "--once", "--data", &server.dir.display().to_string(), "--config", &config.display().to_string()])
            .output()
            .unwrap();
        (done.status.success(), String::from_utf8_lossy(&done.stderr).into_owned())
    };
    assert!(run(&["good.crl"]).0);
    let (done, said) = run(&["none.crl", "page.crl"]);
    assert!(!done && said.contains("404") && said.contains("no revocation list"), "{said}");
    passerelle::tls::renew_crl(&server.pki()).unwrap();
    let offer = |list: String| *offered.lock().unwrap() = list;
    offer(first(&std::fs::read_to_string(server.pki().join("crl.pem")).unwrap()));
    assert!(run(&["good.crl"]).0, "a newer list takes the place of the one before");
    let there = std::fs::read(folder.join("127_0_0_1_good_crl.crl")).unwrap();
    let stranger = TestServer::start(On::Sqlite);
    let forged = first(&std::fs::read_to_string(stranger.pki().join("crl.pem")).unwrap());
    for (list, reason) in [(forged, "no known authority signed it"), (first(&pem), "its number is below")] {
        offer(list);
        let (done, said) = run(&["good.crl"]);
        assert!(!done && said.contains(reason), "{said}");
        assert_eq!(std::fs::read(folder.join("127_0_0_1_good_crl.crl")).unwrap(), there, "the good list stays");
    }
    serving.join().unwrap();
    let names: Vec<String> = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(names, ["127_0_0_1_good_crl.crl"]);
}

/// A responder of the development PKI's second authority: the openssl command answers from an index; what is asked comes by HTTP.
fn respond(server: &TestServer, listener: std::net::TcpListener) {
    let pki = server.pki();
    let authorities = openssl::x509::X509::stack_from_pem(&std::fs::read(pki.join("ca.pem")).unwrap()).unwrap();
    std::fs::write(pki.join("middle.pem"), authorities[1].to_pem().unwrap()).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let (mut bytes, mut part) = (Vec::new(), [0; 4096]);
            let question = loop {
                let read = stream.read(&mut part).unwrap();
                bytes.extend(&part[..read]);
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let length = text.split_once("Content-Length: ").and_then(|(_, rest)| rest.split("\r\n").next()?.parse::<usize>().ok());
                let start = bytes.windows(4).position(|w| w == b"\r\n\r\n").map(|at| at + 4);
                if let Some(question) = length.zip(start).and_then(|(n, at)| bytes.get(at..at + n)) {
                    break question.to_vec();
                }
            };
            std::fs::write(pki.join("q.der"), question).unwrap();
            let out = std::process::Command::new("openssl")
                .current_dir(&pki)
                .args(["ocsp", "-index", "index.txt", "-CA", "middle.pem", "-rsigner", "middle.pem", "-rkey", "ca-intermediate.key"])
                .args(["-reqin", "q.der", "-respout", "a.der", "-ndays", "1"])
                .output()
                .unwrap();
            assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
            let answer = std::fs::read(pki.join("a.der")).unwrap();
            stream.write_all(&[format!("HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n", answer.len()).as_bytes(), &answer].concat()).unwrap();
        }
    });
}

/// What the responder knows: one client good, the other as said.
fn index(server: &TestServer, second: &str) {
    let serial = |name: &str| {
        let leaf = openssl::x509::X509::from_pem(&std::fs::read(server.pki().join(format!("{name}.pem"))).unwrap()).unwrap();
        leaf.serial_number().to_bn().unwrap().to_hex_str().unwrap().to_string()
    };
    let line = |state: &str, name: &str| format!("{state}\t{}\tunknown\t/CN={name}\n", serial(name));
    let text = line("V\t391231235959Z\t", "client-cabinet") + &line(second, "client-laboratoire");
    std::fs::write(server.pki().join("index.txt"), text).unwrap();
}

#[test]
fn an_ocsp_answer_revokes_on_new_and_on_open_connections() {
    if std::process::Command::new("openssl").arg("version").output().is_err() {
        println!("left out: the openssl command, which plays the responder, is not installed");
        return;
    }
    let folder = std::env::temp_dir().join(format!("passerelle-ocsp-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir(&folder).unwrap();
    let server = TestServer::with(On::Sqlite, |c| c.tls.ocsp = folder.display().to_string());
    let (mut good, mut open) = (server.cabinet(), server.client("client-laboratoire"));
    for session in [&mut good, &mut open] {
        assert_eq!(session.call("GET", "/health", &[], b"").status, 200);
    }
    let until = |what: &mut dyn FnMut() -> bool| {
        (0..60).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(250));
            what()
        })
    };
    let count = |end: &str| std::fs::read_dir(&folder).unwrap().flatten().filter(|e| e.path().extension().is_some_and(|x| x == end)).count();
    assert!(until(&mut || count("cer") == 2), "both certificates are noted");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let config = server.dir.join("fetch.toml");
    std::fs::write(&config, format!("[tls]\nocsp = \"{}\"\nocsp_url = \"http://{}/\"\n", folder.display(), listener.local_addr().unwrap())).unwrap();
    respond(&server, listener);
    let fetch = |second: &str| {
        index(&server, second);
        let fetched = std::process::Command::new(env!("CARGO_BIN_EXE_passerelle"))
            .args(["revocation", "fetch", "--once", "--data", &server.dir.display().to_string(), "--config", &config.display().to_string()])
            .output()
            .unwrap();
        assert!(fetched.status.success(), "{}", String::from_utf8_lossy(&fetched.stderr));
    };
    fetch("R\t391231235959Z\t260101000000Z");
    assert_eq!(count("ocsp"), 2);
    assert!(until(&mut || open.call("GET", "/health", &[], b"").status == 401), "an open connection is refused");
    let again = passerelle::cli::Target::new(&server.pki(), "client-laboratoire", server.port).unwrap();
    assert!(again.connect().and_then(|mut c| c.call("GET", "/health", &[], b"")).is_err());
    assert_eq!(good.call("GET", "/health", &[], b"").status, 200);
    // An answer that cannot be read clears nobody; a good one does.
    for file in std::fs::read_dir(&folder).unwrap().flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|x| x == "ocsp")) {
        std::fs::write(file.with_extension("new"), b"nothing").unwrap();
        std::fs::rename(file.with_extension("new"), &file).unwrap();
    }
    let mut answered = || again.connect().and_then(|mut c| c.call("GET", "/health", &[], b"")).is_ok_and(|a| a.status == 200);
    std::thread::sleep(std::time::Duration::from_secs(6));
    assert!(!answered());
    fetch("V\t391231235959Z\t");
    assert!(until(&mut answered));
    std::fs::remove_dir_all(&folder).unwrap();
}

/// A table of the operator's says what a code of a vendor means; a wrong one stops the start and says where.
#[test]
fn mapping_tables_are_added_from_a_folder_and_a_wrong_one_stops_the_start() {
    let folder = std::env::temp_dir().join(format!("passerelle-maps-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir(&folder).unwrap();
    let coverage = || {
        let sample = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance-tests/corpus/01-synthese-medicale.xml");
        let run = std::process::Command::new(env!("CARGO_BIN_EXE_passerelle")).args(["cda", "coverage", "--maps"]).arg(&folder).arg(sample).output().unwrap();
        (run.status.success(), String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr))
    };
    let row = "[[row]]\nfrom = \"text\"\nto = \"note[]\"\nas = \"note\"\nspec = \"essai\"\n";
    std::fs::write(folder.join("condition.toml"), row).unwrap();
    let (done, said) = coverage();
    assert!(done && !said.contains("condition.toml: text → note[]"), "its row was used: {said}");
    std::fs::write(folder.join("condition.toml"), row.replace("\"note\"", "\"magie\"")).unwrap();
    let (done, said) = coverage();
    assert!(!done && said.contains("condition.toml, line 1: as = \"magie\" is no transform"), "{said}");
    let started = std::process::Command::new(env!("CARGO_BIN_EXE_passerelle"))
        .args(["serve", "--bind", "127.0.0.1:0", "--data"])
        .arg(folder.join("data"))
        .env("PASSERELLE__DOCUMENTS__CDA_MAPS", &folder)
        .output()
        .unwrap();
    assert!(!started.status.success() && String::from_utf8_lossy(&started.stderr).contains("condition.toml, line 1"));
    std::fs::remove_dir_all(&folder).unwrap();
}

//! The shared certificate and token vectors, each through a real TLS connection on a running server. Their day is long chosen, so the
//! server process is given that day by libfaketime, when it is installed; without it, or without the vectors, the test says so.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use openssl::pkey::PKey;
use openssl::ssl::{SslConnector, SslMethod, SslStream, SslVerifyMode, SslVersion};
use openssl::x509::X509;
use serde_json::Value;

const VECTORS: &str = "../shared/corpus/security";
/// The day of both sets.
const DAY: &str = "@2026-11-01 00:00:00";
/// Its file holds a full subject, which is rightly accepted.
const DEFECTIVE: &str = "dn-empty-subject";
/// A person's certificate is good, and no caller of this API unless configured.
const PERSON: &str = "ok-person-title";

/// The vectors and the library that chooses the day.
fn tools() -> Option<(Value, Value, PathBuf)> {
    let beside = |file: &str| Some(Path::new(env!("CARGO_MANIFEST_DIR")).join(VECTORS).join(file)).filter(|p| p.exists());
    let library = std::fs::read_dir("/usr/lib").ok()?.flatten().map(|e| e.path().join("faketime/libfaketimeMT.so.1")).find(|p| p.exists());
    let (Some(certificates), Some(tokens), Some(library)) = (beside("mtls-vectors/mtls-vectors.json.gz"), beside("token-vectors/token-vectors.json"), library) else {
        println!("left out: no vectors beside the checkout, or libfaketime is not installed");
        return None;
    };
    let unpacked = Command::new("gzip").arg("-dc").arg(certificates).output().unwrap();
    Some((serde_json::from_slice(&unpacked.stdout).unwrap(), serde_json::from_slice(&std::fs::read(tokens).unwrap()).unwrap(), library))
}

fn joined(case: &Value, key: &str) -> String {
    case[key].as_array().unwrap().iter().map(|p| p.as_str().unwrap()).collect()
}

/// `passerelle serve` on the day of the vectors, trusting what a vector says.
struct Running {
    child: Child,
    dir: PathBuf,
    /// None when the server refused to start.
    port: Option<u16>,
}

impl Running {
    fn start(library: &Path, case: &Value, more: &[(&str, &str)]) -> Self {
        let dir = std::env::temp_dir().join(format!("passerelle-vector-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join("ca.pem"), joined(case, "roots") + &joined(case, "chain")).unwrap();
        std::fs::write(dir.join("crl.pem"), joined(case, "crls")).unwrap();
        let file = |name: &str| dir.join(name).display().to_string();
        let that_day = |arguments: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_passerelle"));
            command.args(arguments).envs([("TZ", "UTC"), ("FAKETIME", DAY), ("FAKETIME_DONT_FAKE_MONOTONIC", "1"), ("DONT_FAKE_MONOTONIC", "1")]);
            command.env("LD_PRELOAD", library);
            command
        };
        assert!(that_day(&["pki", "--out", &file("own")]).output().unwrap().status.success());
        let mut child = that_day(&["serve", "--data", &file("data"), "--bind", "127.0.0.1:0"])
            .env("PASSERELLE__TLS__CERTIFICATE", file("own/server.pem"))
            .env("PASSERELLE__TLS__KEY", file("own/server.key"))
            .env("PASSERELLE__TLS__CA", file("ca.pem"))
            .env("PASSERELLE__TLS__CRL", file("crl.pem"))
            .envs(more.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, dir, port: line.trim().rsplit(':').next().and_then(|p| p.parse().ok()) }
    }

    /// A connection of the vector's client; the server is not judged here, so its certificate is not verified.
    fn connect(&self, case: &Value, version: SslVersion) -> Option<SslStream<TcpStream>> {
        let mut connector = SslConnector::builder(SslMethod::tls_client()).unwrap();
        connector.set_verify(SslVerifyMode::NONE);
        connector.set_cipher_list("DEFAULT:@SECLEVEL=0").unwrap();
        connector.set_min_proto_version(Some(version)).unwrap();
        connector.set_max_proto_version(Some(version)).unwrap();
        connector.set_certificate(&X509::from_pem(case["leaf"].as_str().unwrap().as_bytes()).unwrap()).unwrap();
        for link in X509::stack_from_pem(joined(case, "chain").as_bytes()).unwrap_or_default() {
            connector.add_extra_chain_cert(link).unwrap();
        }
        connector.set_private_key(&PKey::private_key_from_pem(case["key"].as_str().unwrap().as_bytes()).unwrap()).unwrap();
        let socket = TcpStream::connect(("127.0.0.1", self.port?)).unwrap();
        connector.build().connect("localhost", socket).ok()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// The status of a GET and its head; none when no byte of HTTP came.
fn get(stream: &mut SslStream<TcpStream>, path: &str, header: &str) -> Option<(u16, String)> {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n{header}Connection: close\r\n\r\n").ok()?;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let text = String::from_utf8_lossy(&answer).into_owned();
    Some((text.strip_prefix("HTTP/1.1 ")?.split(' ').next()?.parse().ok()?, text.split("\r\n\r\n").next()?.to_lowercase()))
}

#[test]
fn every_certificate_vector_is_judged_on_the_wire() {
    let Some((vectors, _, library)) = tools() else { return };
    let cases = vectors["cases"].as_array().unwrap();
    let judge = |case: &Value| {
        let id = case["id"].as_str().unwrap();
        let server = Running::start(&library, case, &[]);
        let versions = [SslVersion::TLS1_3, SslVersion::TLS1_2];
        let seen: Vec<Option<u16>> = versions.iter().map(|v| get(&mut server.connect(case, *v)?, "/health", "").map(|a| a.0)).collect();
        let expected = match case["expect"].as_str() {
            _ if id == PERSON => Some(401),
            _ if id == DEFECTIVE => Some(200),
            Some("accept") => Some(200),
            _ => None,
        };
        (seen != [expected; 2]).then(|| format!("{id}: {seen:?} where {expected:?} was expected"))
    };
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let parts: Vec<_> = cases.chunks(cases.len().div_ceil(4)).map(|part| scope.spawn(move || part.iter().filter_map(judge).collect::<Vec<_>>())).collect();
        parts.into_iter().flat_map(|p| p.join().unwrap()).collect()
    });
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(cases.len(), 60);
}

#[test]
fn every_token_vector_is_judged_on_the_wire() {
    let Some((certificates, vectors, library)) = tools() else { return };
    let case = certificates["cases"].as_array().unwrap().iter().find(|c| c["id"] == "ok-ec256").unwrap();
    let text = |name: &str| vectors[name].as_str().unwrap();
    let jwks = std::env::temp_dir().join(format!("passerelle-jwks-{}", uuid::Uuid::new_v4()));
    std::fs::write(&jwks, vectors["jwks"].to_string()).unwrap();
    // Vectors point to this port: nobody may ever call.
    let silent = TcpListener::bind("127.0.0.1:9").ok();
    let mut wrong = Vec::new();
    for hex_too in [false, true] {
        let switch = hex_too.to_string();
        let more = [
            ("PASSERELLE__TOKENS__ISSUER", text("issuer")),
            ("PASSERELLE__TOKENS__AUDIENCE", text("audience")),
            ("PASSERELLE__TOKENS__JWKS", jwks.to_str().unwrap()),
            ("PASSERELLE__TOKENS__CNF_HEX", &switch),
        ];
        let server = Running::start(&library, case, &more);
        for vector in vectors["cases"].as_array().unwrap() {
            let header = format!("Authorization: Bearer {}\r\n", vector["token"].as_str().unwrap());
            let (status, head) = get(&mut server.connect(case, SslVersion::TLS1_3).unwrap(), "/fhir/metadata", &header).unwrap_or_default();
            let accepted = vector["expect"] == "accept" || vector["expect"] == "policy" && hex_too;
            let fits = if accepted { status == 200 } else { status == 401 && head.contains("\r\nwww-authenticate: bearer") };
            if !fits {
                wrong.push(format!("{} (hexadecimal form {hex_too}): {status}", vector["id"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(vectors["cases"].as_array().unwrap().len(), 76);
    if let Some(silent) = silent {
        silent.set_nonblocking(true).unwrap();
        assert!(silent.accept().is_err(), "a header of a token made the server call");
    }
    std::fs::remove_file(jwks).unwrap();
}

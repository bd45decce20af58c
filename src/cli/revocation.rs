//! `passerelle revocation fetch`: the optional process that brings revocation lists and OCSP answers into the folders a server watches.
//! Never in the way of a request: the server reads the folders and verifies what lies there.
//! Spec: RFC 5280 §4.2.1.13 (lists travel over plain HTTP, their signature protects them); RFC 6960 appendix A.1.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Subcommand;

use crate::config::{Config, Tls};
use crate::identity::{CertificateFacts, RevocationFacts};
use crate::tls::{ListCheck, Responders, noted};

/// Time of connecting, and of each read and write.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of a list.
const MAX_BYTES: u64 = 16 << 20;

#[derive(Debug, Subcommand)]
pub(super) enum RevocationCommand {
    /// Fetch the lists of tls.crl_urls into the folder tls.crl, and the answers of tls.ocsp_url into the folder tls.ocsp, now and every
    /// tls.fetch_seconds.
    Fetch {
        #[arg(long)]
        data: PathBuf,
        #[arg(long)]
        config: Option<PathBuf>,
        /// End after the first round; the exit status says whether everything came.
        #[arg(long)]
        once: bool,
    },
}

pub(super) fn run(command: &RevocationCommand) -> Result<(), String> {
    let RevocationCommand::Fetch { data, config, once } = command;
    let config = Config::load(config.as_deref(), std::env::vars())?.under(data);
    super::logs(&config.log.level, config.log.format == "json");
    let folder = PathBuf::from(&config.tls.crl);
    if config.tls.crl_urls.is_empty() && config.tls.ocsp_url.is_empty() {
        return Err("configuration: neither tls.crl_urls nor tls.ocsp_url names something to fetch".into());
    }
    if !config.tls.ocsp_url.is_empty() && !Path::new(&config.tls.ocsp).is_dir() {
        return Err(format!("tls.ocsp_url: tls.ocsp must be a folder, where the server notes certificates ({:?} is none)", config.tls.ocsp));
    }
    if !config.tls.crl_urls.is_empty() && !folder.is_dir() {
        return Err(format!("{}: tls.crl must be a folder, which the server watches", folder.display()));
    }
    loop {
        let mut failed = lists(&config.tls, &folder).unwrap_or_else(|e| vec![e]);
        if !config.tls.ocsp_url.is_empty() {
            failed.extend(ask(&config.tls).unwrap_or_else(|e| vec![e]));
        }
        for cause in &failed {
            tracing::error!(cause, "a revocation list or an OCSP answer could not be fetched; the one before stays");
        }
        if *once {
            return if failed.is_empty() { Ok(()) } else { Err(failed.join("\n")) };
        }
        std::thread::sleep(Duration::from_secs(config.tls.fetch_seconds));
    }
}

/// Brings every list; what went wrong. The authorities are read at each round: they may have changed.
fn lists(tls: &Tls, folder: &Path) -> Result<Vec<String>, String> {
    if tls.crl_urls.is_empty() {
        return Ok(Vec::new());
    }
    let persons = (!tls.ca_persons.is_empty()).then(|| Path::new(&tls.ca_persons));
    let check = ListCheck::new(Path::new(&tls.ca), persons).map_err(|e| e.to_string())?;
    Ok(tls.crl_urls.iter().filter_map(|url| fetch(url, folder, &check).err()).collect())
}

/// One list into its file, whole or not at all, and only one that a server would believe: whoever answers on this address in the
/// clear must not take away the list that is there.
fn fetch(url: &str, folder: &Path, check: &ListCheck) -> Result<(), String> {
    let wrong = |what: &str| format!("{url}: {what}");
    let (host, port, path) = address(url).ok_or_else(|| wrong("must be http://HOST[:PORT]/PATH"))?;
    let body = exchange(&host, port, &format!("GET {path}"), "Accept: application/pkix-crl", &[]).map_err(|e| wrong(&e))?;
    let der = der(&body).ok_or_else(|| wrong("what came is no revocation list"))?;
    let facts = RevocationFacts::read(&der).map_err(|_| wrong("what came is no revocation list"))?;
    let name: String = format!("{host}{path}").chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
    let file = folder.join(format!("{name}.crl"));
    check.check(&der, std::fs::read(&file).ok().as_deref()).map_err(|e| wrong(&format!("the list that came is refused: {e}")))?;
    place(&file, &der)?;
    tracing::info!(file = %file.display(), revoked = facts.revoked.len(), "a revocation list was fetched");
    Ok(())
}

/// Asks about every certificate that a server noted; what went wrong. A certificate that has expired is forgotten.
fn ask(tls: &Tls) -> Result<Vec<String>, String> {
    let (host, port, path) = address(&tls.ocsp_url).ok_or_else(|| format!("{}: must be http://HOST[:PORT]/PATH", tls.ocsp_url))?;
    let paths = [&tls.ca, &tls.ca_persons].into_iter().filter(|p| !p.is_empty()).map(Path::new);
    let responders = Responders::of(paths).map_err(|e| e.to_string())?;
    let now_s = chrono::Utc::now().timestamp();
    let mut failed = Vec::new();
    for (certificate, answer) in noted(Path::new(&tls.ocsp)).map_err(|e| e.to_string())? {
        let one = || -> Result<(), String> {
            let der = std::fs::read(&certificate).map_err(|e| e.to_string())?;
            if CertificateFacts::read(&der).map_err(|e| e.to_string())?.not_after <= now_s {
                let gone = [&answer, &certificate].into_iter().filter(|f| f.exists()).try_for_each(std::fs::remove_file);
                return gone.map_err(|e| e.to_string());
            }
            let question = responders.question(&der).map_err(|e| e.to_string())?;
            let headers = "Content-Type: application/ocsp-request\r\nAccept: application/ocsp-response";
            let body = exchange(&host, port, &format!("POST {path}"), headers, &question)?;
            let (revoked, _) = responders.revoked(&der, &body).map_err(|e| e.to_string())?;
            place(&answer, &body)?;
            tracing::info!(file = %answer.display(), revoked, "an OCSP answer was fetched");
            Ok(())
        };
        failed.extend(one().err().map(|e| format!("{}: {e}", certificate.display())));
    }
    Ok(failed)
}

/// A file, whole or not at all.
fn place(file: &Path, bytes: &[u8]) -> Result<(), String> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let beside = file.with_file_name(format!(".{name}.new"));
    let written = std::fs::write(&beside, bytes).and_then(|()| std::fs::File::open(&beside)?.sync_all()).and_then(|()| std::fs::rename(&beside, file));
    written.map_err(|e| format!("{}: {e}", file.display()))
}

/// Host, port and path of an address over plain HTTP.
fn address(url: &str) -> Option<(String, u16, String)> {
    let rest = url.strip_prefix("http://")?;
    let (authority, path) = rest.split_once('/').map_or((rest, String::from("/")), |(a, p)| (a, format!("/{p}")));
    let (host, port) = authority.split_once(':').map_or(Some((authority, 80)), |(h, p)| Some((h, p.parse().ok()?)))?;
    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_graphic());
    (!host.is_empty() && plain(host) && plain(&path)).then(|| (host.to_owned(), port, path))
}

/// The body of a 200; redirects are not followed: only configured hosts are asked.
fn exchange(host: &str, port: u16, line: &str, headers: &str, body: &[u8]) -> Result<Vec<u8>, String> {
    let told = |e: std::io::Error| e.to_string();
    let address = (host, port).to_socket_addrs().map_err(told)?.next().ok_or("the host has no address")?;
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).map_err(told)?;
    stream.set_read_timeout(Some(PATIENCE)).and_then(|()| stream.set_write_timeout(Some(PATIENCE))).map_err(told)?;
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let request = format!("{line} HTTP/1.0\r\nHost: {host}\r\n{headers}\r\n{length}Connection: close\r\n\r\n");
    stream.write_all(&[request.as_bytes(), body].concat()).map_err(told)?;
    let mut bytes = Vec::new();
    stream.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(told)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_BYTES {
        return Err("it is over 16 MiB".into());
    }
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").ok_or("the answer is not HTTP")?;
    let head = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned();
    match head.split(' ').nth(1) {
        Some("200") => Ok(bytes.split_off(end + 4)),
        Some(status) => Err(format!("the host answered {status}")),
        None => Err("the answer is not HTTP".into()),
    }
}

/// DER of a list in either form.
fn der(body: &[u8]) -> Option<Vec<u8>> {
    if body.first() == Some(&0x30) {
        return Some(body.to_vec());
    }
    let text = std::str::from_utf8(body).ok()?;
    let (_, rest) = text.split_once("-----BEGIN X509 CRL-----")?;
    let (inner, _) = rest.split_once("-----END X509 CRL-----")?;
    STANDARD.decode(inner.split_whitespace().collect::<String>()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_a_port_and_a_path() {
        assert_eq!(address("http://igc-sante.esante.gouv.fr/CRL/ACI-EL-ORG.crl"), Some(("igc-sante.esante.gouv.fr".into(), 80, "/CRL/ACI-EL-ORG.crl".into())));
        assert_eq!(address("http://localhost:8080"), Some(("localhost".into(), 8080, "/".into())));
        for wrong in ["https://h/x", "file:///etc/passwd", "http:///x", "http://h:99999/x", "http://h/a b", "http://h/x\r\nX: y"] {
            assert_eq!(address(wrong), None, "{wrong}");
        }
    }
}

//! The client of the one outgoing call there is: HTTPS to a configured host, authenticated by a configured CA, two seconds in all.
//! Spec: RFC 9112 §6, §7.1.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::error::{Result, TlsError};

/// Time from the connection's start to the last byte of the answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// Bytes of an answer.
const ANSWER_MAX_BYTES: usize = 256 << 10;

/// A host to ask.
pub struct Https {
    host: String,
    port: u16,
    config: Arc<ClientConfig>,
}

/// A configured address: `https://host[:port]/path`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub host: String,
    pub port: u16,
    pub path: String,
}

impl Address {
    /// Reads an address; none for what is not https, holds a user or a character that is none of an address.
    pub fn parse(url: &str) -> Option<Self> {
        let (authority, path) = url.strip_prefix("https://").map(|r| r.split_once('/').unwrap_or((r, "")))?;
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().ok()?),
            None => (authority, 443),
        };
        let plain = !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.') && path.bytes().all(|b| b.is_ascii_graphic());
        plain.then(|| Self { host: host.to_owned(), port, path: format!("/{path}") })
    }
}

impl Https {
    /// A client of a host whose certificate must lead to a self-signed certificate of `ca_pem`.
    ///
    /// # Errors
    /// PEM that cannot be read, or has no anchor in it.
    pub fn new(address: &Address, ca_pem: &[u8]) -> Result<Self> {
        let roots = super::client::roots(ca_pem)?;
        if roots.is_empty() {
            return Err(TlsError::new("CA file: no self-signed certificate in it"));
        }
        let mut config = ClientConfig::builder_with_provider(super::provider())
            .with_safe_default_protocol_versions()
            .map_err(TlsError::of("TLS versions"))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.resumption = rustls::client::Resumption::disabled();
        Ok(Self { host: address.host.clone(), port: address.port, config: Arc::new(config) })
    }

    /// Sends a request (`POST` with a form, `GET` without) and reads status and body. No redirect is followed.
    ///
    /// # Errors
    /// The socket's or the certificate's error, two seconds gone, an answer over 256 KiB or that is not HTTP.
    pub fn call(&self, path: &str, authorization: &str, form: Option<&str>) -> std::io::Result<(u16, Vec<u8>)> {
        let end = Instant::now() + PATIENCE;
        let address = (self.host.as_str(), self.port).to_socket_addrs()?.next().ok_or(std::io::ErrorKind::NotFound)?;
        let socket = TcpStream::connect_timeout(&address, PATIENCE)?;
        socket.set_nodelay(true)?;
        let name = rustls::pki_types::ServerName::try_from(self.host.clone()).map_err(std::io::Error::other)?;
        let connection = ClientConnection::new(Arc::clone(&self.config), name).map_err(std::io::Error::other)?;
        let mut stream = StreamOwned::new(connection, socket);
        wait_until(&stream, end)?;
        stream.write_all(self.request(path, authorization, form).as_bytes())?;
        stream.flush()?;
        let mut bytes = Vec::new();
        let mut chunk = [0_u8; 4096];
        loop {
            if let Some(answer) = whole(&bytes) {
                return Ok(answer);
            }
            wait_until(&stream, end)?;
            let read = stream.read(&mut chunk)?;
            if read == 0 || bytes.len() > ANSWER_MAX_BYTES {
                return Err(std::io::ErrorKind::InvalidData.into());
            }
            bytes.extend_from_slice(chunk.get(..read).unwrap_or_default());
        }
    }

    fn request(&self, path: &str, authorization: &str, form: Option<&str>) -> String {
        let head = format!("Host: {}:{}\r\nAuthorization: {authorization}\r\nAccept: application/json\r\nConnection: close\r\n", self.host, self.port);
        match form {
            Some(form) => format!("POST {path} HTTP/1.1\r\n{head}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}", form.len()),
            None => format!("GET {path} HTTP/1.1\r\n{head}\r\n"),
        }
    }
}

/// Each read may take what is left, so that a slow sender cannot stretch the whole.
fn wait_until(stream: &StreamOwned<ClientConnection, TcpStream>, end: Instant) -> std::io::Result<()> {
    let left = end.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(std::io::ErrorKind::TimedOut.into());
    }
    stream.sock.set_read_timeout(Some(left))?;
    stream.sock.set_write_timeout(Some(left))
}

/// Status and body, once all of it is there.
fn whole(bytes: &[u8]) -> Option<(u16, Vec<u8>)> {
    let split = bytes.windows(4).position(|w| w == b"\r\n\r\n")?;
    let head = std::str::from_utf8(bytes.get(..split)?).ok()?.to_ascii_lowercase();
    let body = bytes.get(split + 4..)?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let value = |name: &str| head.lines().skip(1).filter_map(|l| l.split_once(':')).find(|(n, _)| *n == name).map(|(_, v)| v.trim());
    if value("transfer-encoding") == Some("chunked") {
        return chunks(body).map(|b| (status, b));
    }
    let length: usize = value("content-length")?.parse().ok()?;
    body.get(..length).map(|b| (status, b.to_vec()))
}

fn chunks(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    loop {
        let line = rest.windows(2).position(|w| w == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(rest.get(..line)?).ok()?.split(';').next()?.trim(), 16).ok()?;
        let start = line + 2;
        let end = start.checked_add(size)?;
        out.extend_from_slice(rest.get(start..end)?);
        rest = rest.get(end.checked_add(2)?..)?;
        if size == 0 {
            return Some(out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_when_its_length_or_last_chunk_is_there() {
        assert_eq!(whole(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{"), None);
        assert_eq!(whole(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"), Some((200, b"{}".to_vec())));
        assert_eq!(whole(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"), Some((200, b"{}".to_vec())));
        assert_eq!(whole(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{"), None);
    }

    #[test]
    fn only_a_plain_https_address_is_configured() {
        assert_eq!(Address::parse("https://psc.example:8443/a/b"), Some(Address { host: "psc.example".into(), port: 8443, path: "/a/b".into() }));
        for url in ["http://psc.example/a", "https://", "https://user@psc.example/", "https://psc.example/a b", "https://psc.example:x/"] {
            assert_eq!(Address::parse(url), None, "{url}");
        }
    }
}

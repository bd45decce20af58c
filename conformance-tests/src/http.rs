//! A small HTTP/1.1 client over TLS: one request per connection, bounded answers.
//!
//! Spec: RFC 9112.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

/// Bytes of an answer.
const MOST_BYTES: u64 = 64 << 20;
/// How long the server may stay silent.
const PATIENCE: Duration = Duration::from_secs(60);

/// The base URL of the server under test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    host: String,
    port: u16,
    /// Path of the base, without a slash at its end.
    root: String,
}

impl Base {
    /// Reads `https://HOST[:PORT][/PATH]`.
    ///
    /// # Errors
    /// It is not such a URL.
    pub fn parse(url: &str) -> Result<Self, String> {
        let rest = url.strip_prefix("https://").ok_or_else(|| format!("`{url}` does not begin with https://"))?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && !port.ends_with(']') => (host, port.parse().map_err(|_| format!("`{port}` is not a port"))?),
            _ => (authority, 443),
        };
        let path = path.trim_end_matches('/');
        Ok(Self { host: host.trim_matches(['[', ']']).to_owned(), port, root: if path.is_empty() { String::new() } else { format!("/{path}") } })
    }

    /// The request target of a path: below the base, from the root (`/…`), or a URL of this server. What a URL may not hold is escaped.
    ///
    /// # Errors
    /// The URL is of another server.
    pub fn target(&self, path: &str) -> Result<String, String> {
        let target = if path.starts_with("https://") || path.starts_with("http://") {
            let below = path.strip_prefix(&self.origin()).filter(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
            below.ok_or_else(|| format!("the server gave the URL `{path}`, which is not below {} (use the base URL the server names itself by)", self.origin()))?.to_owned()
        } else if path.starts_with('/') {
            path.to_owned()
        } else if path.is_empty() || path.starts_with('?') {
            format!("{}{path}", self.root)
        } else {
            format!("{}/{path}", self.root)
        };
        let kept = |b: &u8| b.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(b);
        let escaped: String = target.bytes().map(|b| if kept(&b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect();
        Ok(if escaped.is_empty() { "/".to_owned() } else { escaped })
    }

    /// The base as text.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}{}", self.origin(), self.root)
    }

    fn origin(&self) -> String {
        format!("https://{}", self.authority())
    }

    fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == 443 { host } else { format!("{host}:{}", self.port) }
    }
}

/// A request, ready to go.
#[derive(Debug)]
pub struct Request {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Option<Vec<u8>>,
}

/// An answer; header names are in lower case.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    /// All values of a header, joined by a comma.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        let values: Vec<&str> = self.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str()).collect();
        if values.is_empty() { None } else { Some(values.join(", ")) }
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Failure {
    /// The server refused the TLS handshake, or broke off before any byte of an answer.
    Refused(String),
    /// There is no server, or its answer is not HTTP.
    Broken(String),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(why) => write!(f, "the connection was refused: {why}"),
            Self::Broken(why) => f.write_str(why),
        }
    }
}

/// Sends a request and reads the whole answer.
///
/// # Errors
/// [`Failure`].
pub fn call(base: &Base, config: &Arc<ClientConfig>, request: &Request) -> Result<Response, Failure> {
    let mut stream = connect(base, config)?;
    // A server may answer before it has read everything (413); what it said is then still to be read.
    let sent = send(&mut stream, base, request);
    let mut bytes = Vec::new();
    let read = stream.take(MOST_BYTES).read_to_end(&mut bytes);
    if bytes.is_empty() {
        let why = sent.err().or(read.err()).map_or_else(|| "closed without an answer".to_owned(), |e| e.to_string());
        return Err(Failure::Refused(why));
    }
    let broke = read.err().filter(|e| e.kind() != ErrorKind::UnexpectedEof && e.kind() != ErrorKind::ConnectionReset);
    match (parse(&bytes, request.method == "HEAD"), broke) {
        (Some(response), _) => Ok(response),
        (None, Some(error)) => Err(Failure::Broken(format!("reading the answer failed: {error}"))),
        (None, None) => Err(Failure::Broken("the answer is not complete HTTP".to_owned())),
    }
}

fn connect(base: &Base, config: &Arc<ClientConfig>) -> Result<StreamOwned<ClientConnection, TcpStream>, Failure> {
    let broken = |e: std::io::Error| Failure::Broken(format!("{}: {e}", base.authority()));
    let addresses: Vec<_> = (base.host.as_str(), base.port).to_socket_addrs().map_err(broken)?.collect();
    let socket = TcpStream::connect(addresses.as_slice()).map_err(broken)?;
    socket.set_read_timeout(Some(PATIENCE)).and_then(|()| socket.set_write_timeout(Some(PATIENCE))).map_err(broken)?;
    let name = ServerName::try_from(base.host.clone()).map_err(|e| Failure::Broken(format!("{}: {e}", base.host)))?;
    let tls = ClientConnection::new(Arc::clone(config), name).map_err(|e| Failure::Broken(e.to_string()))?;
    let mut stream = StreamOwned::new(tls, socket);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock).map_err(|e| Failure::Refused(e.to_string()))?;
    }
    Ok(stream)
}

fn send(stream: &mut impl Write, base: &Base, request: &Request) -> std::io::Result<()> {
    let mut head = format!("{} {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", request.method, request.target, base.authority());
    for (name, value) in &request.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let told = request.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case("content-length"));
    if let Some(body) = request.body.as_ref().filter(|_| !told) {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes())?;
    stream.write_all(request.body.as_deref().unwrap_or_default())?;
    stream.flush()
}

/// An answer from all its bytes; nothing where they are not a whole HTTP answer. Interim answers (1xx) are passed over.
fn parse(bytes: &[u8], headless: bool) -> Option<Response> {
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(bytes.get(..end)?).into_owned();
    let rest = bytes.get(end + 4..)?;
    let mut lines = head.split("\r\n");
    let status: u16 = lines.next().filter(|l| l.starts_with("HTTP/1."))?.split(' ').nth(1)?.parse().ok()?;
    if (100..200).contains(&status) {
        return parse(rest, headless);
    }
    let headers: Vec<(String, String)> = lines.map(|l| l.split_once(':').map(|(n, v)| (n.to_lowercase(), v.trim().to_owned()))).collect::<Option<_>>()?;
    let value = |name: &str| headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
    let body = if headless || status == 204 || status == 304 {
        Vec::new()
    } else if value("transfer-encoding").is_some_and(|v| v.eq_ignore_ascii_case("chunked")) {
        chunks(rest)?
    } else if let Some(length) = value("content-length") {
        rest.get(..length.parse().ok()?)?.to_vec()
    } else {
        rest.to_vec()
    };
    Some(Response { status, headers, body })
}

fn chunks(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|w| w == b"\r\n")?;
        let line = std::str::from_utf8(rest.get(..end)?).ok()?;
        let size = usize::from_str_radix(line.split(';').next()?.trim(), 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        let start = end + 2;
        body.extend_from_slice(rest.get(start..start.checked_add(size)?)?);
        rest = rest.get(start + size + 2..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_has_a_port_and_a_path() {
        let base = Base::parse("https://localhost:8443/fhir/").unwrap();
        assert_eq!(base.url(), "https://localhost:8443/fhir");
        assert_eq!(base.target("Patient?identifier=a|b").unwrap(), "/fhir/Patient?identifier=a%7Cb");
        assert_eq!(base.target("").unwrap(), "/fhir");
        assert_eq!(base.target("/health").unwrap(), "/health");
        assert_eq!(base.target("https://localhost:8443/fhir/Binary/1").unwrap(), "/fhir/Binary/1");
        assert!(base.target("https://localhost:84430/fhir").is_err());
        assert!(base.target("https://elsewhere/fhir").is_err());
        assert_eq!(Base::parse("https://h").unwrap().url(), "https://h");
        assert_eq!(Base::parse("https://[::1]:1/x").unwrap().url(), "https://[::1]:1/x");
        assert!(Base::parse("http://h").is_err());
        assert!(Base::parse("https://h:x").is_err());
    }

    #[test]
    fn answers_are_read_with_length_chunks_or_to_their_end() {
        let body = |text: &str| parse(text.as_bytes(), false).map(|r| String::from_utf8(r.body).unwrap());
        assert_eq!(body("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc").as_deref(), Some("ab"));
        assert_eq!(body("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x\r\nc\r\n0\r\n\r\n").as_deref(), Some("abc"));
        assert_eq!(body("HTTP/1.1 200 OK\r\n\r\nabc").as_deref(), Some("abc"));
        assert_eq!(body("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n").as_deref(), Some(""));
        for short in ["HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nab", "hello", "HTTP/1.1 x\r\n\r\n"] {
            assert!(body(short).is_none(), "{short}");
        }
    }
}

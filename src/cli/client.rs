//! A small HTTP/1.1 client over mutual TLS, for the demo, the benchmark and the tests: keep-alive, one request at a time.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;

use crate::tls::{Stream, connect};

/// Who connects, and where to.
#[derive(Debug, Clone)]
pub struct Target {
    pub port: u16,
    pub ca: Vec<u8>,
    pub certificate: Vec<u8>,
    pub key: Vec<u8>,
    /// Access token sent with every call.
    pub token: Option<String>,
}

impl Target {
    /// The client `name` of a PKI folder, against localhost.
    ///
    /// # Errors
    /// The file that cannot be read.
    pub fn new(pki: &Path, name: &str, port: u16) -> Result<Self, String> {
        let file = |f: String| {
            let path = pki.join(f);
            std::fs::read(&path).map_err(|e| format!("{}: {e}; name the PKI folder of the server (DATA/pki)", path.display()))
        };
        Ok(Self { port, ca: file("ca.pem".into())?, certificate: file(format!("{name}.pem"))?, key: file(format!("{name}.key"))?, token: None })
    }

    /// A client without certificate, like a browser.
    ///
    /// # Errors
    /// The file that cannot be read.
    pub fn browser(pki: &Path, port: u16) -> Result<Self, String> {
        let path = pki.join("ca.pem");
        let ca = std::fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(Self { port, ca, certificate: Vec::new(), key: Vec::new(), token: None })
    }

    /// Opens a connection.
    ///
    /// # Errors
    /// The socket's or the certificate's error; a refused certificate may show at the first call only.
    pub fn connect(&self) -> Result<Client, String> {
        let stream = connect("localhost", self.port, &self.ca, &self.certificate, &self.key).map_err(|e| e.to_string())?;
        Ok(Client { stream: BufReader::with_capacity(64 << 10, stream), port: self.port, token: self.token.clone() })
    }
}

/// A connection.
pub struct Client {
    stream: BufReader<Stream>,
    port: u16,
    token: Option<String>,
}

/// An answer.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    /// The first header of a name, in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

impl Client {
    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// A connection that breaks off, an answer that is not HTTP.
    pub fn call(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Response, String> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: localhost:{}\r\n", self.port);
        if let Some(token) = &self.token {
            head.push_str(&format!("Authorization: Bearer {token}\r\n"));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() || method == "POST" {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        let mut request = head.into_bytes();
        request.extend_from_slice(body);
        let stream = self.stream.get_mut();
        stream.write_all(&request).and_then(|()| stream.flush()).map_err(|e| format!("sending failed: {e}"))?;
        self.answer()
    }

    fn line(&mut self) -> Result<String, String> {
        let mut line = String::new();
        let read = self.stream.read_line(&mut line).map_err(|e| format!("reading failed: {e}"))?;
        if read == 0 {
            return Err("the server closed the connection".to_owned());
        }
        Ok(line.trim_end().to_owned())
    }

    fn answer(&mut self) -> Result<Response, String> {
        let first = self.line()?;
        let status = first.split(' ').nth(1).and_then(|s| s.parse().ok()).ok_or("the answer is not HTTP")?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            match line.split_once(':') {
                _ if line.is_empty() => break,
                Some((name, value)) => headers.push((name.to_lowercase(), value.trim().to_owned())),
                None => return Err("the answer is not HTTP".to_owned()),
            }
        }
        let value = |name: &str| headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
        let mut body = Vec::new();
        if let Some(length) = value("content-length").and_then(|v| v.parse::<usize>().ok()) {
            body.resize(length, 0);
            self.stream.read_exact(&mut body).map_err(|e| format!("reading failed: {e}"))?;
        } else if value("transfer-encoding").is_some_and(|v| v == "chunked") {
            self.chunks(&mut body)?;
        }
        Ok(Response { status, headers, body })
    }

    fn chunks(&mut self, body: &mut Vec<u8>) -> Result<(), String> {
        loop {
            let size = usize::from_str_radix(&self.line()?, 16).map_err(|_| "a chunk has no size")?;
            let start = body.len();
            body.resize(start + size, 0);
            if let Some(slot) = body.get_mut(start..) {
                self.stream.read_exact(slot).map_err(|e| format!("reading failed: {e}"))?;
            }
            self.line()?;
            if size == 0 {
                return Ok(());
            }
        }
    }
}

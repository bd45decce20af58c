//! Addresses of the page: always its own base path, a word of ours, and parameters in percent encoding, so that no text of the view
//! becomes a scheme, a host or a path.
//! Spec: RFC 3986 §2.1.

/// The base path of the page's links.
#[derive(Debug, Clone, Copy)]
pub(super) struct Links<'a>(&'a str);

impl<'a> Links<'a> {
    /// A base that is not an absolute path is dropped: links are then relative to the page.
    pub(super) fn new(home: &'a str) -> Self {
        let path = home.starts_with('/') && !home.starts_with("//") && !home.contains('\\');
        Self(if path { home } else { "" })
    }

    /// A word of ours without parameters: `notice`, `print`.
    pub(super) fn plain(self, word: &'static str) -> String {
        format!("{}{word}", self.0)
    }

    /// `file?id=…`.
    pub(super) fn of(self, word: &'static str, id: &str) -> String {
        format!("{}{word}?id={}", self.0, encoded(id))
    }

    /// A document at the words that were cited.
    pub(super) fn document(self, id: &str, anchor: &str) -> String {
        let mut out = self.of("document", id);
        if !anchor.is_empty() {
            out.push('#');
            out.push_str(&encoded(anchor));
        }
        out
    }

    /// The lines of a section from one on.
    pub(super) fn rest(self, section: &str, offset: u64) -> String {
        format!("{}key-info?section={}&offset={offset}", self.0, encoded(section))
    }
}

fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_leaves_its_parameter() {
        let links = Links::new("/consult/");
        assert_eq!(links.document("DocumentReference/a&b=c", "n-é#1"), "/consult/document?id=DocumentReference/a%26b%3Dc#n-%C3%A9%231");
        assert_eq!(links.of("file", "javascript:alert(1)"), "/consult/file?id=javascript%3Aalert%281%29");
    }

    #[test]
    fn a_base_is_a_path_or_nothing() {
        assert_eq!([Links::new("javascript:"), Links::new("//x/"), Links::new("/\\x/")].map(|l| l.plain("print")), ["print"; 3]);
    }
}

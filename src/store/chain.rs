//! The chain of a trail: every line begins with the hash of the line before and its own number. One walk for the check at start and
//! for the verifier.
//!
//! What is written together ends with a line that is sealed: its last member signs the line, hence everything before it, with a key
//! that only the running server holds. Who comes after it can neither change such a line nor add one.

use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};

/// SHA-256 of a line, lower-case hex: what the next line carries as `prev`.
pub fn chained(line: &str) -> String {
    let digest = Sha256::digest(line.as_bytes());
    digest.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| char::from(if digit < 10 { b'0' + digit } else { b'a' + digit - 10 })).collect()
}

/// Signs a text; base64url, or none when that cannot be done now.
pub type Sealer = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// The two trails, as seals and messages name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trail {
    Writes,
    Reads,
}

impl fmt::Display for Trail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Writes => "writes",
            Self::Reads => "reads",
        })
    }
}

/// What is signed for a line: its trail and its hash, which is over its number and the hash of all before it.
fn seal_text(trail: Trail, line: &str) -> String {
    format!("passerelle trail of {trail} {}", chained(line))
}

/// The line with its seal as last member; none when it cannot be signed.
pub(super) fn sealed(trail: Trail, line: &str, sealer: &Sealer) -> Option<String> {
    let seal = sealer(&seal_text(trail, line))?;
    Some(format!("{},\"seal\":\"{seal}\"}}", line.strip_suffix('}')?))
}

/// What was signed for a line and its seal; none for a line without.
pub fn seal_of(trail: Trail, line: &str) -> Option<(String, &str)> {
    let (rest, seal) = line.strip_suffix("\"}")?.rsplit_once(",\"seal\":\"")?;
    Some((seal_text(trail, &format!("{rest}}}")), seal))
}

/// The first event of a chain that is not what was written, or not where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Break {
    pub number: i64,
    /// What is wrong with it, after `event N`.
    pub what: String,
}

impl Break {
    pub(super) fn at(number: i64, what: impl Into<String>) -> Self {
        Self { number: number.max(1), what: what.into() }
    }
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event {} {}", self.number, self.what)
    }
}

/// A walk along a chain, from its first line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chain {
    number: i64,
    hash: String,
    /// The last line does not carry the hash of the line before it; which of the two was changed shows in the next link.
    doubted: bool,
}

impl Chain {
    /// A walk that goes on behind a line.
    pub const fn after(number: i64, hash: String) -> Self {
        Self { number, hash, doubted: false }
    }

    /// Number of the last line, 0 at the beginning.
    pub const fn number(&self) -> i64 {
        self.number
    }

    /// Hash of the last line, empty at the beginning.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Takes one line.
    ///
    /// # Errors
    /// The first event that is not what was written. A changed one shows at the second line behind it, or in [`Chain::end`].
    pub fn follow(&mut self, line: &str) -> Result<(), Break> {
        let expected = self.number + 1;
        let read = head(line);
        if self.doubted {
            let linked = read.is_some_and(|(previous, _)| previous == self.hash);
            return Err(Break::at(if linked { self.number - 1 } else { self.number }, "was changed"));
        }
        match read {
            None => return Err(Break::at(expected, "cannot be read")),
            Some((_, found)) if found > expected => return Err(Break::at(expected, format!("is missing: event {found} stands in its place"))),
            Some((_, found)) if found < expected => return Err(Break::at(found, format!("stands a second time, behind event {}", self.number))),
            Some((previous, _)) => self.doubted = previous != self.hash,
        }
        self.number = expected;
        self.hash = chained(line);
        Ok(())
    }

    /// The end of the chain is reached.
    ///
    /// # Errors
    /// When the last line does not carry the hash of the line before it.
    pub fn end(&self) -> Result<(), Break> {
        if self.doubted { Err(Break::at(self.number - 1, format!("was changed, or what event {} says of it", self.number))) } else { Ok(()) }
    }
}

/// `prev` and `number`, which begin every line.
fn head(line: &str) -> Option<(&str, i64)> {
    let (previous, rest) = line.strip_prefix("{\"prev\":\"")?.split_once("\",\"number\":")?;
    Some((previous, rest.split_once(',')?.0.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(count: i64) -> Vec<String> {
        let mut previous = String::new();
        let line = |number: i64| {
            let line = format!("{{\"prev\":\"{previous}\",\"number\":{number},\"event\":{{\"n\":{number}}}}}");
            previous = chained(&line);
            line
        };
        (1..=count).map(line).collect()
    }

    fn walk(lines: &[String]) -> Result<i64, String> {
        let mut chain = Chain::default();
        let walked = lines.iter().try_for_each(|line| chain.follow(line)).and_then(|()| chain.end());
        walked.map(|()| chain.number()).map_err(|e| e.to_string())
    }

    fn changed(change: impl FnOnce(&mut Vec<String>)) -> String {
        let mut all = lines(6);
        change(&mut all);
        walk(&all).unwrap_err()
    }

    #[test]
    fn the_first_event_that_is_not_as_written_is_named() {
        assert_eq!(walk(&lines(6)), Ok(6));
        assert_eq!(walk(&lines(0)), Ok(0));
        for n in 1..=5usize {
            assert_eq!(changed(|l| l[n - 1] = l[n - 1].replace("\"n\":", "\"m\":")).split(" was").next().unwrap(), format!("event {n}"));
            assert_eq!(changed(|l| drop(l.remove(n - 1))), format!("event {n} is missing: event {} stands in its place", n + 1));
            assert_eq!(changed(|l| l.swap(n - 1, n)), format!("event {n} is missing: event {} stands in its place", n + 1));
            assert_eq!(changed(|l| l.insert(n, l[n - 1].clone())), format!("event {n} stands a second time, behind event {n}"));
            assert_eq!(changed(|l| l[n - 1] = "{}".into()), format!("event {n} cannot be read"));
        }
        for n in 2..=5usize {
            let broken = changed(|l| l[n - 1] = l[n - 1].replacen("{\"prev\":\"", "{\"prev\":\"0", 1));
            assert_eq!(broken, format!("event {n} was changed"), "what it says of the one before");
        }
    }

    #[test]
    fn every_letter_of_an_event_that_another_follows_is_guarded() {
        for n in 0..5 {
            for at in 0..lines(6)[n].len() {
                let said = changed(|l| {
                    let mut bytes = l[n].clone().into_bytes();
                    bytes[at] ^= 1;
                    l[n] = String::from_utf8(bytes).unwrap();
                });
                assert!(said.starts_with("event "), "{said}");
            }
        }
    }

    #[test]
    fn a_sealed_line_gives_back_what_was_signed() {
        let sealer: Sealer = Arc::new(|text| Some(format!("S{}", text.len())));
        let line = &lines(1)[0];
        let with = sealed(Trail::Reads, line, &sealer).unwrap();
        assert!(serde_json::from_str::<serde_json::Value>(&with).is_ok());
        let (text, seal) = seal_of(Trail::Reads, &with).unwrap();
        assert_eq!((text.as_str(), seal), (seal_text(Trail::Reads, line).as_str(), format!("S{}", text.len()).as_str()));
        assert_ne!(text, seal_text(Trail::Writes, line), "a seal of one trail is none of the other");
        assert_eq!(seal_of(Trail::Reads, line), None);
    }

    #[test]
    fn a_hash_is_lower_case_hex() {
        assert_eq!(chained(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}

//! The highest number seen of each revocation list, kept across restarts: an older list put back is refused then too.

use std::path::Path;

use super::crl::{Numbers, Seen};
use super::error::{Result, TlsError};

/// Bytes of the file.
const MAX_BYTES: usize = 1 << 20;

/// Reads the file; nothing seen when there is none.
///
/// # Errors
/// A file that cannot be read as numbers: it is never taken for an empty one.
pub(super) fn read(path: &Path) -> Result<Seen> {
    let wrong = || TlsError::new(format!("{}: it does not hold the numbers of revocation lists; restore it, or remove it to begin anew", path.display()));
    let text = match std::fs::read_to_string(path) {
        Ok(text) if text.len() <= MAX_BYTES => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Seen::default()),
        _ => return Err(wrong()),
    };
    let mut numbers = Numbers::new();
    for line in text.lines() {
        let mut parts = line.split(' ').map(|p| if p == "-" { Some(None) } else { bytes(p).map(Some) });
        let (Some(Some(Some(issuer))), Some(Some(partition)), Some(Some(Some(number))), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(wrong());
        };
        numbers.insert((issuer, partition), number);
    }
    Ok(Seen { numbers, ..Seen::default() })
}

/// Writes the file beside and renames it, so that it is whole at every moment.
///
/// # Errors
/// A file that cannot be written.
pub(super) fn write(path: &Path, seen: &Seen) -> Result<()> {
    let mut lines: Vec<String> = seen
        .numbers
        .iter()
        .map(|((issuer, partition), number)| format!("{} {} {}\n", hex(issuer), partition.as_deref().map_or_else(|| "-".to_owned(), hex), hex(number)))
        .collect();
    lines.sort();
    let text = lines.concat();
    if std::fs::read_to_string(path).is_ok_and(|before| before == text) {
        return Ok(());
    }
    let beside = path.with_extension("new");
    let wrong = |e: std::io::Error| TlsError::new(format!("{}: {e}", path.display()));
    std::fs::write(&beside, text).and_then(|()| std::fs::File::open(&beside)?.sync_all()).and_then(|()| std::fs::rename(&beside, path)).map_err(wrong)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    let digits = digits.filter(|d| d.len() % 2 == 0 && !d.is_empty())?;
    Some(digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, half| (byte << 4) | half)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_back_and_a_damaged_file_is_refused() {
        let path = std::env::temp_dir().join(format!("passerelle-numbers-{}", uuid::Uuid::new_v4()));
        assert!(read(&path).unwrap().numbers.is_empty());
        let numbers = Numbers::from([((vec![0x30, 1], None), vec![7]), ((vec![0x30, 2], Some(vec![1])), vec![1, 0])]);
        write(&path, &Seen { numbers: numbers.clone(), ..Seen::default() }).unwrap();
        assert_eq!(read(&path).unwrap().numbers, numbers);
        for damaged in ["3001", "3001 - 7", "30x1 - 07", "3001 - 07 08", "\u{e9}"] {
            std::fs::write(&path, damaged).unwrap();
            assert!(read(&path).is_err(), "{damaged}");
        }
        std::fs::remove_file(path).unwrap();
    }
}

//! Anchors of a rendered document: where an element of its narrative, a section or an entry stands on the page.

/// The anchor of a section or an entry, from its path.
pub fn path_anchor(path: &str) -> String {
    let joined: String = path.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    "p-".to_owned() + &joined.split('-').filter(|p| !p.is_empty()).collect::<Vec<_>>().join("-")
}

/// The anchor of an element of the narrative, from its ID.
pub fn fragment_anchor(id: &str) -> String {
    id.chars().fold("n-".to_owned(), |out, c| match c {
        c if c.is_ascii_alphanumeric() || matches!(c, '-' | '.') => out + c.encode_utf8(&mut [0; 4]),
        c => out + &format!("_{:x}_", u32::from(c)),
    })
}

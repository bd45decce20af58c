//! The documents of a scenario, made fresh so that a kit may run again against the same server.

use std::path::Path;

use crate::register::Registers;
use crate::scenario::Document;

impl Document {
    /// The bytes: the corpus file or the text, with its replacements made.
    ///
    /// # Errors
    /// The file is missing, a text to replace is not in it, a placeholder is unknown.
    pub fn bytes(&self, corpus: &Path, registers: &Registers) -> Result<Vec<u8>, String> {
        let mut text = match (&self.file, &self.text) {
            (Some(file), None) => std::fs::read_to_string(corpus.join(file)).map_err(|e| format!("corpus/{file}: {e}"))?,
            (None, Some(text)) => registers.text(text)?,
            _ => return Err("a document has either `file` or `text`".to_owned()),
        };
        // The longest first, so that an identifier may be replaced otherwise than the root it begins with.
        let mut replacements: Vec<_> = self.replace.iter().collect();
        replacements.sort_by_key(|(old, _)| std::cmp::Reverse(old.len()));
        for (old, new) in replacements {
            if !text.contains(old.as_str()) {
                return Err(format!("`{old}` is not in the document"));
            }
            text = text.replace(old.as_str(), &registers.text(new)?);
        }
        Ok(text.into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_replaced_everywhere_and_must_be_there() {
        let mut registers = Registers::default();
        registers.set("new", "x".into());
        let document = |old: &str| Document { file: None, text: Some("a b a".into()), replace: [(old.to_owned(), "{{new}}".to_owned())].into() };
        assert_eq!(document("a").bytes(Path::new("."), &registers).unwrap(), b"x b x");
        assert!(document("c").bytes(Path::new("."), &registers).is_err());
        let mut longest = document("a");
        longest.replace.insert("a b".into(), "y".into());
        assert_eq!(longest.bytes(Path::new("."), &registers).unwrap(), b"y x");
    }
}

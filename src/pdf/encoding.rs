//! Encodings of simple fonts.
//! Spec: ISO 32000-1 §9.6.6, annex D.

/// Where the codes of a simple font stand before its differences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Base {
    Standard,
    WinAnsi,
    MacRoman,
}

/// StandardEncoding where it is neither ASCII nor empty.
const STANDARD: &[(u8, char)] = &[
    (0x27, '’'),
    (0x60, '‘'),
    (0xa1, '¡'),
    (0xa2, '¢'),
    (0xa3, '£'),
    (0xa4, '⁄'),
    (0xa5, '¥'),
    (0xa6, 'ƒ'),
    (0xa7, '§'),
    (0xa8, '¤'),
    (0xa9, '\''),
    (0xaa, '“'),
    (0xab, '«'),
    (0xac, '‹'),
    (0xad, '›'),
    (0xae, 'ﬁ'),
    (0xaf, 'ﬂ'),
    (0xb1, '–'),
    (0xb2, '†'),
    (0xb3, '‡'),
    (0xb4, '·'),
    (0xb6, '¶'),
    (0xb7, '•'),
    (0xb8, '‚'),
    (0xb9, '„'),
    (0xba, '”'),
    (0xbb, '»'),
    (0xbc, '…'),
    (0xbd, '‰'),
    (0xbf, '¿'),
    (0xc1, '`'),
    (0xc2, '´'),
    (0xc3, 'ˆ'),
    (0xc4, '˜'),
    (0xc5, '¯'),
    (0xc8, '¨'),
    (0xcb, '¸'),
    (0xd0, '—'),
    (0xe1, 'Æ'),
    (0xe3, 'ª'),
    (0xe8, 'Ł'),
    (0xe9, 'Ø'),
    (0xea, 'Œ'),
    (0xeb, 'º'),
    (0xf1, 'æ'),
    (0xf5, 'ı'),
    (0xf8, 'ł'),
    (0xf9, 'ø'),
    (0xfa, 'œ'),
    (0xfb, 'ß'),
];

impl Base {
    /// `/WinAnsiEncoding` …
    pub fn of_name(name: &[u8]) -> Option<Self> {
        match name {
            b"WinAnsiEncoding" | b"PDFDocEncoding" => Some(Self::WinAnsi),
            b"MacRomanEncoding" => Some(Self::MacRoman),
            b"StandardEncoding" => Some(Self::Standard),
            _ => None,
        }
    }

    /// The character of a code.
    pub fn character(self, code: u8) -> Option<char> {
        match self {
            Self::Standard => match STANDARD.iter().find(|(c, _)| *c == code) {
                Some((_, character)) => Some(*character),
                None => (0x20..0x7f).contains(&code).then(|| char::from(code)),
            },
            Self::WinAnsi => encoding_rs::WINDOWS_1252.decode_without_bom_handling(&[code]).0.chars().next().filter(|c| !c.is_control()),
            Self::MacRoman => encoding_rs::MACINTOSH.decode_without_bom_handling(&[code]).0.chars().next().filter(|c| !c.is_control()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_accent_has_its_code_in_each() {
        assert_eq!(Base::WinAnsi.character(0xe9), Some('é'));
        assert_eq!(Base::MacRoman.character(0x8e), Some('é'));
        assert_eq!((Base::Standard.character(0xfa), Base::Standard.character(b'e'), Base::Standard.character(0xc6)), (Some('œ'), Some('e'), None));
    }
}

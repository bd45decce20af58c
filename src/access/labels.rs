//! Confidentiality labels of a document as a set of bits.
//! Spec: TRE_A08-HL7Confidentiality, TRE_A07-StatutVisibiliteDocument; PDSM4DMP security labels.

/// Ordinary confidentiality.
pub const N: i32 = 1;
/// Restricted.
pub const R: i32 = 1 << 1;
/// Very restricted.
pub const V: i32 = 1 << 2;
/// Hidden from professionals other than the author.
pub const MASQUE_PS: i32 = 1 << 3;
/// Not yet visible to the patient.
pub const INVISIBLE_PATIENT: i32 = 1 << 4;
/// Not visible to the legal representatives.
pub const INVISIBLE_REPRESENTANTS_LEGAUX: i32 = 1 << 5;

/// Code of the tag of a notice that tells of a document only its patient may know of.
pub const PRIVATE_NOTICE: &str = "notice-for-the-patient";

/// The labels and their codes, in the order of the specification.
pub const TABLE: &[(i32, &str)] =
    &[(N, "N"), (R, "R"), (V, "V"), (MASQUE_PS, "MASQUE_PS"), (INVISIBLE_PATIENT, "INVISIBLE_PATIENT"), (INVISIBLE_REPRESENTANTS_LEGAUX, "INVISIBLE_REPRESENTANTS_LEGAUX")];

/// The three that say who may see the document at all; they hold for its whole replacement chain.
pub const VISIBILITY: i32 = MASQUE_PS | INVISIBLE_PATIENT | INVISIBLE_REPRESENTANTS_LEGAUX;

/// Every set of labels with MASQUE_PS in it, with a level and without.
pub const MASKED: [i32; 16] = [
    MASQUE_PS,
    MASQUE_PS | INVISIBLE_PATIENT,
    MASQUE_PS | INVISIBLE_REPRESENTANTS_LEGAUX,
    VISIBILITY,
    N | MASQUE_PS,
    N | MASQUE_PS | INVISIBLE_PATIENT,
    N | MASQUE_PS | INVISIBLE_REPRESENTANTS_LEGAUX,
    N | VISIBILITY,
    R | MASQUE_PS,
    R | MASQUE_PS | INVISIBLE_PATIENT,
    R | MASQUE_PS | INVISIBLE_REPRESENTANTS_LEGAUX,
    R | VISIBILITY,
    V | MASQUE_PS,
    V | MASQUE_PS | INVISIBLE_PATIENT,
    V | MASQUE_PS | INVISIBLE_REPRESENTANTS_LEGAUX,
    V | VISIBILITY,
];

/// The bit of a code, `None` for a code that is no label.
pub fn bit(code: &str) -> Option<i32> {
    TABLE.iter().find(|(_, c)| *c == code).map(|(b, _)| *b)
}

/// The code of one label, empty for a set of several.
pub fn code_of(label: i32) -> &'static str {
    TABLE.iter().find(|(bit, _)| *bit == label).map_or("", |(_, code)| code)
}

/// The set of some codes: exactly one of N, R, V (the strictest given, N when none) and the visibility codes.
pub fn set<'a>(codes: impl IntoIterator<Item = &'a str>) -> i32 {
    let all = codes.into_iter().filter_map(bit).fold(0, |a, b| a | b);
    let level = if all & V != 0 {
        V
    } else if all & R != 0 {
        R
    } else {
        N
    };
    // They share no bit.
    level + (all & VISIBILITY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_masked_sets_are_all_of_them() {
        let all = [0, N, R, V].into_iter().flat_map(|level| (0..8).map(move |v| level | (v << 3))).filter(|set| set & MASQUE_PS != 0);
        let mut all: Vec<i32> = all.collect();
        let mut table = MASKED.to_vec();
        all.sort_unstable();
        table.sort_unstable();
        assert_eq!(table, all);
    }

    #[test]
    fn a_set_has_exactly_one_level_and_keeps_visibility() {
        assert_eq!(set([]), N);
        assert_eq!(set(["N", "R", "MASQUE_PS"]), R | MASQUE_PS);
        assert_eq!(set(["INVISIBLE_PATIENT"]), N | INVISIBLE_PATIENT);
        assert_eq!(set(["V", "R", "N"]), V, "the strictest");
        assert_eq!(set(["N", "V", "MASQUE_PS", "INVISIBLE_REPRESENTANTS_LEGAUX"]), V | MASQUE_PS | INVISIBLE_REPRESENTANTS_LEGAUX);
        assert_eq!(set(["MASQUE_PS", "R", "MASQUE_PS", "R"]), R | MASQUE_PS, "a code said twice is said once");
        assert_eq!(set(["unknown", "n", ""]), N);
    }

    #[test]
    fn each_label_has_one_bit_and_one_code() {
        let codes =
            [(N, "N"), (R, "R"), (V, "V"), (MASQUE_PS, "MASQUE_PS"), (INVISIBLE_PATIENT, "INVISIBLE_PATIENT"), (INVISIBLE_REPRESENTANTS_LEGAUX, "INVISIBLE_REPRESENTANTS_LEGAUX")];
        for (label, code) in codes {
            assert_eq!((code_of(label), bit(code), label.count_ones()), (code, Some(label), 1), "{code}");
            let level = if label <= V { label } else { N | label };
            assert_eq!(set([code]), level, "{code}");
        }
        assert_eq!(codes.iter().fold(0, |all, (label, _)| all + label), 63, "no two are one");
        assert_eq!((code_of(N | MASQUE_PS), code_of(0), bit("R "), bit("")), ("", "", None, None));
        assert_eq!(VISIBILITY, MASQUE_PS + INVISIBLE_PATIENT + INVISIBLE_REPRESENTANTS_LEGAUX);
    }
}

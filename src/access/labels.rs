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

/// The labels and their codes, in the order of the specification.
pub const TABLE: &[(i32, &str)] =
    &[(N, "N"), (R, "R"), (V, "V"), (MASQUE_PS, "MASQUE_PS"), (INVISIBLE_PATIENT, "INVISIBLE_PATIENT"), (INVISIBLE_REPRESENTANTS_LEGAUX, "INVISIBLE_REPRESENTANTS_LEGAUX")];

/// The three that say who may see the document at all; they hold for its whole replacement chain.
pub const VISIBILITY: i32 = MASQUE_PS | INVISIBLE_PATIENT | INVISIBLE_REPRESENTANTS_LEGAUX;

/// The bit of a code, `None` for a code that is no label.
pub fn bit(code: &str) -> Option<i32> {
    TABLE.iter().find(|(_, c)| *c == code).map(|(b, _)| *b)
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
    level | (all & VISIBILITY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_exactly_one_level_and_keeps_visibility() {
        assert_eq!(set([]), N);
        assert_eq!(set(["N", "R", "MASQUE_PS"]), R | MASQUE_PS);
        assert_eq!(set(["INVISIBLE_PATIENT"]), N | INVISIBLE_PATIENT);
    }
}

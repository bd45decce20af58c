//! Values made afresh: UUID, OID, test INS, the time.

use std::time::{SystemTime, UNIX_EPOCH};

/// A value of its kind, or nothing where the name is not one of a generator.
///
/// # Errors
/// The machine gave no randomness.
pub fn generated(name: &str) -> Result<Option<String>, String> {
    Ok(Some(match name {
        "uuid" => uuid(random()?),
        "oid" => format!("2.25.{}", random()?),
        "ins" => ins(random()?),
        "now" => instant(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())),
        _ => return Ok(None),
    }))
}

fn random() -> Result<u128, String> {
    let mut bytes = [0_u8; 16];
    let provider = rustls::crypto::ring::default_provider();
    provider.secure_random.fill(&mut bytes).map_err(|_| "this machine gives no random numbers".to_owned())?;
    Ok(u128::from_be_bytes(bytes))
}

/// Spec: RFC 9562 §5.4 (version 4).
fn uuid(random: u128) -> String {
    let bits = random & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let (a, b, c, d, e) = (bits >> 96, bits >> 80 & 0xffff, bits >> 64 & 0xffff, bits >> 48 & 0xffff, bits & 0xffff_ffff_ffff);
    format!("{a:08x}-{b:04x}-{c:04x}-{d:04x}-{e:012x}")
}

/// The INS of a woman born in May 1958, as the corpus' patient: sex, year, month, department 01–95, commune, order, key.
///
/// Spec: Référentiel INS (ANS), matricule INS-NIR: 13 characters and their key.
fn ins(random: u128) -> String {
    let number = format!("25805{:02}{:06}", 1 + random % 95, random / 95 % 1_000_000);
    // Corsica's two departments are written 2A and 2B, so 20 is not used.
    let number = number.replacen("2580520", "2580521", 1);
    let key = key(&number).unwrap_or(0);
    format!("{number}{key:02}")
}

/// The key of the first 13 characters: 97 − (number mod 97), where 2A counts as 19 and 2B as 18.
///
/// Spec: Référentiel INS (ANS), clé du NIR.
#[must_use]
pub fn key(number: &str) -> Option<u64> {
    if number.len() != 13 || !number.is_ascii() {
        return None;
    }
    let digits = number.replacen("2A", "19", 1).replacen("2B", "18", 1);
    digits.parse::<u64>().ok().map(|n| 97 - n % 97)
}

/// Seconds since 1970 as a FHIR instant in UTC; the civil date after the usual era algorithm.
fn instant(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3_600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_the_one_of_known_numbers() {
        assert_eq!(key("2580537070989"), Some(34));
        assert_eq!(key("1551024680041"), Some(97 - 1_551_024_680_041 % 97));
        assert_eq!(key("258052A123456"), Some(97 - 2_580_519_123_456 % 97));
        assert_eq!(key("25805"), None);
    }

    #[test]
    fn a_generated_ins_has_its_key_and_no_corsican_department() {
        for seed in (0..5_000_u128).chain([u128::MAX]) {
            let ins = ins(seed);
            assert_eq!(ins.len(), 15);
            let (number, written) = ins.split_at(13);
            assert_eq!(key(number), written.parse().ok());
            assert!(!ins.starts_with("2580520"));
        }
    }

    #[test]
    fn generated_values_have_their_shape_and_differ() {
        let uuid = generated("uuid").unwrap().unwrap();
        assert!(crate::assertion::matches(&uuid, "????????-????-4???-????-????????????"));
        assert_ne!(generated("uuid").unwrap().unwrap(), uuid);
        assert!(generated("oid").unwrap().unwrap().starts_with("2.25."));
        assert_eq!(generated("other").unwrap(), None);
        assert_eq!(uuid_of_zero(), "00000000-0000-4000-8000-000000000000");
    }

    fn uuid_of_zero() -> String {
        super::uuid(0)
    }

    #[test]
    fn instants_are_civil() {
        assert_eq!(instant(0), "1970-01-01T00:00:00Z");
        assert_eq!(instant(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(instant(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(instant(1_795_608_000), "2026-11-25T12:00:00Z");
    }
}

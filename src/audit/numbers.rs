//! Which documents an answer was made from, in little room: their numbers in order, each as its distance from the one before, in
//! hexadecimal. A thousand documents of a record are some three kilobytes. Not a result: nothing of the documents is in it.

/// The form of some document numbers, in any order; those below 1 (what is of no document) are left out.
pub fn packed(numbers: impl IntoIterator<Item = i64>) -> String {
    let mut all: Vec<i64> = numbers.into_iter().filter(|n| *n > 0).collect();
    all.sort_unstable();
    all.dedup();
    let before = [0].into_iter().chain(all.iter().copied());
    let gaps: Vec<String> = all.iter().zip(before).map(|(n, before)| format!("{:x}", n - before)).collect();
    gaps.join(" ")
}

/// The numbers of that form, in order; what is no such form ends it.
pub fn unpacked(text: &str) -> impl Iterator<Item = i64> + '_ {
    let gaps = text.split(' ').map_while(|gap| i64::from_str_radix(gap, 16).ok());
    gaps.scan(0, |at: &mut i64, gap| {
        *at = at.checked_add(gap)?;
        Some(*at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_back_in_order_each_once_in_few_bytes() {
        assert_eq!(unpacked(&packed([70, 0, 12, 71, 12, 1_000_000])).collect::<Vec<_>>(), [12, 70, 71, 1_000_000]);
        assert_eq!((packed([]), unpacked("").count()), (String::new(), 0));
        assert_eq!(unpacked("c x 1").collect::<Vec<_>>(), [12], "what was never written so ends it");
        let thousand = packed((0..1000).map(|n| 5_000_000 + n * 250));
        assert!(thousand.len() < 3200, "{}", thousand.len());
        assert_eq!(unpacked(&thousand).count(), 1000);
    }
}

//! RSA keys of a known weak generator, recognised by their modulus.
//! Spec: CVE-2017-15361: the primes are powers of 65537 modulo every small prime.

/// Small primes that tell.
const PRIMES: [u32; 38] =
    [3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167];

/// Whether a modulus (big endian) looks like one of that generator; a sound one does by chance once in 2^27 and more.
pub(super) fn suspect(modulus: &[u8]) -> bool {
    PRIMES.iter().all(|p| {
        let rest = modulus.iter().fold(0_u32, |r, b| (r * 256 + u32::from(*b)) % p);
        let mut power = 1 % p;
        (0..*p).any(|_| {
            let found = power == rest;
            power = power * (65_537 % p) % p;
            found
        })
    })
}

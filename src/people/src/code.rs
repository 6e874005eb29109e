//! Codes that people type: short, for a few minutes, kept as Argon2id.
//!
//! `K7Q-9M2-XPB`: the first three letters say which code it is, the other six prove it: 29 bits, at which five guesses are
//! allowed.

use argon2::Argon2;
use subtle::ConstantTimeEq;

use crate::PeopleError;
use crate::secret::random;

/// Thirty letters and digits that are not taken for one another: no `I`, `L`, `O`, `U`, `0`, `1`.
const LETTERS: &[u8] = b"23456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Letters that say which code it is, and letters that prove it.
const SELECTOR: usize = 3;
const PROOF: usize = 6;

/// A code in the clear, without dashes.
#[derive(Clone, PartialEq, Eq)]
pub struct Code {
    selector: String,
    proof: String,
}

/// What is kept of a code.
#[derive(Clone)]
pub(crate) struct StoredCode {
    selector: String,
    salt: [u8; 16],
    hash: [u8; 32],
}

impl Code {
    /// A new one.
    pub(crate) fn new() -> Result<Self, PeopleError> {
        let mut letters = String::with_capacity(SELECTOR + PROOF);
        while letters.len() < SELECTOR + PROOF {
            let [byte] = random::<1>()?;
            // Above the last multiple of the number of letters the first letters would come more often.
            if let Some(letter) = LETTERS.get(usize::from(byte) % LETTERS.len())
                && usize::from(byte) < 256 / LETTERS.len() * LETTERS.len()
            {
                letters.push(char::from(*letter));
            }
        }
        let proof = letters.split_off(SELECTOR);
        Ok(Self { selector: letters, proof })
    }

    /// What somebody typed: small letters, spaces and dashes do not matter. `None` where it cannot be a code.
    pub(crate) fn typed(text: &str) -> Option<Self> {
        let letters: String = text
            .chars()
            .take(64)
            .filter(|letter| !letter.is_whitespace() && !matches!(letter, '-' | '–' | '.'))
            .map(|letter| letter.to_ascii_uppercase())
            .collect();
        let fits = letters.len() == SELECTOR + PROOF && letters.bytes().all(|byte| LETTERS.contains(&byte));
        let (selector, proof) = fits.then(|| letters.split_at_checked(SELECTOR))??;
        Some(Self { selector: selector.to_owned(), proof: proof.to_owned() })
    }

    /// Which code it is.
    pub(crate) fn selector(&self) -> &str {
        &self.selector
    }

    /// What is kept of it. Takes some 20 ms, on purpose.
    pub(crate) fn store(&self) -> Result<StoredCode, PeopleError> {
        let salt = random()?;
        Ok(StoredCode { selector: self.selector.clone(), salt, hash: hash(&self.proof, &salt)? })
    }

    /// Does the work of a comparison where there is nothing to compare with, so that the time does not tell.
    pub(crate) fn compare_in_vain(&self) -> Result<(), PeopleError> {
        hash(&self.proof, &[0; 16]).map(drop)
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (first, second) = self.proof.split_at_checked(PROOF / 2).unwrap_or((&self.proof, ""));
        write!(f, "{}-{first}-{second}", self.selector)
    }
}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Code(…)")
    }
}

impl StoredCode {
    /// Which code it is.
    pub(crate) fn selector(&self) -> &str {
        &self.selector
    }

    /// Whether `code` is this one. Takes some 20 ms, on purpose.
    pub(crate) fn is(&self, code: &Code) -> Result<bool, PeopleError> {
        let hash = hash(&code.proof, &self.salt)?;
        Ok((self.selector == code.selector) & bool::from(hash.ct_eq(&self.hash)))
    }
}

/// Argon2id with its recommended cost: 19 MiB, two passes.
fn hash(proof: &str, salt: &[u8; 16]) -> Result<[u8; 32], PeopleError> {
    let mut hash = [0; 32];
    let hashed = Argon2::default().hash_password_into(proof.as_bytes(), salt, &mut hash);
    hashed.map_err(|error| PeopleError::Internal(format!("Argon2 failed: {error}")))?;
    Ok(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_survives_being_typed() {
        let code = Code::new().unwrap();
        let shown = code.to_string();
        assert_eq!(shown.len(), 11, "{shown}");
        for typed in
            [shown.clone(), shown.to_lowercase(), shown.replace('-', ""), format!("  {}  ", shown.replace('-', " "))]
        {
            assert_eq!(Code::typed(&typed), Some(code.clone()), "{typed}");
        }
        let stored = code.store().unwrap();
        assert!(stored.is(&code).unwrap());
        let mut other = code.clone();
        other.proof = if code.proof == "222222" { "333333".to_owned() } else { "222222".to_owned() };
        assert!(!stored.is(&other).unwrap());
    }

    #[test]
    fn what_cannot_be_a_code_is_none() {
        for typed in ["", "K7Q", "K7Q-9M2-XPBX", "K7Q-9M2-XP0", "K7Q-9M2-XPÄ", "ÄÄÄÄÄÄÄÄÄ", &"A".repeat(1_000_000)]
        {
            assert_eq!(Code::typed(typed), None);
        }
    }

    #[test]
    fn every_letter_comes_up() {
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..300 {
            seen.extend(Code::new().unwrap().proof.bytes());
        }
        assert_eq!(seen.len(), LETTERS.len());
    }
}

//! Randomness of pauses, so that many clients do not come back at once.

/// A number from 0 to 1; 1 if the system has no randomness, so that a pause is the longest one.
pub(crate) fn random() -> f64 {
    getrandom::u32().map_or(1.0, |random| f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_is_from_0_to_1() {
        assert!((0..100).map(|_| super::random()).all(|random| (0.0..=1.0).contains(&random)));
    }
}

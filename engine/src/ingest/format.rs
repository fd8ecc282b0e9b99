//! The names of formats.

use std::fmt;
use std::str::FromStr;

use super::Format;
use crate::named::UnknownName;

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Format {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let found = Self::ALL.iter().find(|format| format.name() == name);
        found.copied().ok_or_else(|| UnknownName::new("format", Self::NAMES, name))
    }
}

/// Names as alternatives in a sentence: `a`, `b` or `c`.
pub(super) fn either(names: impl IntoIterator<Item = &'static str>) -> String {
    let names: Vec<_> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_read_back_by_its_name() {
        for format in Format::ALL {
            assert_eq!(format.name().parse(), Ok(*format));
            assert!(!format.about().is_empty() && !format.about().contains('\n'));
        }
        assert_eq!(Format::NAMES.len(), Format::ALL.len());
        let error = "Airship".parse::<Format>().unwrap_err().to_string();
        assert!(error.starts_with("invalid format \"Airship\" (expected one of: auto, "), "{error}");
    }

    #[test]
    fn no_two_formats_share_a_number() {
        let mut numbers: Vec<_> = Format::ALL.iter().map(|format| *format as u32).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), Format::ALL.len());
    }
}

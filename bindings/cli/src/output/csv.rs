//! CSV of RFC 4180.

use std::io::Write;

use super::column::Value;
use super::text;
use super::zone::DisplayZone;
use crate::error::CliError;

/// What makes a spreadsheet take a cell for a formula, also in full width.
const FORMULA: [char; 10] = ['=', '+', '-', '@', '\t', '\r', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

/// Writes rows.
pub(crate) struct Writer<W: Write>(csv::Writer<W>);

impl<W: Write> Writer<W> {
    pub(crate) fn new(out: W) -> Self {
        Self(csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out))
    }

    pub(crate) fn header(&mut self, names: &[&str]) -> Result<(), CliError> {
        Ok(self.0.write_record(names).map_err(std::io::Error::from)?)
    }

    pub(crate) fn row(&mut self, values: &[Value], zone: &DisplayZone) -> Result<(), CliError> {
        let cells = values.iter().map(|value| cell(value, zone));
        Ok(self.0.write_record(cells.map(String::into_bytes)).map_err(std::io::Error::from)?)
    }

    pub(crate) fn finish(mut self) -> Result<(), CliError> {
        Ok(self.0.flush()?)
    }
}

fn cell(value: &Value, zone: &DisplayZone) -> String {
    match value {
        Value::Missing(_) => String::new(),
        Value::Text(text) => harmless(text::safe(text)),
        Value::Number(number) => number.to_string(),
        Value::Length(ms) => ms.to_string(),
        Value::Time(ms) => zone.rfc3339(*ms).unwrap_or_default(),
        Value::Flag(flag) => flag.to_string(),
    }
}

/// A text that no spreadsheet evaluates. A number, such as a telephone number with `+`, is not changed.
fn harmless(text: String) -> String {
    let begins_formula = text.trim_start().starts_with(FORMULA);
    if begins_formula && !is_number(&text) { format!("'{text}") } else { text }
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    [whole, fraction].iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_made_harmless_and_numbers_stay() {
        for formula in [
            "=1+1",
            "+SUM(A1)",
            "-2+3+cmd|' /C calc'!A0",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            " =1",
            "+45 12",
            "-",
            "\u{ff1d}1",
        ] {
            assert!(cell(&Value::Text(formula.to_owned()), &DisplayZone::default()).starts_with('\''), "{formula:?}");
        }
        for number in ["-5", "+4512345678", "-1.5", "5", "text", "a=b"] {
            assert_eq!(cell(&Value::Text(number.to_owned()), &DisplayZone::default()), number);
        }
    }

    #[test]
    fn a_record_is_quoted_where_needed_and_ends_in_crlf() {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out);
        writer.header(&["a", "b"]).unwrap();
        let text = |text: &str| Value::Text(text.to_owned());
        writer.row(&[text("x,\"y\"\nz\u{1b}"), Value::Missing("-")], &DisplayZone::default()).unwrap();
        writer.row(&[Value::Time(1_627_535_468_595), Value::Flag(true)], &DisplayZone::default()).unwrap();
        writer.finish().unwrap();
        let expected = "a,b\r\n\"x,\"\"y\"\"\nz\u{fffd}\",\r\n2021-07-29T05:11:08.595Z,true\r\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}

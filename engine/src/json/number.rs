//! Numbers: their ends and their integer values.

use super::fault::{Fault, FaultKind};

/// The length of the number that begins here, if it has neither a sign nor a fraction nor an exponent: the usual number.
#[inline]
pub(super) fn plain_length(bytes: &[u8]) -> Option<usize> {
    let length = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let has_leading_zero = length > 1 && bytes.first() == Some(&b'0');
    let is_whole = !matches!(bytes.get(length), Some(b'.' | b'e' | b'E'));
    (length > 0 && !has_leading_zero && is_whole).then_some(length)
}

/// Finds the end of the number that begins at `start`.
pub(super) fn scan(bytes: &[u8], start: usize) -> Result<usize, Fault> {
    let minus = usize::from(bytes.get(start) == Some(&b'-'));
    let first = start + minus;
    let mut at = digits_from(bytes, first)?;
    if bytes.get(first) == Some(&b'0') && at > first + 1 {
        return Err(FaultKind::BadNumber.at(first + 1));
    }
    if bytes.get(at) == Some(&b'.') {
        at = digits_from(bytes, at + 1)?;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        at = digits_from(bytes, at + 1 + sign)?;
    }
    Ok(at)
}

/// The offset after one or more digits that begin at `start`.
#[inline]
fn digits_from(bytes: &[u8], start: usize) -> Result<usize, Fault> {
    let mut at = start;
    while bytes.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    if at == start { Err(FaultKind::BadNumber.at(at)) } else { Ok(at) }
}

/// A text as an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Integer {
    /// This integer.
    Whole(i64),
    /// A number with a fraction, or one that does not fit into 64 bits.
    Unusable,
    /// Not a number.
    NotANumber,
}

/// Parses an integer exactly, in any notation: `1.0` and `1e3` are integers (rules, section 8). A text can have leading
/// zeros, which a JSON number cannot. A leading plus sign, other bases and separators are not allowed.
#[inline]
pub(crate) fn integer(text: &str) -> Integer {
    digits(text.as_bytes()).map_or_else(|| integer_by_parts(text), Integer::Whole)
}

/// The value of 1 to 18 digits.
#[inline]
fn digits(bytes: &[u8]) -> Option<i64> {
    if !(1..=18).contains(&bytes.len()) {
        return None;
    }
    let (mut sum, mut rest) = (0, bytes);
    while let Some((eight, after)) = rest.split_first_chunk() {
        (sum, rest) = (sum * 100_000_000 + eight_digits(*eight)?, after);
    }
    for byte in rest {
        sum = sum * 10 + u64::from(digit(*byte)?);
    }
    Some(sum.cast_signed())
}

#[inline]
fn digit(byte: u8) -> Option<u8> {
    let value = byte.wrapping_sub(b'0');
    (value < 10).then_some(value)
}

/// The value of eight digits at once: pairs of neighbours are added, with the left one times 10, 100 and 10,000.
#[inline]
fn eight_digits(digits: [u8; 8]) -> Option<u64> {
    const ZEROS: u64 = 0x3030_3030_3030_3030;
    const UPPER_HALVES: u64 = 0xf0f0_f0f0_f0f0_f0f0;
    let digits = u64::from_le_bytes(digits);
    // A digit has the upper half of a zero, and keeps it if 6 is added.
    let are_digits =
        digits & UPPER_HALVES == ZEROS && digits.wrapping_add(0x0606_0606_0606_0606) & UPPER_HALVES == ZEROS;
    let ones = digits & !UPPER_HALVES;
    let pairs = (ones * 10 + (ones >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    are_digits.then_some((fours * 10_000 + (fours >> 32)) & 0xffff_ffff)
}

#[cold]
fn integer_by_parts(text: &str) -> Integer {
    let Some(parts) = Parts::split(text) else { return Integer::NotANumber };
    let number = parts.to_integer().and_then(|number| i64::try_from(number).ok());
    number.map_or(Integer::Unusable, Integer::Whole)
}

/// Like [`integer`], up to 128 bits.
#[cold]
pub(crate) fn large_integer(text: &str) -> Option<i128> {
    Parts::split(text)?.to_integer()
}

/// The decimal digits of the largest power of ten in 128 bits.
const MAX_DIGITS: usize = 38;

/// A number as written, in parts.
struct Parts<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
    /// Clamped to the range of its type. A number with an exponent outside of it is 0 or unusable.
    exponent: i64,
}

impl<'a> Parts<'a> {
    fn split(text: &'a str) -> Option<Self> {
        let (negative, unsigned) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, read_exponent(exponent)?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (mantissa, None),
        };
        let well_formed = is_digits(whole) && fraction.is_none_or(is_digits);
        well_formed.then_some(Self { negative, whole, fraction: fraction.unwrap_or(""), exponent })
    }

    fn to_integer(&self) -> Option<i128> {
        let digits = || self.whole.bytes().chain(self.fraction.bytes()).skip_while(|digit| *digit == b'0');
        let count = digits().count();
        if count == 0 {
            return Some(0);
        }
        let zeros =
            self.fraction.bytes().rev().chain(self.whole.bytes().rev()).take_while(|digit| *digit == b'0').count();
        let significant = count.checked_sub(zeros)?;
        // The value is the significant digits times 10 to the power of `shift`.
        let shift = self
            .exponent
            .checked_sub(i64::try_from(self.fraction.len()).ok()?)?
            .checked_add(i64::try_from(zeros).ok()?)?;
        let shift = u32::try_from(shift).ok()?;
        if significant > MAX_DIGITS {
            return None;
        }
        let sum = digits().take(significant).fold(0, |sum: i128, digit| sum * 10 + i128::from(digit - b'0'));
        let magnitude = sum.checked_mul(10_i128.checked_pow(shift)?)?;
        Some(if self.negative { -magnitude } else { magnitude })
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn read_exponent(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if !is_digits(digits) {
        return None;
    }
    let bound = i64::MAX / 4;
    let sum = digits
        .bytes()
        .fold(0_i64, |sum, digit| sum.saturating_mul(10).saturating_add(i64::from(digit - b'0')).min(bound));
    Some(if negative { -sum } else { sum })
}

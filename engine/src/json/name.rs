//! Names of wanted fields, compared a block at a time.

use wide::u8x16;

/// The name of a wanted field.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name {
    pub(crate) word: &'static str,
    /// The name as it stands before its value: a comma, the name in quotes, a colon.
    written: &'static str,
    /// The first bytes of `written`, padded with zeros.
    beginning: [u8; BLOCK],
    /// A bit for each byte of `beginning` that belongs to `written`.
    mask: u32,
    /// The last bytes of `written`, if it is longer than a block.
    ending: [u8; BLOCK],
}

/// The number of bytes that are compared at once.
const BLOCK: usize = 16;

impl Name {
    /// See [`names!`].
    pub(crate) const fn new(word: &'static str, written: &'static str) -> Self {
        let (mut beginning, mut mask, mut ending) = ([0; BLOCK], 0, [0; BLOCK]);
        let bytes = written.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            if at < BLOCK {
                beginning[at] = bytes[at];
                mask |= 1 << at;
            }
            if bytes.len() > BLOCK && at + BLOCK >= bytes.len() {
                ending[at + BLOCK - bytes.len()] = bytes[at];
            }
            at += 1;
        }
        Self { word, written, beginning, mask, ending }
    }

    /// The rest of the bytes after the name, if they begin with it. Before the first field of an object stands a brace
    /// in the place of the comma.
    #[inline]
    pub(super) fn before<'b>(&self, bytes: &'b [u8], is_first: bool) -> Option<&'b [u8]> {
        let Some(block) = bytes.first_chunk() else { return self.before_end(bytes, is_first) };
        let equal = equal_bytes(block, &self.beginning) | u32::from(is_first);
        if equal & self.mask != self.mask {
            return None;
        }
        let (name, rest) = bytes.split_at_checked(self.written.len())?;
        if name.len() > BLOCK {
            let is_same_end = equal_bytes(name.last_chunk()?, &self.ending) == u32::from(u16::MAX);
            let is_same = is_same_end && (name.len() <= 2 * BLOCK || name[1..] == self.written.as_bytes()[1..]);
            return is_same.then_some(rest);
        }
        Some(rest)
    }

    #[cold]
    fn before_end<'b>(&self, bytes: &'b [u8], is_first: bool) -> Option<&'b [u8]> {
        let (name, rest) = bytes.split_at_checked(self.written.len())?;
        let from = usize::from(is_first);
        (name.get(from..)? == self.written.as_bytes().get(from..)?).then_some(rest)
    }
}

/// A bit for each byte that is the same in both blocks.
#[inline]
fn equal_bytes(one: &[u8; BLOCK], other: &[u8; BLOCK]) -> u32 {
    u8x16::new(*one).simd_eq(u8x16::new(*other)).to_bitmask()
}

/// Makes an array of [`Name`]s.
macro_rules! names {
    ($($word:expr),* $(,)?) => {
        [$($crate::json::Name::new($word, concat!(",\"", $word, "\":"))),*]
    };
}
pub(crate) use names;

//! The keys of blocks, pages and their parts.

/// The key of a block. Blocks are in key order, and a block without events has a key of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct BlockKey {
    pub(crate) first_seq: u64,
    pub(crate) block_no: u64,
}

/// The key of one half of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PageKey {
    pub(crate) page_no: u32,
    pub(crate) half: PageHalf,
}

/// The key of a part of one half of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PartKey {
    pub(crate) page: PageKey,
    pub(crate) part: u32,
}

impl PageKey {
    /// The key of a part of it.
    pub(crate) fn part(self, part: u32) -> PartKey {
        PartKey { page: self, part }
    }
}

/// One of the two halves of a page. A checkpoint writes the half that the last checkpoint does not use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub(crate) enum PageHalf {
    #[default]
    A = 0,
    B = 1,
}

impl PageHalf {
    /// The other half.
    pub(crate) fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// The half with this stored number.
    pub(crate) fn from_u8(number: u8) -> Option<Self> {
        [Self::A, Self::B].into_iter().find(|half| *half as u8 == number)
    }
}

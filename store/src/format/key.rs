//! The keys of blocks and pages.

/// The key of a block. Blocks are in the order of their keys, and a block without events has one of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct BlockKey {
    pub(crate) first_seq: u64,
    pub(crate) block_no: u64,
}

/// The key of a page: its number, and which of its two places it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PageKey {
    pub(crate) page_no: u32,
    pub(crate) place: bool,
}

//! What a generated log contains.

/// What a reader must do with a generated line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LineKind {
    /// Accept it: an event that no earlier line contains.
    Event,
    /// Recognize it: a line that repeats an earlier line byte for byte.
    Duplicate,
    /// Reject it: a line that is no valid event.
    MustReject,
    /// Ignore it without an error: a blank line, or one that is no concern of the reader.
    MustIgnore,
}

/// What a generated log contains.
///
/// `lines` is always `events + duplicates + garbage`, and `garbage` is always `must_reject + must_ignore`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Number of lines of any kind.
    pub lines: u64,
    /// Number of distinct events.
    pub events: u64,
    /// Number of conversations.
    pub conversations: u64,
    /// Number of conversations that are open after all events.
    pub open: u64,
    /// Number of lines that repeat an earlier line byte for byte.
    pub duplicates: u64,
    /// Number of lines that are not events.
    pub garbage: u64,
    /// Number of lines that a reader must reject.
    pub must_reject: u64,
    /// Number of lines that a reader must ignore without an error.
    pub must_ignore: u64,
    /// Size of the log in bytes, line ends included.
    pub bytes: u64,
}

impl Summary {
    /// Counts a line of this length, line end included.
    pub(crate) fn add(&mut self, kind: LineKind, bytes: u64) {
        self.lines += 1;
        self.bytes += bytes;
        match kind {
            LineKind::Event => self.events += 1,
            LineKind::Duplicate => self.duplicates += 1,
            LineKind::MustReject => self.must_reject += 1,
            LineKind::MustIgnore => self.must_ignore += 1,
        }
        self.garbage = self.must_reject + self.must_ignore;
    }
}

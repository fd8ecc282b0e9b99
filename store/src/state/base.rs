//! The base: the conversations before the beginning of a trimmed log, as images.
//!
//! Code that folds a trimmed log starts from the base instead of the empty state.

use convofold_engine::{Board, ConversationImage, ImageError, Seq};

use crate::conversations::archive::ArchiveReader;
use crate::state::shared::Shared;
use crate::storage::{ReadStorage, StorageError};

/// The images, before the event `seq`, of the conversations that were known then, in slot order.
pub(crate) fn base_images(
    shared: &Shared,
    storage: &dyn ReadStorage,
    seq: Seq,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<Vec<ConversationImage>, BaseError> {
    let mut images = Vec::new();
    if seq == 1 {
        return Ok(images);
    }
    for image in all_images(shared, storage) {
        let image = image?;
        if is_wanted(&image.id) {
            images.extend(image.before(seq)?);
        }
    }
    Ok(images)
}

/// The number of conversations that were known before the event `seq`. Conversations have slots in the order of their
/// first events, so these have the first slots.
pub(crate) fn base_count(shared: &Shared, storage: &dyn ReadStorage, seq: Seq) -> Result<u32, StorageError> {
    if seq == 1 {
        return Ok(0);
    }
    let mut reader = ArchiveReader::new(&shared.archive, storage);
    let (mut known, mut unknown) = (0, shared.live.board().slot_count());
    while known < unknown {
        let middle = known + (unknown - known) / 2;
        let here = shared.live.board().image(middle);
        let image = here.map_or_else(|| reader.image(middle), Ok)?;
        let is_known = image.facts.iter().chain(image.conflicts.iter()).any(|fact| fact.seq < seq);
        (known, unknown) = if is_known { (middle + 1, unknown) } else { (known, middle) };
    }
    Ok(known)
}

/// The images of the first conversations before the event `seq`, in slot order, one at a time.
pub(crate) fn each_base_image<'a>(
    shared: &'a Shared,
    storage: &'a dyn ReadStorage,
    seq: Seq,
    count: u32,
) -> impl Iterator<Item = Result<ConversationImage, BaseError>> + 'a {
    all_images(shared, storage).take(count as usize).filter_map(move |image| {
        let before = image.map_err(BaseError::from).and_then(|image| Ok(image.before(seq)?));
        before.transpose()
    })
}

/// The images of all conversations, resident and evicted, in slot order.
///
/// Each image takes the lock separately: conversations only grow, and the facts before a given event do not change.
pub(crate) fn all_images<'a>(
    shared: &'a Shared,
    storage: &'a dyn ReadStorage,
) -> impl Iterator<Item = Result<ConversationImage, StorageError>> + 'a {
    let mut reader = ArchiveReader::new(&shared.archive, storage);
    let slots = shared.live.board().slot_count();
    (0..slots).filter_map(move |slot| {
        let here = shared.live.board().image(slot);
        here.map(Ok).or_else(|| Some(reader.image(slot)))
    })
}

/// The image of a conversation is unusable.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BaseError {
    #[error(transparent)]
    Image(#[from] ImageError),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// A board with these conversations.
pub(crate) fn board_of(images: Vec<ConversationImage>) -> Result<Board, ImageError> {
    let mut board = Board::new();
    for image in images {
        board.load(board.slot_count(), image)?;
    }
    Ok(board)
}

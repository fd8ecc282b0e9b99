//! What lies before the log, where its beginning was dropped: conversations as they were there, told by their memories.
//!
//! With it everything that folds the log goes on working: it begins with the base instead of with nothing.

use convofold_engine::{Board, ConversationImage, ImageError, Seq};

use crate::conversations::archive::ArchiveReader;
use crate::state::shared::Shared;
use crate::storage::{ReadStorage, StorageError};

/// The memories of the conversations that were known before the event `seq`, in the order of their slots.
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

/// The memories of all conversations, here and away, in the order of their slots.
///
/// A lock for each: memories only grow, and what was known before some event does not change.
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

/// Why the memory of a conversation is of no use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BaseError {
    #[error(transparent)]
    Image(#[from] ImageError),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// A board with these conversations on it.
pub(crate) fn board_of(images: Vec<ConversationImage>) -> Result<Board, ImageError> {
    let mut board = Board::new();
    for image in images {
        board.load(board.slot_count(), image)?;
    }
    Ok(board)
}

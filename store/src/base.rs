//! What lies before the log, where its beginning was dropped: conversations as they were there, told by their memories.
//!
//! With it everything that folds the log goes on working: it begins with the base instead of with nothing.

use convofold_engine::{Board, ConversationImage, ImageError, Seq};
use parking_lot::RwLock;

/// The memories of the conversations that were known before the event `seq`, in the order of their slots.
pub(crate) fn base_images(
    board: &RwLock<Board>,
    seq: Seq,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<Vec<ConversationImage>, ImageError> {
    let mut images = Vec::new();
    if seq == 1 {
        return Ok(images);
    }
    // A lock for each: memories only grow, and what was known before that event does not change.
    let slots = board.read().slot_count();
    for slot in 0..slots {
        let image = board.read().image(slot).filter(|image| is_wanted(&image.id));
        images.extend(image.map(|image| image.before(seq)).transpose()?.flatten());
    }
    Ok(images)
}

/// A board with these conversations on it.
pub(crate) fn board_of(images: Vec<ConversationImage>) -> Result<Board, ImageError> {
    let mut board = Board::new();
    for image in images {
        board.restore(board.slot_count(), image)?;
    }
    Ok(board)
}

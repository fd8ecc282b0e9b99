//! Checks a backup file from beginning to end, and folds a complete one.

use std::fmt::Display;
use std::io::Read;

use convofold_engine::{Board, ConversationImage, FOLD_VERSION};

use super::reader::{BackupReader, ReadError, Section};
use super::{BackupFile, BackupFileError, Progress, Step};
use crate::damage::Damage;
use crate::format::backup::BackupEnd;
use crate::format::block::Block;
use crate::log::bookmark::Bookmarks;
use crate::log::events::{DecodedBlock, settle};

/// Reads the whole file and compares it with what its header and end state.
pub(super) fn check(
    reader: &mut BackupReader<impl Read>,
    file: &BackupFile,
    mut on_progress: impl FnMut(Progress),
) -> Result<(), BackupFileError> {
    let last_seq = file.end().last_seq();
    let mut fold = (!reader.header().is_incremental)
        .then(|| Fold { bookmarks: reader.header().bookmarks.clone(), ..Fold::default() });
    loop {
        let at_byte = reader.at_byte();
        let damaged = |why| file.name(ReadError::Damaged { at_byte, why });
        match reader.next().map_err(|error| file.name(error))? {
            Section::Base(images) => fold.as_mut().map_or(Ok(()), |fold| fold.base(images)).map_err(damaged)?,
            Section::Block(block, _) => {
                match &mut fold {
                    Some(fold) => fold.block(&block),
                    None => DecodedBlock::of(&block).map(drop),
                }
                .map_err(damaged)?;
                on_progress(Progress { step: Step::Check, seq: block.end().last_seq(), last_seq });
            }
            Section::End(end) => return fold.map_or(Ok(()), |fold| fold.expect(&end, file)),
        }
    }
}

/// The state to which the events fold.
#[derive(Default)]
struct Fold {
    board: Board,
    bookmarks: Bookmarks,
}

impl Fold {
    fn base(&mut self, images: Vec<ConversationImage>) -> Result<(), Damage> {
        for image in images {
            self.board.load(self.board.slot_count(), image).map_err(Damage::Conversation)?;
        }
        Ok(())
    }

    fn block(&mut self, block: &Block) -> Result<(), Damage> {
        DecodedBlock::of(block)?.fold(&mut self.board, &mut self.bookmarks);
        Ok(())
    }

    fn expect(mut self, end: &BackupEnd, file: &BackupFile) -> Result<(), BackupFileError> {
        let state = |what, expected: &dyn Display, found: &dyn Display| {
            let [expected, found] = [expected.to_string(), found.to_string()];
            let path = file.path().to_owned();
            if expected == found { Ok(()) } else { Err(BackupFileError::State { path, what, expected, found }) }
        };
        settle(&mut self.board);
        if end.fold_version == FOLD_VERSION {
            state("state hash", &end.state_hash, &self.board.state_hash())?;
        }
        state("number of conversations", &end.conversations, &self.board.len())?;
        let found: Vec<_> = self.bookmarks.into_iter().collect();
        let names = |bookmarks: &[(String, Vec<u8>)]| format!("{bookmarks:?}");
        state("bookmarks", &names(&end.bookmarks), &names(&found))
    }
}

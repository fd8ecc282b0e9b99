//! Reads bytes as the bookmark of a follower. Nothing panics, and what is read has a stored form that is read as the same.

#![no_main]

use convofold_cluster::Bookmark;
use libfuzzer_sys::fuzz_target;
use xxhash_rust::xxh3::xxh3_64;

fuzz_target!(|bytes: &[u8]| {
    // As it is, and with the checksum that belongs to it.
    let sealed = [bytes, &xxh3_64(bytes).to_le_bytes()].concat();
    for bytes in [bytes, sealed.as_slice()] {
        match Bookmark::from_bytes("cf/chat/7", bytes) {
            Ok(bookmark) => check(&bookmark),
            Err(error) => assert!(error.to_string().contains("cf/chat/7")),
        }
    }
});

fn check(bookmark: &Bookmark) {
    assert_eq!(Bookmark::from_bytes("cf/chat/7", &bookmark.to_bytes()).as_ref(), Ok(bookmark));
    let seqs: Vec<_> = bookmark.marks().iter().map(|place| place.mark.seq).collect();
    assert!(seqs.is_sorted_by(|one, other| one < other), "{seqs:?}");
    assert!(bookmark.marks().iter().all(|place| place.mark.seq <= bookmark.read_to && place.events <= bookmark.events));
    assert!(bookmark.last().is_none_or(|place| place.mark.seq == bookmark.read_to));
}

//! The files of the live page, from the binary or from a folder.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::LazyLock;

use axum::body::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use crate::tokens::hex;

/// The file that every page starts with.
pub(crate) const INDEX: &str = "index.html";

/// Name and content of every file.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/page.rs"));

static IN_BINARY: LazyLock<BTreeMap<&str, File>> = LazyLock::new(|| {
    let file = |name, content| File { gzip: gzip(content), ..File::new(name, Bytes::from_static(content)) };
    FILES.iter().map(|(name, content)| (*name, file(name, content))).collect()
});

/// A file of the page.
#[derive(Clone)]
pub(crate) struct File {
    pub(crate) content: Bytes,
    /// The content in gzip, if that was made ahead.
    pub(crate) gzip: Option<Bytes>,
    pub(crate) content_type: &'static str,
    /// In quotes, as the header has it.
    pub(crate) etag: String,
}

impl File {
    fn new(name: &str, content: Bytes) -> Self {
        let hash = hex(&Sha256::digest(&content));
        Self { content, gzip: None, content_type: content_type(name), etag: format!("\"{}\"", &hash[..32]) }
    }

    /// The file with this name: from the folder if there is one, otherwise from the binary.
    pub(crate) fn find(folder: Option<&Path>, name: &str) -> Option<Self> {
        match folder {
            None => IN_BINARY.get(name).cloned(),
            Some(_) if !is_plain(name) => None,
            Some(folder) => Some(Self::new(name, std::fs::read(folder.join(name)).ok()?.into())),
        }
    }
}

fn gzip(content: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).ok()?;
    encoder.finish().ok().filter(|compressed| compressed.len() < content.len()).map(Bytes::from)
}

/// Whether a name cannot leave the folder.
fn is_plain(name: &str) -> bool {
    name.split('/').all(|part| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    })
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json" | "webmanifest") => "application/json",
        _ => "text/plain; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_the_folder() {
        for name in ["board.js", "vendor/htm.mjs", "a_b-c.css"] {
            assert!(is_plain(name), "{name}");
        }
        for name in ["", "/", "../x", "a/../b", "/etc/passwd", ".git", "a//b", "a\\b", "a\0b", "vendor/"] {
            assert!(!is_plain(name), "{name}");
        }
    }

    #[test]
    fn the_binary_has_the_page_and_a_folder_takes_precedence() {
        let index = File::find(None, INDEX).unwrap();
        assert!(index.content.starts_with(b"<!doctype html>"));
        assert!(File::find(None, "../Cargo.toml").is_none());
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(INDEX), "<!doctype html>mine").unwrap();
        let mine = File::find(Some(folder.path()), INDEX).unwrap();
        assert_eq!((&*mine.content, mine.etag == index.etag), (&b"<!doctype html>mine"[..], false));
        assert!(File::find(Some(folder.path()), "../x").is_none());
    }
}

//! The files of the live page, from the binary or from a folder.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use sha2::{Digest, Sha256};

use crate::tokens::hex;

/// The file that every page starts with.
pub(crate) const INDEX: &str = "index.html";

/// Name and content of every file.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/page.rs"));

static IN_BINARY: LazyLock<BTreeMap<&str, File>> =
    LazyLock::new(|| FILES.iter().map(|(name, content)| (*name, File::new(name, Cow::Borrowed(*content)))).collect());

/// A file of the page.
#[derive(Clone)]
pub(crate) struct File {
    pub(crate) content: Cow<'static, [u8]>,
    pub(crate) content_type: &'static str,
    /// In quotes, as the header has it.
    pub(crate) etag: String,
}

impl File {
    fn new(name: &str, content: Cow<'static, [u8]>) -> Self {
        let hash = hex(&Sha256::digest(&content));
        Self { content, content_type: content_type(name), etag: format!("\"{}\"", &hash[..32]) }
    }

    /// The file with this name: from the folder if there is one, otherwise from the binary.
    pub(crate) fn find(folder: Option<&Path>, name: &str) -> Option<Self> {
        match folder {
            None => IN_BINARY.get(name).cloned(),
            Some(_) if !is_plain(name) => None,
            Some(folder) => Some(Self::new(name, Cow::Owned(std::fs::read(folder.join(name)).ok()?))),
        }
    }
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

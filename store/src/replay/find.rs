//! Inputs that are named by paths: files, folders and patterns.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use super::input::Input;

/// Why a path names no input.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FindError {
    /// There is no such file or folder.
    #[error("no such file or folder: {}", .path.display())]
    NotFound {
        /// The path.
        path: PathBuf,
    },
    /// The path is not a valid pattern.
    #[error("invalid pattern {pattern:?}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// The error and its position.
        source: glob::PatternError,
    },
    /// No file matches the pattern.
    #[error("no file matches {pattern:?}")]
    NoMatch {
        /// The pattern.
        pattern: String,
    },
}

/// The inputs that [`Input::find`] found.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct FoundInputs {
    /// The inputs. What exists but cannot be read is one of them, so that the replay reports it.
    pub inputs: Vec<Input>,
    /// What was skipped in folders and by patterns.
    pub skipped: Vec<SkippedFile>,
}

/// A file or folder that was skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SkippedFile {
    /// Its path.
    pub path: PathBuf,
    /// What it is: `a hidden file`.
    pub reason: &'static str,
}

impl Input {
    /// Finds the inputs that a path names: a file, all files of a folder and its subfolders sorted by name, or all files
    /// that match a pattern such as `logs/*.gz`. An existing path is taken literally, even if it contains pattern
    /// characters.
    ///
    /// In folders and by patterns, hidden files, files of editors (`log~`, `#log#`, `.log.swp`), databases, devices, pipes
    /// and links to a folder above are skipped, and without mention the paths in `except`, such as the folder of the
    /// database. A named pipe that the path names is opened at once, because it can be opened only once.
    ///
    /// # Errors
    /// [`FindError`] if the path names nothing.
    pub fn find(path: impl AsRef<Path>, except: &[&Path]) -> Result<FoundInputs, FindError> {
        let except = except.iter().filter_map(|path| path.canonicalize().ok()).collect();
        let mut search = Search { except, files: Vec::new(), skipped: Vec::new() };
        let path = path.as_ref();
        if path.exists() {
            search.add(path);
        } else {
            search.add_matches(path)?;
        }
        let inputs = search.files.into_iter().map(Self::file).collect();
        Ok(FoundInputs { inputs, skipped: search.skipped })
    }

    fn file(path: PathBuf) -> Self {
        let is_pipe = path.metadata().is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir());
        match is_pipe.then(|| File::open(&path)) {
            Some(Ok(pipe)) => Self::reader(path.display().to_string(), pipe),
            // What cannot be opened is reported by the replay.
            _ => Self::path(path),
        }
    }
}

struct Search {
    except: Vec<PathBuf>,
    files: Vec<PathBuf>,
    skipped: Vec<SkippedFile>,
}

impl Search {
    fn add_matches(&mut self, path: &Path) -> Result<(), FindError> {
        let Some(pattern) = path.to_str().filter(|text| text.contains(['*', '?', '['])) else {
            return Err(FindError::NotFound { path: path.to_owned() });
        };
        // Like a shell: `*` does not match a leading dot.
        let options = glob::MatchOptions { require_literal_leading_dot: true, ..glob::MatchOptions::default() };
        let invalid = |source| FindError::Pattern { pattern: pattern.to_owned(), source };
        let mut is_none = true;
        for path in glob::glob_with(pattern, options).map_err(invalid)? {
            is_none = false;
            match path {
                Ok(path) if is_of_an_editor(&path) => self.skip(path, EDITOR),
                Ok(path) => self.add(&path),
                Err(error) => self.files.push(error.path().to_owned()),
            }
        }
        if is_none { Err(FindError::NoMatch { pattern: pattern.to_owned() }) } else { Ok(()) }
    }

    fn add(&mut self, path: &Path) {
        if !path.is_dir() {
            return self.files.push(path.to_owned());
        }
        if self.is_excepted(path) {
            return;
        }
        if is_database(path) {
            return self.skip(path.to_owned(), DATABASE);
        }
        let mut walk = WalkDir::new(path).follow_links(true).sort_by_file_name().into_iter();
        while let Some(entry) = walk.next() {
            match entry {
                Ok(entry) if entry.depth() == 0 => {}
                Ok(entry) => {
                    let is_folder = entry.file_type().is_dir();
                    if !self.add_entry(entry) && is_folder {
                        walk.skip_current_dir();
                    }
                }
                Err(error) => self.add_unreadable(path, &error),
            }
        }
    }

    /// Adds a file of a folder. Returns whether it was taken or, if it is a folder, is to be entered.
    fn add_entry(&mut self, entry: DirEntry) -> bool {
        if self.is_excepted(entry.path()) {
            return false;
        }
        let reason = reason_to_skip(&entry);
        match reason {
            Some(reason) => self.skip(entry.into_path(), reason),
            None if entry.file_type().is_dir() => {}
            None => self.files.push(entry.into_path()),
        }
        reason.is_none()
    }

    /// What exists but cannot be entered, or a link that leads in a circle.
    fn add_unreadable(&mut self, folder: &Path, error: &walkdir::Error) {
        let path = error.path().unwrap_or(folder).to_owned();
        if is_hidden(&path) {
            return self.skip(path, HIDDEN);
        }
        let is_link = fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_symlink());
        let kind = error.io_error().map(io::Error::kind);
        let is_explained = matches!(kind, Some(io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied));
        if error.loop_ancestor().is_some() || (is_link && !is_explained) {
            self.skip(path, "a link that leads in a circle");
        } else {
            self.files.push(path);
        }
    }

    fn is_excepted(&self, path: &Path) -> bool {
        path.canonicalize().is_ok_and(|path| self.except.contains(&path))
    }

    fn skip(&mut self, path: PathBuf, reason: &'static str) {
        self.skipped.push(SkippedFile { path, reason });
    }
}

const HIDDEN: &str = "a hidden file";
const EDITOR: &str = "a file of an editor";
const DATABASE: &str = "a convofold database";

fn reason_to_skip(entry: &DirEntry) -> Option<&'static str> {
    let kind = entry.file_type();
    if is_hidden(entry.path()) {
        Some(if kind.is_dir() { "a hidden folder" } else { HIDDEN })
    } else if kind.is_dir() {
        is_database(entry.path()).then_some(DATABASE)
    } else if is_of_an_editor(entry.path()) {
        Some(EDITOR)
    } else if kind.is_file() {
        None
    } else {
        Some("not a regular file")
    }
}

fn is_database(folder: &Path) -> bool {
    folder.join("FORMAT").is_file() && (folder.join("HEAD").is_file() || folder.join("sled").is_dir())
}

fn name(path: &Path) -> &[u8] {
    path.file_name().unwrap_or_default().as_encoded_bytes()
}

fn is_hidden(path: &Path) -> bool {
    name(path).starts_with(b".")
}

/// A backup copy, an automatic copy or a swap file.
fn is_of_an_editor(path: &Path) -> bool {
    let name = name(path);
    name.ends_with(b"~") || (name.starts_with(b"#") && name.ends_with(b"#"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        folder
    }

    #[track_caller]
    fn finds(folder: &tempfile::TempDir, argument: &str, expected: &[&str], skipped: &[&str]) {
        let except = folder.path().join("db");
        let found = Input::find(folder.path().join(argument), &[&except]).unwrap();
        let within = |names: &[&str]| names.iter().map(|name| folder.path().join(name)).collect::<Vec<_>>();
        let names: Vec<_> = found.inputs.iter().map(|input| PathBuf::from(input.name())).collect();
        assert_eq!(names, within(expected));
        assert_eq!(found.skipped.into_iter().map(|file| file.path).collect::<Vec<_>>(), within(skipped));
    }

    #[test]
    fn a_folder_is_its_files_in_the_order_of_their_names() {
        let logs = folder(&["b.ndjson", "a/2.gz", "a/1.zst", ".hidden", "c", ".git/config", "db/log"]);
        finds(&logs, "", &["a/1.zst", "a/2.gz", "b.ndjson", "c"], &[".git", ".hidden"]);
        finds(&logs, "*", &["a/1.zst", "a/2.gz", "b.ndjson", "c"], &[]);
    }

    #[test]
    fn files_of_editors_and_databases_are_skipped() {
        let databases = ["other/FORMAT", "other/sled/db", "compacted/FORMAT", "compacted/HEAD", "compacted/sled-2/db"];
        let logs = folder(&[&["a", ".a.swp", "a~", "#a#", "sled/db"][..], &databases].concat());
        finds(&logs, "", &["a", "sled/db"], &["#a#", ".a.swp", "a~", "compacted", "other"]);
        finds(&logs, "*", &["a", "sled/db"], &["#a#", "a~", "compacted", "other"]);
        finds(&logs, "other", &[], &["other"]);
    }

    #[test]
    fn a_pattern_is_expanded() {
        let logs = folder(&["b.gz", "a.gz", "c.txt", "d/e.gz", ".f.gz"]);
        finds(&logs, "*.gz", &["a.gz", "b.gz"], &[]);
        finds(&logs, "**/*.gz", &["a.gz", "b.gz", "d/e.gz"], &[]);
    }

    #[test]
    fn a_name_that_exists_is_no_pattern() {
        let logs = folder(&["log[1].txt", "log1.txt", "log~"]);
        finds(&logs, "log[1].txt", &["log[1].txt"], &[]);
        finds(&logs, "log~", &["log~"], &[]);
    }

    #[test]
    fn what_leads_nowhere_is_an_error() {
        let logs = folder(&[]);
        let error = |path: &str| Input::find(logs.path().join(path), &[]).unwrap_err();
        assert!(matches!(error("none.txt"), FindError::NotFound { .. }));
        assert!(matches!(error("none*.txt"), FindError::NoMatch { .. }));
        assert!(matches!(error("***x"), FindError::Pattern { .. }));
        finds(&logs, "", &[], &[]);
    }

    /// Regression: a link in a circle, or a link to a missing file, stopped the replay of a folder.
    #[cfg(unix)]
    #[test]
    fn circles_are_skipped_and_broken_links_are_found() {
        use std::os::unix::fs::symlink;

        let logs = folder(&["a/log"]);
        let link = |target: &str, name: &str| symlink(target, logs.path().join(name)).unwrap();
        link("..", "a/up");
        link("self", "self");
        link("gone", "lost");
        finds(&logs, "", &["a/log", "lost"], &["a/up", "self"]);
    }
}

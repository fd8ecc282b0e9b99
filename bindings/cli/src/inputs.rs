//! FILE arguments: files, folders, patterns, and `-` for standard input.

use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use crate::error::CliError;
use crate::exit::Exit;

/// An input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
}

/// Finds all inputs that the arguments name, in the order of the arguments. The files of a folder are sorted by name.
/// Hidden files and the command's `own` files are skipped in folders.
///
/// # Errors
/// [`CliError`] names the argument that matches nothing.
pub fn find(arguments: &[PathBuf], own: &[&Path]) -> Result<Vec<Source>, CliError> {
    let own: Vec<_> = own.iter().filter_map(|path| path.canonicalize().ok()).collect();
    let mut sources = Vec::new();
    for argument in arguments {
        if argument.as_os_str() == "-" {
            if sources.contains(&Source::Stdin) {
                return Err(CliError::new(Exit::Usage, "standard input (-) can be read only once"));
            }
            sources.push(Source::Stdin);
        } else {
            for path in expand(argument)? {
                add(&path, &own, &mut sources)?;
            }
        }
    }
    Ok(sources)
}

/// An existing name is taken literally, even if it contains pattern characters.
fn expand(argument: &Path) -> Result<Vec<PathBuf>, CliError> {
    if argument.exists() {
        return Ok(vec![argument.to_owned()]);
    }
    let not_found = || CliError::new(Exit::Failure, format!("no such file or folder: {}", argument.display()));
    let pattern = argument.to_str().filter(|text| text.contains(['*', '?', '[']));
    let Some(pattern) = pattern else {
        return Err(not_found().hint("FILE is an event log, a folder of logs, a pattern such as 'logs/*.gz', or -"));
    };
    let bad = |error: glob::PatternError| CliError::new(Exit::Usage, format!("invalid pattern {pattern:?}: {error}"));
    let mut paths = Vec::new();
    for path in glob::glob(pattern).map_err(bad)? {
        paths.push(path.map_err(|error| CliError::io("read", error.path(), error.error()))?);
    }
    if paths.is_empty() {
        return Err(CliError::new(Exit::Failure, format!("no file matches {pattern:?}")));
    }
    Ok(paths)
}

fn add(path: &Path, own: &[PathBuf], sources: &mut Vec<Source>) -> Result<(), CliError> {
    if !path.is_dir() {
        sources.push(Source::File(path.to_owned()));
        return Ok(());
    }
    let is_own = |entry: &DirEntry| entry.path().canonicalize().is_ok_and(|path| own.contains(&path));
    let is_hidden = |entry: &DirEntry| entry.depth() > 0 && entry.file_name().as_encoded_bytes().starts_with(b".");
    let walk = WalkDir::new(path).follow_links(true).sort_by_file_name().into_iter();
    for entry in walk.filter_entry(|entry| !is_hidden(entry) && !is_own(entry)) {
        let entry = entry.map_err(|error| CliError::new(Exit::Failure, format!("cannot read a folder: {error}")))?;
        if !entry.file_type().is_dir() {
            sources.push(Source::File(entry.into_path()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        folder
    }

    #[track_caller]
    fn finds(folder: &tempfile::TempDir, argument: &str, expected: &[&str]) {
        let own = folder.path().join("db");
        let found = find(&[folder.path().join(argument)], &[&own]).unwrap();
        let expected: Vec<_> = expected.iter().map(|file| Source::File(folder.path().join(file))).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_folder_is_its_files_in_the_order_of_their_names() {
        let logs = folder(&["b.ndjson", "a/2.gz", "a/1.zst", ".hidden", "c", ".git/config", "db/log"]);
        finds(&logs, "", &["a/1.zst", "a/2.gz", "b.ndjson", "c"]);
    }

    #[test]
    fn a_pattern_that_the_shell_left_alone_is_expanded() {
        let logs = folder(&["b.gz", "a.gz", "c.txt", "d/e.gz"]);
        finds(&logs, "*.gz", &["a.gz", "b.gz"]);
        finds(&logs, "**/*.gz", &["a.gz", "b.gz", "d/e.gz"]);
    }

    #[test]
    fn a_name_that_exists_is_no_pattern() {
        let logs = folder(&["log[1].txt", "log1.txt"]);
        finds(&logs, "log[1].txt", &["log[1].txt"]);
    }

    #[test]
    fn what_leads_nowhere_is_named() {
        let logs = folder(&[]);
        for argument in ["none.txt", "none*.txt", "[", "logs/***x"] {
            assert!(find(&[logs.path().join(argument)], &[]).is_err(), "{argument}");
        }
        assert!(find(&["-".into(), "-".into()], &[]).is_err());
        assert_eq!(find(&["-".into()], &[]).unwrap(), [Source::Stdin]);
        assert_eq!(find(&[logs.path().to_owned()], &[]).unwrap(), []);
    }
}

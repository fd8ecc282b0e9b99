//! FILE arguments: files, folders, patterns, and `-` for standard input.

use std::path::{Path, PathBuf};

use convofold::replay::{FindError, FoundInputs, Input, SkippedFile};

use crate::error::{CliError, chain};
use crate::exit::Exit;

/// The name of standard input, as an argument and in reports.
pub const STDIN: &str = "-";
/// Maximum number of skipped files to name.
const MAX_NAMED: usize = 5;

/// Finds all inputs that the arguments name, in the order of the arguments, and what was skipped in folders. The command's
/// `own` files are left out.
///
/// # Errors
/// [`CliError`] names the argument that matches nothing.
pub fn find(arguments: &[PathBuf], own: &[&Path]) -> Result<(Vec<Input>, Vec<SkippedFile>), CliError> {
    let (mut inputs, mut all_skipped) = (Vec::new(), Vec::new());
    let mut stdin = Some(std::io::stdin());
    for argument in arguments {
        if argument.as_os_str() == STDIN {
            let Some(stdin) = stdin.take() else {
                return Err(CliError::new(Exit::Usage, "standard input (-) can be read only once"));
            };
            inputs.push(Input::reader(STDIN, stdin));
            continue;
        }
        let FoundInputs { inputs: found, skipped, .. } =
            Input::find(argument, own).map_err(|error| not_found(&error))?;
        inputs.extend(found);
        all_skipped.extend(skipped);
    }
    Ok((inputs, all_skipped))
}

fn not_found(error: &FindError) -> CliError {
    let exit = if matches!(error, FindError::Pattern { .. }) { Exit::Usage } else { Exit::Failure };
    CliError::new(exit, chain(error))
        .hint("FILE is an event log, a folder of logs, a pattern such as 'logs/*.gz', or -")
}

/// A note about skipped files, if there are any.
#[must_use]
pub fn note_of(skipped: &[SkippedFile]) -> Option<String> {
    let named = |file: &SkippedFile| format!("{} ({})", file.path.display(), file.reason);
    let mut names: Vec<String> = skipped.iter().take(MAX_NAMED).map(named).collect();
    if skipped.len() > MAX_NAMED {
        names.push(format!("and {} more", skipped.len() - MAX_NAMED));
    }
    (!names.is_empty()).then(|| format!("skipped: {}", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_input_is_read_once() {
        assert!(find(&["-".into(), "-".into()], &[]).is_err());
        assert_eq!(find(&["-".into()], &[]).unwrap().0.len(), 1);
    }

    #[test]
    fn what_leads_nowhere_is_named() {
        let folder = tempfile::tempdir().unwrap();
        for argument in ["none.txt", "none*.txt", "["] {
            assert!(find(&[folder.path().join(argument)], &[]).is_err(), "{argument}");
        }
    }

    #[test]
    fn some_skipped_files_are_named_and_the_others_counted() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(note_of(&[]), None);
        for number in 0..7 {
            std::fs::write(folder.path().join(format!("{number}~")), "").unwrap();
        }
        let (_, skipped) = find(&[folder.path().to_owned()], &[]).unwrap();
        let note = note_of(&skipped).unwrap();
        assert!(note.contains("4~ (a file of an editor), and 2 more") && !note.contains("5~"), "{note}");
    }
}

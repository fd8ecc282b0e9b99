//! What is stored about a member.

use convofold::{Subject, SubjectParams};
use pyo3::prelude::*;

use crate::database::Convofold;
use crate::error::{Failure, value_error};
use crate::result::{Show, result};
use crate::stream::Target;

result! {
    /// What was disclosed.
    Disclosed from convofold::Disclosed {
        /// Number of conversations.
        conversations: u64,
        /// Number of events.
        events: u64,
    }
}

/// The subjects that arguments name.
fn subjects(
    members: Option<Vec<String>>,
    numbers: Option<Vec<String>>,
    conversations: Option<Vec<String>>,
) -> Result<Vec<Subject>, Failure> {
    let [members, numbers, conversations] = [members, numbers, conversations].map(Option::unwrap_or_default);
    let params = SubjectParams { members, numbers, conversations };
    params.subjects().map_err(|error| value_error(error.to_string()))
}

#[pymethods]
impl Convofold {
    /// Writes everything that is stored about members: every event of their conversations, conflicts included, as a line of JSON
    /// in convofold's own format. The target is a path or a file opened in binary mode.
    ///
    /// - `members`: business ids and channel ids, `superoffice:TENANT:customer:ID` or `superoffice:TENANT:contact:ID`.
    /// - `numbers`: numbers of members, with or without `+` and spaces.
    /// - `conversations`: ids of conversations.
    #[pyo3(signature = (target, *, members=None, numbers=None, conversations=None))]
    fn disclose(
        &self,
        py: Python<'_>,
        target: Target,
        members: Option<Vec<String>>,
        numbers: Option<Vec<String>>,
        conversations: Option<Vec<String>>,
    ) -> Result<Disclosed, Failure> {
        let subjects = subjects(members, numbers, conversations)?;
        let db = self.open()?;
        let target = target.outside(self.dir())?;
        target.write(py, move |mut out| Ok(db.disclose(&subjects, &mut out)?)).map(Show::show)
    }
}

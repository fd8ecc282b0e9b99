//! Members: what is stored about them, and legal holds.

use convofold::{Subject, SubjectParams};
use pyo3::prelude::*;

use crate::database::Convofold;
use crate::error::{Failure, value_error};
use crate::result::{Show, result};
use crate::stream::Target;
use crate::time::Utc;

result! {
    /// What was disclosed.
    Disclosed from convofold::Disclosed {
        /// Number of conversations.
        conversations: u64,
        /// Number of events.
        events: u64,
        /// Number of lines of other files in the directory of the database, such as rejects of a server.
        lines: u64,
    }
}

result! {
    /// A legal hold.
    Hold from hold: convofold::Hold {
        /// Number of the hold.
        number: u64,
        /// When it was placed, in milliseconds since the epoch.
        at: i64,
        /// Whom it is about, such as `member 700100`.
        subject: String = hold.subject.to_string(),
        /// Why.
        reason: String,
    }
    utc { at_utc: Utc = at, }
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

    /// Places a legal hold and returns its number: until it is lifted, conversations of this member, those that come later
    /// included, are neither erased nor removed by retention. Exactly one of `member`, `number` and `conversation` is given.
    #[pyo3(signature = (reason, *, member=None, number=None, conversation=None))]
    fn hold(
        &self,
        py: Python<'_>,
        reason: String,
        member: Option<String>,
        number: Option<String>,
        conversation: Option<String>,
    ) -> Result<u64, Failure> {
        let [members, numbers, conversations] = [member, number, conversation].map(|value| Some(Vec::from_iter(value)));
        let mut subjects = subjects(members, numbers, conversations)?;
        match (subjects.pop(), subjects.pop()) {
            (Some(subject), None) => self.detached(py, move |db| db.hold(subject, reason)),
            _ => Err(value_error("expected one of member, number and conversation".to_owned())),
        }
    }

    /// Lifts a legal hold.
    fn lift_hold(&self, py: Python<'_>, number: u64) -> Result<(), Failure> {
        self.detached(py, move |db| db.lift_hold(number))
    }

    /// Returns all legal holds.
    fn holds(&self, py: Python<'_>) -> Result<Vec<Hold>, Failure> {
        self.asked(py, convofold::Convofold::holds).map(Show::show)
    }
}

//! Members: what is stored about them, erasures, legal holds and retention.

use std::time::Duration;

use convofold::erase::Erase;
use convofold::retention::{Retention, Rule};
use convofold::{Status, Subject, SubjectParams, Time};
use pyo3::prelude::*;

use crate::database::Convofold;
use crate::error::{Failure, value_error};
use crate::names::Name;
use crate::result::{Show, result};
use crate::stream::Target;
use crate::time::{GivenTime, Utc};

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
    /// The receipt of an erasure, for an auditor. It names nobody.
    Erasure from convofold::erase::Erasure {
        /// Number of the erasure, from 1.
        number: u64,
        /// When it was made, in milliseconds since the epoch.
        at: i64,
        /// The reason that was given to the erasure.
        rule: String,
        /// Number of erased conversations.
        conversations: u64,
        /// Number of erased events.
        events: u64,
        /// Sequence number of the last event then.
        last_seq: u64,
        /// HMAC of the state hash before it, in hexadecimal digits, with a key of the database.
        keyed_hash_before: String,
        /// State hash after it.
        hash_after: String,
    }
    utc { at_utc: Utc = at, }
}

result! {
    /// What an erasure did.
    Erased from convofold::erase::Erased {
        /// The receipt, which is kept in the database.
        receipt: Erasure,
        /// Number of erased names, ids and texts that also occur in other conversations, where they stay.
        also_elsewhere: u64,
        /// Number of stored values with recorded hashes that were damaged, and are gone. Each had up to 128.
        damaged_values: u64,
        /// Size of the storage before, in bytes.
        before_bytes: u64,
        /// Size of the storage now, in bytes.
        after_bytes: u64,
    }
}

result! {
    /// A conversation that an erasure would change.
    Erasable from found: convofold::erase::Erasable {
        /// Id of the conversation.
        conversation: String,
        /// Number of its events.
        events: u64,
        /// Sequence number of its first event.
        first_seq: u64,
        /// Status: `open` or `closed`.
        status: Name<Status>,
        /// How its events name the member.
        by: String = found.by.to_string(),
        /// Whether a legal hold keeps it.
        held: bool,
    }
}

result! {
    /// A run of retention.
    RetentionRun from run: convofold::retention::RetentionRun {
        /// Number of the run, from 1.
        number: u64,
        /// When it was made, in milliseconds since the epoch.
        at: i64,
        /// Number of events that were trimmed from the log.
        trimmed_events: u64,
        /// What was removed, by tenant.
        horizons: Vec<RetentionHorizon>,
        /// Number of conversations that a legal hold kept as they are.
        held: u64,
        /// HMAC of the state hash before it, in hexadecimal digits, with a key of the database.
        keyed_hash_before: String,
        /// State hash after it.
        hash_after: String,
    }
    utc { at_utc: Utc = at, }
}

result! {
    /// What a run of retention removed of one tenant.
    RetentionHorizon from convofold::retention::RetentionHorizon {
        /// The tenant; None for all without a rule of their own.
        tenant: Option<String>,
        /// The time before which texts are gone, in milliseconds since the epoch; None without a rule for texts.
        texts_before: Option<i64>,
        /// The time before which conversations that ended are gone, in milliseconds since the epoch; None without such a rule.
        closed_before: Option<i64>,
        /// Number of removed texts.
        texts: u64,
        /// Number of removed conversations.
        conversations: u64,
        /// Number of their events.
        events: u64,
    }
}

result! {
    /// What a run of retention did, or would do.
    Retained from convofold::retention::Retained {
        /// The run, as it is recorded.
        run: RetentionRun,
        /// Size of the storage before, in bytes.
        before_bytes: u64,
        /// Size of the storage now, in bytes.
        after_bytes: u64,
        /// Number of stored values with recorded hashes that were damaged, and are gone. Each had up to 128.
        damaged_values: u64,
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

/// The rules of retention that arguments name.
fn rules(log: Option<Duration>, texts: Option<Duration>, closed: Option<Duration>, tenant: Option<&str>) -> Retention {
    let rules = Retention::new().log_older_than(log);
    match tenant {
        Some(tenant) => rules.tenant(tenant, Rule::new().texts_older_than(texts).closed_older_than(closed)),
        None => rules.texts_older_than(texts).closed_older_than(closed),
    }
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

    /// Erases members while the database is in use: their texts, names, numbers and ids disappear, and their conversations stay
    /// under a random id, with counts, times and agents. Returns None if nothing is about them. What was erased and arrives again
    /// is counted as `erased`.
    ///
    /// - `members`, `numbers`, `conversations`: as in `disclose`.
    /// - `open_too`: also erases open conversations; without it, they are an error.
    /// - `rule`: why, for the receipt. It must not name the member.
    ///
    /// The database is read as a whole and written again, which needs room for a second copy on the disk.
    #[pyo3(signature = (*, members=None, numbers=None, conversations=None, open_too=false, rule=None))]
    fn erase(
        &self,
        py: Python<'_>,
        members: Option<Vec<String>>,
        numbers: Option<Vec<String>>,
        conversations: Option<Vec<String>>,
        open_too: bool,
        rule: Option<String>,
    ) -> Result<Option<Erased>, Failure> {
        let erase = Erase::new(subjects(members, numbers, conversations)?).open_too(open_too);
        let erase = match rule {
            Some(rule) => erase.rule(rule),
            None => erase,
        };
        self.detached(py, move |db| db.erase(&erase)).map(Show::show)
    }

    /// Returns the conversations that an erasure would change. The arguments are those of `disclose`.
    #[pyo3(signature = (*, members=None, numbers=None, conversations=None))]
    fn erasable(
        &self,
        py: Python<'_>,
        members: Option<Vec<String>>,
        numbers: Option<Vec<String>>,
        conversations: Option<Vec<String>>,
    ) -> Result<Vec<Erasable>, Failure> {
        let erase = Erase::new(subjects(members, numbers, conversations)?);
        self.detached(py, move |db| erase.dry_run(db)).map(Show::show)
    }

    /// Returns the receipts of all erasures. They name nobody.
    fn erasures(&self, py: Python<'_>) -> Result<Vec<Erasure>, Failure> {
        self.asked(py, convofold::Convofold::erasures).map(Show::show)
    }

    /// Removes what is older than these ages (`datetime.timedelta`), while the database is in use. Nothing that was removed comes
    /// back if it arrives again. Conversations under a legal hold stay as they are.
    ///
    /// - `log`: drops older events from the log; states stay.
    /// - `texts`: removes older texts; events, counts and times stay.
    /// - `closed`: removes conversations that are closed and in which nothing happened since. It needs `log`, the same or shorter.
    /// - `tenant`: `texts` and `closed` are for this tenant only.
    /// - `now`: the time to which ages count (default: now).
    /// - `dry_run`: says what would be removed, and changes nothing.
    ///
    /// If texts or conversations are removed, the database is read as a whole and written again, which needs room for a second copy on the
    /// disk.
    #[pyo3(signature = (*, log=None, texts=None, closed=None, tenant=None, now=None, dry_run=false))]
    #[expect(clippy::too_many_arguments, reason = "they are keyword arguments")]
    fn retain(
        &self,
        py: Python<'_>,
        log: Option<Duration>,
        texts: Option<Duration>,
        closed: Option<Duration>,
        tenant: Option<&str>,
        now: Option<GivenTime>,
        dry_run: bool,
    ) -> Result<Retained, Failure> {
        let rules = rules(log, texts, closed, tenant);
        rules.check().map_err(|error| value_error(error.to_string()))?;
        let now = now.map_or_else(Time::now, |now| now.0);
        self.detached(py, move |db| db.retain(&rules, now, dry_run)).map(Show::show)
    }

    /// Returns all runs of retention.
    fn retention_runs(&self, py: Python<'_>) -> Result<Vec<RetentionRun>, Failure> {
        self.asked(py, convofold::Convofold::retention_runs).map(Show::show)
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

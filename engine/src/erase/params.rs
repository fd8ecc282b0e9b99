//! Subjects as texts, as people and programs name them.

use serde::{Deserialize, Serialize};

use super::subject::{InvalidSubject, Subject};
use crate::event::SUPEROFFICE;

/// Whom an erasure or a disclosure is about, as texts: what HTTP, C and Python have in common. Each list has the values of the
/// option of `convofold erase` with this name.
///
/// ```
/// use convofold_engine::{Subject, SubjectParams};
///
/// let params = SubjectParams { members: vec!["700100".to_owned()], ..SubjectParams::default() };
/// assert_eq!(params.subjects()?, [Subject::Member("700100".to_owned())]);
/// # Ok::<_, convofold_engine::SubjectParamError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SubjectParams {
    /// Ids of members; see [`Subject::member`].
    pub members: Vec<String>,
    /// Numbers of members, with or without `+` and spaces.
    pub numbers: Vec<String>,
    /// Ids of conversations.
    pub conversations: Vec<String>,
}

/// Why texts name no subject.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubjectParamError {
    /// All lists are empty.
    #[error("expected members, numbers or conversations, found none")]
    Nobody,
    /// A text in this list is empty.
    #[error("{param}: expected a text, found an empty one")]
    Empty {
        /// The list.
        param: &'static str,
    },
    /// The id of a member has another form.
    #[error(transparent)]
    Member(#[from] InvalidSubject),
}

impl SubjectParams {
    /// The subjects, of which there is at least one.
    ///
    /// # Errors
    /// [`SubjectParamError`]
    pub fn subjects(&self) -> Result<Vec<Subject>, SubjectParamError> {
        let Self { members, numbers, conversations } = self;
        for (param, values) in [("members", members), ("numbers", numbers), ("conversations", conversations)] {
            if values.iter().any(|value| value.trim().is_empty()) {
                return Err(SubjectParamError::Empty { param });
            }
        }
        let mut subjects = members.iter().map(|id| Subject::member(id)).collect::<Result<Vec<_>, _>>()?;
        subjects.extend(numbers.iter().cloned().map(Subject::Number));
        subjects.extend(conversations.iter().cloned().map(Subject::Conversation));
        if subjects.is_empty() { Err(SubjectParamError::Nobody) } else { Ok(subjects) }
    }
}

impl<'a> FromIterator<&'a Subject> for SubjectParams {
    fn from_iter<T: IntoIterator<Item = &'a Subject>>(subjects: T) -> Self {
        let mut params = Self::default();
        for subject in subjects {
            match subject {
                Subject::Member(id) => params.members.push(id.clone()),
                Subject::Number(number) => params.numbers.push(number.clone()),
                Subject::Conversation(id) => params.conversations.push(id.clone()),
                Subject::Customer { tenant, id } => {
                    params.members.push(format!("{SUPEROFFICE}:{tenant}:customer:{id}"));
                }
                Subject::Contact { tenant, id } => params.members.push(format!("{SUPEROFFICE}:{tenant}:contact:{id}")),
            }
        }
        params
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_read_as_they_are_written() {
        let written = r#"{"members":["700100","superoffice:Cust:1:customer:7","superoffice:Cust1:contact:8"],"numbers":["+47 900 00 001"],"conversations":["700100_1"]}"#;
        let params: SubjectParams = serde_json::from_str(written).unwrap();
        let subjects = params.subjects().unwrap();
        assert_eq!(subjects[1], Subject::Customer { tenant: "Cust:1".to_owned(), id: 7 });
        assert_eq!(subjects.iter().collect::<SubjectParams>(), params);
        assert_eq!(serde_json::to_string(&params).unwrap(), written);
    }

    #[test]
    fn nobody_an_empty_text_and_an_unknown_form_are_refused_by_name() {
        let said =
            |json: &str| serde_json::from_str::<SubjectParams>(json).unwrap().subjects().unwrap_err().to_string();
        assert!(said("{}").contains("found none"));
        assert!(said(r#"{"members":["7"],"numbers":[" "]}"#).starts_with("numbers"));
        assert!(said(r#"{"members":["superoffice:7"]}"#).contains("superoffice:7"));
        assert!(serde_json::from_str::<SubjectParams>(r#"{"member":["7"]}"#).is_err());
    }
}

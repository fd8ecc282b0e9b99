//! `diff -q`: the rows of a question as a side.

use std::collections::BTreeMap;
use std::sync::Arc;

use clap::Parser;
use convofold::diff::{Conversations, DiffError, Side};
use convofold::{ExportLine, HistoryEntry, StateHash};

use super::sides::OpenSide;
use crate::cli::{Cli, Command};
use crate::commands::list::Answered;
use crate::error::CliError;
use crate::exit::Exit;
use crate::past::Reader;

/// Stands for the database, which `open` and `list` need as an argument.
const NO_DATABASE: &str = "--db=-";

/// `open` or `list` with conditions.
#[derive(Clone, Debug)]
pub(crate) struct Question(Arc<Command>);

impl Question {
    /// Reads a question as a shell would.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let words = words(text).ok_or("a quotation mark is not closed")?;
        let args = ["convofold".to_owned()].into_iter().chain(words).chain([NO_DATABASE.to_owned()]);
        let cli = Cli::try_parse_from(args).map_err(|error| first_line(&error.to_string()))?;
        let finder = match &cli.command {
            Command::Open(args) => args.question().1,
            Command::List(args) => args.question().1,
            _ => return Err("a question is `open` or `list` with conditions".to_owned()),
        };
        if finder.has_moment() {
            return Err("the sides name the moments: DB@TIME, DB@known:TIME".to_owned());
        }
        Ok(Self(cli.command.into()))
    }

    /// The answer of a side.
    pub(crate) fn ask<'a>(&self, side: &'a OpenSide) -> Result<Answer<'a>, CliError> {
        let Some(reader) = side.as_reader() else {
            return Err(CliError::new(Exit::Usage, "an export does not answer questions: name a database or a backup"));
        };
        let (status, finder) = match &*self.0 {
            Command::Open(args) => args.question(),
            Command::List(args) => args.question(),
            _ => return Ok(Answer { reader, rows: BTreeMap::new() }),
        };
        let rows = finder.answer(status, reader)?.into_iter().map(line).collect::<Result<_, _>>()?;
        Ok(Answer { reader, rows })
    }
}

/// The rows that a question found. The events are those of the database.
pub(crate) struct Answer<'a> {
    reader: &'a Reader,
    rows: BTreeMap<String, ExportLine>,
}

fn line(row: Answered) -> Result<(String, ExportLine), CliError> {
    let mut fields = serde_json::Map::from_iter([("id".to_owned(), row.id.as_str().into())]);
    for (name, value) in row.cells {
        fields.insert(name.to_owned(), serde_json::to_value(value)?);
    }
    let line = ExportLine::parse(serde_json::Value::Object(fields).to_string());
    let line = line.map_err(|error| CliError::new(Exit::Failure, error.to_string()))?;
    Ok((row.id, line))
}

impl Side for Answer<'_> {
    fn known_hash(&self) -> Result<Option<StateHash>, DiffError> {
        Ok(None)
    }

    fn conversations(&self) -> Result<Conversations<'_>, DiffError> {
        Ok(Box::new(self.rows.values().map(|line| Ok(line.clone().into()))))
    }

    fn conversation(&self, id: &str) -> Result<Option<ExportLine>, DiffError> {
        Ok(self.rows.get(id).cloned())
    }

    fn history(&self, id: &str) -> Result<Option<Vec<HistoryEntry>>, DiffError> {
        Side::history(self.reader, id)
    }
}

fn first_line(error: &str) -> String {
    error.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

/// The words of a text, as a shell separates them: by spaces that are not between quotation marks. `None` if one is not closed.
fn words(text: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut mark) = (Vec::new(), None::<String>, None);
    for c in text.chars() {
        match mark {
            Some(open) if c == open => mark = None,
            None if c == '\'' || c == '"' => {
                mark = Some(c);
                word.get_or_insert_default();
            }
            None if c.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    mark.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_separated_as_by_a_shell() {
        let separated = |text| words(text).map(|words| words.join("|"));
        assert_eq!(separated(" open  --agent 'Agnes Moore'"), Some("open|--agent|Agnes Moore".to_owned()));
        assert_eq!(separated(r#"a"b 'c"d '' e"#), Some("ab 'cd||e".to_owned()));
        assert_eq!(separated("open 'x"), None);
        assert_eq!(separated(""), Some(String::new()));
    }

    #[test]
    fn a_question_lists_conversations_and_has_no_moment() {
        assert!(Question::parse("open --agent 'Agnes Moore' --unread-min 1").is_ok());
        assert!(Question::parse("list --status closed").is_ok());
        for (question, words) in [
            ("show c-1", "`open` or `list`"),
            ("open --as-of -2h", "DB@TIME"),
            ("open --agnet x", "--agnet"),
            ("open 'x", "not closed"),
            ("open --db x", "--db"),
        ] {
            let refused = Question::parse(question).map(drop).unwrap_err();
            assert!(refused.contains(words), "{question}: {refused}");
        }
    }
}

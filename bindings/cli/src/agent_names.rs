//! Names of agents for display, from a file of the operator. Exports, hashes and JSON output never contain them.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use convofold::AgentRef;

use crate::error::CliError;
use crate::exit::Exit;
use crate::output::text;

/// Where the names of agents come from.
#[derive(Debug, Args)]
pub struct AgentNamesArgs {
    /// Show agents under the names in this file: a JSON object {"ID": "NAME", ...}, or lines of the form ID,NAME.
    #[arg(long, value_name = "FILE", env = "CONVOFOLD_AGENT_NAMES")]
    agent_names: Option<PathBuf>,
}

impl AgentNamesArgs {
    /// Reads the file, if one is given.
    ///
    /// # Errors
    /// [`CliError`] names the line that has another form.
    pub fn read(&self) -> Result<AgentNames, CliError> {
        let Some(path) = &self.agent_names else { return Ok(AgentNames::default()) };
        let text = fs::read_to_string(path).map_err(|error| CliError::io("read", path, &error))?;
        AgentNames::parse(&text).map_err(|why| invalid(path, &why))
    }
}

fn invalid(path: &Path, why: &str) -> CliError {
    CliError::new(Exit::Usage, format!("{}: {why}", path.display()))
        .hint("--agent-names expects a JSON object {\"ID\": \"NAME\", ...}, or lines of the form ID,NAME")
}

/// Names by the ids of agents.
#[derive(Debug, Default)]
pub struct AgentNames(HashMap<String, String>);

impl AgentNames {
    fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim_start_matches('\u{feff}');
        if text.trim_start().starts_with('{') {
            return serde_json::from_str(text).map(Self).map_err(|error| error.to_string());
        }
        let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
        let pairs = lines.map(|(number, line)| {
            let (id, name) = line.split_once(',').ok_or_else(|| format!("line {number} has no comma"))?;
            Ok((unquoted(id), unquoted(name)))
        });
        pairs.collect::<Result<_, String>>().map(Self)
    }

    fn of(&self, agent: &AgentRef) -> Option<&str> {
        self.0.get(agent.id.as_deref()?).map(String::as_str)
    }

    /// The name of an agent, or its id.
    #[must_use]
    pub fn agent(&self, agent: Option<&AgentRef>) -> String {
        let Some(agent) = agent else { return text::NOBODY.to_owned() };
        text::or_unknown(self.of(agent).or(agent.name.as_deref()).or(agent.id.as_deref()))
    }

    /// An agent with name and id, as far as both are known.
    #[must_use]
    pub fn agent_in_full(&self, agent: Option<&AgentRef>) -> String {
        match agent {
            Some(known @ AgentRef { id: Some(id), name, .. }) if name.is_some() || self.of(known).is_some() => {
                format!("{} ({})", self.agent(agent), text::one_line(id))
            }
            other => self.agent(other),
        }
    }
}

/// A field of a line, without the quotes that spreadsheets put around it.
fn unquoted(field: &str) -> String {
    let field = field.trim();
    match field.strip_prefix('"').and_then(|field| field.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => field.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_the_file_replaces_that_of_the_events() {
        for text in ["{\"7\": \"Agnes M\", \"8\": \"Bert\"}", "\u{feff}7,Agnes M\r\n\n\"8\",\"Bert\"\n"] {
            let names = AgentNames::parse(text).unwrap();
            let [known, other, by_name] =
                [AgentRef::new("7", "agnes"), AgentRef::new("9", None), AgentRef::new(None, "7")];
            assert_eq!(names.agent(Some(&known)), "Agnes M");
            assert_eq!(names.agent_in_full(Some(&known)), "Agnes M (7)");
            assert_eq!(names.agent_in_full(Some(&AgentRef::new("8", None))), "Bert (8)");
            assert_eq!([names.agent(Some(&other)), names.agent_in_full(Some(&other))], ["9", "9"]);
            assert_eq!([names.agent(Some(&by_name)), names.agent(None)], ["7", "(nobody)"]);
        }
    }

    #[test]
    fn a_file_of_another_form_is_refused() {
        for text in ["{\"7\": 8}", "{", "7;Agnes"] {
            assert!(AgentNames::parse(text).is_err(), "{text}");
        }
    }
}

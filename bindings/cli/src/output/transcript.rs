//! The messages of a conversation.

use std::io::Write;

use convofold::{AgentMention, AgentRef, Direction, HistoryEntry};
use serde::Serialize;

use super::{event, text, time};
use crate::agent_names::AgentNames;
use crate::console::Console;
use crate::error::CliError;

const INDENT: &str = "                           ";

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Time of the message, in milliseconds since the epoch.
    pub at: i64,
    /// Its direction.
    pub direction: Option<Direction>,
    /// The channel.
    pub channel: Option<String>,
    /// The agent assigned at that point.
    pub agent: Option<AgentRef>,
    /// The text, if it has one.
    pub text: Option<String>,
}

/// The messages of a history, each with the agent assigned at its place.
#[must_use]
pub fn of(history: &[HistoryEntry]) -> Vec<Line> {
    let mut assigned: Option<AgentRef> = None;
    let mut lines = Vec::new();
    for entry in history.iter().filter(|entry| entry.counts) {
        let event = &entry.event;
        match event.agent() {
            // Only SuperOffice messages can unassign.
            AgentMention::Nobody => assigned = None,
            AgentMention::Agent { id, name, .. } => {
                assigned = Some(known_better(&AgentRef::new(id, name), assigned.as_ref()));
            }
            _ => {}
        }
        if event.kind().is_message() {
            lines.push(Line {
                at: entry.said_at.unwrap_or(entry.at),
                direction: event.direction(),
                channel: event.channel().map(str::to_owned),
                agent: assigned.clone(),
                text: event.text().map(str::to_owned),
            });
        }
    }
    lines
}

/// A mention of the assigned agent by id alone or name alone keeps the other part (F5).
fn known_better(mentioned: &AgentRef, assigned: Option<&AgentRef>) -> AgentRef {
    let same = assigned.filter(|assigned| match (&mentioned.id, &mentioned.name) {
        (Some(_), None) => assigned.id == mentioned.id,
        (None, Some(_)) => assigned.name == mentioned.name,
        _ => false,
    });
    same.unwrap_or(mentioned).clone()
}

/// Prints the transcript on standard output: time, direction, who, text.
///
/// # Errors
/// [`CliError`] where standard output takes no more.
pub fn print(lines: &[Line], member: Option<&str>, names: &AgentNames, console: &mut Console) -> Result<(), CliError> {
    for line in lines {
        let who = match line.direction {
            Some(Direction::In) => member.map_or_else(|| "member".to_owned(), text::one_line),
            Some(Direction::Out) if line.agent.is_none() => "agent".to_owned(),
            Some(Direction::Out) => names.agent(line.agent.as_ref()),
            None => "somebody".to_owned(),
        };
        let said = line.text.as_deref().map_or_else(|| "(no text)".to_owned(), text::safe);
        let said = said.replace('\n', &format!("\n{INDENT}"));
        let (at, arrow) = (time::to_millisecond(line.at), event::arrow(line.direction));
        writeln!(console.out(), "{at}  {arrow} {who}: {said}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mention_by_name_alone_is_the_agent_already_assigned() {
        let agnes = AgentRef::new("7", "Agnes");
        let by_name = AgentRef::new(None, "Agnes");
        assert_eq!(known_better(&by_name, Some(&agnes)), agnes);
        assert_eq!(known_better(&by_name, None), by_name);
    }
}

//! `convofold show`.

use std::io::Write;

use clap::Args;
use convofold::{Arrivals, MomentReport, State, Status, SuspectField, Suspicion};
use serde::Serialize;

use crate::agent_names::{AgentNames, AgentNamesArgs};
use crate::console::Console;
use crate::database::{DbArgs, IdArgs, NowArgs};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::table::Facts;
use crate::output::transcript::{self, Line};
use crate::output::{text, time};
use crate::past::{self, MomentArgs, did_not_exist};

/// Show one conversation: state, assignments and transcript.
///
/// Prints the state, every change of the agent, and the transcript in the order of event times on standard output. `<-`
/// marks messages from the member, `->` messages to the member, `--` messages of unknown direction.
///
/// --as-of and --known-at show it as it was, or as it was known, at another moment; ages count to that moment.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  convofold show 700100_1627535468595 --db ./db
  convofold show 'superoffice:Cust26703:1' --db ./db --json
  convofold show 700100_1627535468595 --db ./db --as-of 2021-07-29T05:11:30Z
  convofold show 700100_1627535468595 --db ./db --known-at seq:812
")]
pub struct ShowArgs {
    #[command(flatten)]
    id: IdArgs,
    #[command(flatten)]
    db: DbArgs,
    #[command(flatten)]
    moment: MomentArgs,
    #[command(flatten)]
    now: NowArgs,
    #[command(flatten)]
    agent_names: AgentNamesArgs,
    /// Print one JSON object: {"state": ..., "arrivals": ..., "transcript": [...]}; about the past also {"moment": ...},
    /// and `arrivals` is null.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct ShowJson {
    state: State,
    arrivals: Option<Arrivals>,
    transcript: Vec<Line>,
    #[serde(skip_serializing_if = "Option::is_none")]
    moment: Option<MomentReport>,
}

impl ShowArgs {
    pub(crate) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        let names = self.agent_names.read()?;
        let db = self.moment.open(&self.db, Some(&self.now), console)?;
        let id = self.id.find(db.database())?;
        let state = db.state(&id)?.ok_or_else(|| did_not_exist(&id))?;
        let history = db.history(&id)?.ok_or_else(|| did_not_exist(&id))?;
        let moment = db.report_of(&id)?;
        // It is not kept when a repetition arrived.
        let arrivals = if db.is_past() { None } else { db.database().arrivals(&id)? };
        let transcript = transcript::of(&history);
        if self.json {
            console.json(&ShowJson { state, arrivals, transcript, moment })?;
        } else {
            let reference = Reference { ms: db.now_ms(&self.now), name: if db.is_past() { "then" } else { "now" } };
            facts(&state, moment.as_ref(), arrivals, reference, &names).print(console)?;
            print(&state, &transcript, &names, console)?;
            if state.status == Status::Open {
                console.flush()?;
                db.hint(&self.now, console);
            }
        }
        Ok(db.end(console))
    }
}

/// Prints the assignments and the transcript.
fn print(state: &State, transcript: &[Line], names: &AgentNames, console: &mut Console) -> Result<(), CliError> {
    section("assignments", state.assignments.is_empty(), console)?;
    for change in &state.assignments {
        let agent = names.agent_in_full(change.agent.as_ref());
        writeln!(console.out(), "{}  {agent}", time::to_millisecond(change.at))?;
    }
    section("transcript", transcript.is_empty(), console)?;
    transcript::print(transcript, state.member.name.as_deref(), names, console)
}

fn section(name: &str, is_empty: bool, console: &mut Console) -> Result<(), CliError> {
    let none = if is_empty { " (none)" } else { "" };
    writeln!(console.out(), "\n{name}{none}")?;
    Ok(())
}

/// The time to which ages count.
#[derive(Clone, Copy)]
struct Reference {
    ms: i64,
    name: &'static str,
}

fn facts(
    state: &State,
    moment: Option<&MomentReport>,
    arrivals: Option<Arrivals>,
    reference: Reference,
    names: &AgentNames,
) -> Facts {
    let known = |text: &Option<String>| text.as_deref().map(text::one_line);
    let mut facts = Facts::default();
    facts
        .add_known("moment", moment.map(past::in_words))
        .add("id", text::one_line(&state.id))
        .add("status", status(state))
        .add("agent", names.agent_in_full(state.agent.as_ref()))
        .add("member", member(state))
        .add("source", text::one_line(&state.source))
        .add_known("tenant", known(&state.tenant))
        .add_known("channel", known(&state.channel))
        .add_known("shortcode", known(&state.shortcode))
        .add_known("app key", known(&state.app_key))
        .add("started", time::to_millisecond(state.started_at))
        .add_known("last active", state.last_active_at.map(time::to_millisecond))
        .add("last event", time::to_millisecond(state.last_event_at))
        .add_known("closed", state.closed_at.map(time::to_millisecond))
        .add("open for", open_for(state, reference))
        .add("messages", messages(state))
        .add("unread", text::count(state.unread))
        .add_known("waiting", state.waiting_since.map(|since| time::since(Some(since), reference.ms)))
        .add_known("first response", state.first_response_ms.map(time::length));
    for by in &state.by_agent {
        let counts = format!("{} in, {} out", text::count(by.messages_in), text::count(by.messages_out));
        facts.add(format!("with {}", names.agent(Some(&by.agent))), counts);
    }
    for suspicion in &state.suspect {
        facts.add("suspect", in_words(suspicion));
    }
    facts.add_known("arrived", arrivals.map(arrived));
    facts
}

fn status(state: &State) -> String {
    let status = state.status.name();
    match state.reopens {
        0 => status.to_owned(),
        times => format!("{status}, reopened {}", text::counted(times, "time")),
    }
}

/// The state counts an open interval to the last event; people expect it to count to now, or to the moment.
fn open_for(state: &State, reference: Reference) -> String {
    match state.status {
        Status::Closed => time::length(state.open_ms),
        Status::Open => {
            let since_last_event = reference.ms.saturating_sub(state.last_event_at).max(0);
            let length = time::length(state.open_ms.saturating_add(since_last_event));
            format!("{length}, until {}", reference.name)
        }
    }
}

fn member(state: &State) -> String {
    let member = &state.member;
    let names = [&member.name, &member.number, &member.business_id, &member.channel_id];
    let known: Vec<_> = names.into_iter().flatten().map(|name| text::one_line(name)).collect();
    if known.is_empty() { text::UNKNOWN.to_owned() } else { known.join(", ") }
}

fn messages(state: &State) -> String {
    let mut text = format!("{} in, {} out", text::count(state.messages_in), text::count(state.messages_out));
    for (number, what) in
        [(state.messages_other, "of unknown direction"), (state.messages_after_close, "after a close")]
    {
        if number > 0 {
            text = format!("{text}, {} {what}", text::count(number));
        }
    }
    text
}

fn in_words(suspicion: &Suspicion) -> String {
    let at = time::to_millisecond(suspicion.at);
    match suspicion.field {
        SuspectField::Clock => format!("{at}: a close event without a usable time (none, or before its own start)"),
        SuspectField::Unread => {
            let number = |number: Option<u64>| number.map_or_else(|| text::UNKNOWN.to_owned(), text::count);
            let (expected, found) = (number(suspicion.expected), number(suspicion.found));
            format!("{at}: messages are missing: the source states {expected} unread, the events give {found}")
        }
        other => format!("{at}: {}", other.name()),
    }
}

fn arrived(arrivals: Arrivals) -> String {
    let Arrivals { events, conflicts, duplicates, late, first_seq, last_seq, .. } = arrivals;
    let mut words = vec![format!("{}, seq {first_seq} to {last_seq}", text::counted(events, "event"))];
    for (number, what) in [(late, "late"), (duplicates, "duplicate"), (conflicts, "conflicting")] {
        if number > 0 {
            words.push(format!("{} {what}", text::count(number)));
        }
    }
    words.join(", ")
}

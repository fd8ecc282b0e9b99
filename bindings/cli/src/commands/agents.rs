//! `convofold agents`.

use clap::Args;
use convofold::AgentLoad;
use serde::Serialize;

use crate::agent_names::{AgentNames, AgentNamesArgs};
use crate::console::Console;
use crate::database::{DbArgs, NowArgs};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Listing, text, time};

/// Show the workload of every agent.
///
/// Prints a table on standard output. For each agent with open conversations it shows the number of open conversations,
/// unread messages and waiting conversations, and the longest wait. The busiest agent comes first, unassigned
/// conversations last.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  convofold agents --db ./db
  convofold agents --db ./db --now latest       for a log of the past
")]
pub struct AgentsArgs {
    #[command(flatten)]
    db: DbArgs,
    #[command(flatten)]
    now: NowArgs,
    #[command(flatten)]
    agent_names: AgentNamesArgs,
    /// Print one JSON object: {"agents": [...]}; the agent of unassigned conversations is null.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct AgentsJson {
    agents: Vec<AgentLoad>,
}

impl AgentsArgs {
    pub(crate) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        let names = self.agent_names.read()?;
        let db = self.db.open(console)?;
        let mut agents = db.agents();
        // The sort is stable and keeps the order of the agents.
        agents.sort_by_key(|load| load.agent.is_none());
        if agents.is_empty() {
            console.note("no open conversations");
        }
        if self.json {
            console.json(&AgentsJson { agents })?;
        } else {
            table(&agents, self.now.ms(&db), &names).print(console)?;
            console.flush()?;
            self.now.hint(&db, console);
        }
        Ok(Exit::Success)
    }
}

const NUMBERS: [&str; 4] = ["OPEN", "UNREAD", "WAITING", "OLDEST WAITING"];

fn table(agents: &[AgentLoad], now: i64, names: &AgentNames) -> Listing {
    let mut table = Listing::new(&["AGENT", "ID", "OPEN", "UNREAD", "WAITING", "OLDEST WAITING"]).numbers(&NUMBERS);
    for load in agents {
        table.row(vec![
            names.agent(load.agent.as_ref()),
            text::or_unknown(load.agent.as_ref().and_then(|agent| agent.id.as_deref())),
            text::count(load.open),
            text::count(load.unread),
            text::count(load.waiting),
            time::since(load.oldest_waiting_since, now),
        ]);
    }
    table
}

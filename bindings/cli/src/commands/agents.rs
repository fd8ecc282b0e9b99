//! `convofold agents`.

use std::collections::BTreeSet;

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
/// conversations last. Agents of two tenants are two agents, whatever they are called; if there are several tenants, a
/// column shows them.
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
    /// Only agents of this tenant.
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
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
        let mut agents = db.agents()?;
        if let Some(tenant) = &self.tenant {
            agents.retain(|load| load.tenant.as_deref() == Some(tenant));
        }
        // The sort is stable and keeps the order of the agents.
        agents.sort_by_key(|load| load.agent.is_none());
        if agents.is_empty() {
            console.note(match &self.tenant {
                Some(tenant) => format!("no open conversations of the tenant {tenant:?}"),
                None => "no open conversations".to_owned(),
            });
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
    // One tenant needs no column.
    let tenants: BTreeSet<_> = agents.iter().map(|load| load.tenant.as_deref()).collect();
    let are_several = tenants.len() > 1;
    let tenant = are_several.then_some("TENANT");
    let headings: Vec<_> = ["AGENT", "ID"].into_iter().chain(tenant).chain(NUMBERS).collect();
    let mut table = Listing::new(&headings).numbers(&NUMBERS);
    for load in agents {
        let agent = load.agent.as_ref();
        let mut cells = vec![names.agent(agent), text::or_unknown(agent.and_then(|agent| agent.id.as_deref()))];
        cells.extend(are_several.then(|| text::or_unknown(load.tenant.as_deref())));
        cells.extend([load.open, load.unread, load.waiting].map(text::count));
        cells.push(time::since(load.oldest_waiting_since, now));
        table.row(cells);
    }
    table
}

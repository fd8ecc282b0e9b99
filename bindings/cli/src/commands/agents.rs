//! `convofold agents`.

use std::collections::BTreeSet;

use clap::Args;
use convofold::{AgentLoad, MomentReport};
use serde::Serialize;

use crate::agent_names::{AgentNames, AgentNamesArgs};
use crate::console::Console;
use crate::database::{DbArgs, NowArgs};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::print::Record;
use crate::output::text::NOBODY;
use crate::output::{Column, FormatArgs, Kind, Precision, Rows, Value};
use crate::past::{MomentArgs, Reader};

/// Show the workload of every agent.
///
/// Prints a table on standard output. For each agent with open conversations it shows the number of open conversations,
/// unread messages and waiting conversations, and the longest wait. The busiest agent comes first, unassigned
/// conversations last. Agents of two tenants are two agents, whatever they are called; if there are several tenants, a
/// column shows them.
///
/// --format json prints one object: {"agents": [...]}; the agent of unassigned conversations is null. jsonl prints one agent
/// per line.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  convofold agents --db ./db
  convofold agents --db ./db --now latest       for a log of the past
  convofold agents --db ./db --sort oldest_waiting_ms --reverse --watch
  convofold agents --db ./db --format csv
  convofold agents --db ./db --as-of 2026-03-02T14:05:00Z
")]
pub struct AgentsArgs {
    #[command(flatten)]
    db: DbArgs,
    #[command(flatten)]
    moment: MomentArgs,
    #[command(flatten)]
    now: NowArgs,
    #[command(flatten)]
    agent_names: AgentNamesArgs,
    /// Only agents of this tenant.
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
    #[command(flatten)]
    output: FormatArgs<AgentRows>,
}

struct AgentRows;

impl Rows for AgentRows {
    const COLUMNS: &'static [Column] = &[
        Column::new("agent", "AGENT", Kind::Text),
        Column::new("agent_id", "ID", Kind::Id),
        Column::new("tenant", "TENANT", Kind::Id),
        Column::new("open", "OPEN", Kind::Number),
        Column::new("unread", "UNREAD", Kind::Number),
        Column::new("waiting", "WAITING", Kind::Number),
        Column::new("oldest_waiting_ms", "OLDEST WAITING", Kind::Length),
        Column::new("oldest_waiting_since", "WAITING SINCE", Kind::Time(Precision::Second)).not_in_table(),
    ];
}

#[derive(Serialize)]
struct AgentsJson {
    agents: Vec<Record<AgentLoad>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    moment: Option<MomentReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<serde_json::Value>,
}

impl AgentsArgs {
    pub(crate) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        let names = self.agent_names.read()?;
        let is_json = self.output.format().is_json();
        // JSON never contains names of the file.
        let names = if is_json { AgentNames::default() } else { names };
        let open = |console: &mut Console| self.moment.open(&self.db, Some(&self.now), console);
        self.output.each_time(open, console, |db, console| {
            let now = db.now_ms(&self.now);
            let mut agents = self.agents(db)?;
            db.tell(self.output.format().is_for_people(), console);
            if agents.is_empty() && !db.is_incomplete() {
                console.note(match &self.tenant {
                    Some(tenant) => format!("no open conversations of the tenant {tenant:?}"),
                    None => "no open conversations".to_owned(),
                });
            }
            // One tenant needs no column.
            let tenants: BTreeSet<_> = agents.iter().map(|load| load.tenant.clone()).collect();
            let hidden: &[&str] = if tenants.len() > 1 { &[] } else { &["tenant"] };
            self.output.arrange(&mut agents, |load| cells(load, now, &names));
            let whole = |agents| AgentsJson { agents, moment: db.report(), cluster: db.cluster() };
            self.output.print(agents, |load| cells(load, now, &names), hidden, whole, console)?;
            if !is_json {
                console.flush()?;
                db.hint(&self.now, console);
            }
            Ok(())
        })
    }

    /// The agents, the busiest first, nobody last.
    fn agents(&self, db: &Reader) -> Result<Vec<AgentLoad>, CliError> {
        let mut agents = db.agents()?;
        if let Some(tenant) = &self.tenant {
            agents.retain(|load| load.tenant.as_deref() == Some(tenant));
        }
        // The sort is stable and keeps the order of the agents.
        agents.sort_by_key(|load| load.agent.is_none());
        Ok(agents)
    }
}

fn cells(load: &AgentLoad, now: i64, names: &AgentNames) -> Vec<Value> {
    let agent = load.agent.as_ref();
    vec![
        agent.map_or(Value::Missing(NOBODY), |agent| Value::Text(names.agent(Some(agent)))),
        Value::text(agent.and_then(|agent| agent.id.as_deref())),
        Value::text(load.tenant.as_deref()),
        Value::Number(load.open),
        Value::Number(load.unread),
        Value::Number(load.waiting),
        Value::since(load.oldest_waiting_since, now),
        Value::time(load.oldest_waiting_since),
    ]
}

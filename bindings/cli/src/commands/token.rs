//! `convofold token`.

use std::collections::BTreeSet;
use std::io::Write;

use clap::{Args, Subcommand};
use convofold::{Convofold, OpenError};
use convofold_server::{NewToken, Role, Token, TokenError, TokenFile};

use crate::console::Console;
use crate::database::DbArgs;
use crate::error::{CliError, chain};
use crate::exit::Exit;
use crate::output::{Listing, text, time};

/// Make, list and remove the tokens of `convofold serve`.
///
/// The holder of a token may do what its role says. Only the hash of a token is stored, in the folder of the
/// database; a backup does not contain it. A running server uses a change within a second.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  convofold token add superoffice --role ingest --db ./db
  convofold token add wall --role read --tenant Cust1 --db ./db
  convofold token list --db ./db
  convofold token remove wall --db ./db
")]
pub struct TokenArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a token and print it. It is not shown again.
    ///
    /// Prints the token on standard output. Creates the database if it does not exist.
    Add {
        /// Name of the token, for the log and for its removal.
        name: String,
        /// read: ask questions; ingest: send events; admin: both, and handle rejects.
        #[arg(long)]
        role: Role,
        /// Only conversations of this tenant; repeat it for more [default: all]. For the role read only.
        #[arg(long, value_name = "ID")]
        tenant: Vec<String>,
        /// Allow to read message texts.
        #[arg(long)]
        texts: bool,
        #[command(flatten)]
        db: DbArgs,
    },
    /// List the tokens, without their secrets.
    ///
    /// Prints a table on standard output.
    List {
        /// Print one JSON object: {"tokens": [...]}.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        db: DbArgs,
    },
    /// Remove a token.
    Remove {
        /// Name of the token.
        name: String,
        #[command(flatten)]
        db: DbArgs,
    },
}

impl TokenArgs {
    pub(crate) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        let (Action::Add { db, .. } | Action::List { db, .. } | Action::Remove { db, .. }) = &self.action;
        db.expect_folder()?;
        match &self.action {
            Action::Add { name, role, tenant, texts, db } => {
                let tenants = (!tenant.is_empty()).then(|| tenant.iter().cloned().collect::<BTreeSet<_>>());
                create(db)?;
                let new = NewToken { name: name.clone(), role: *role, tenants, texts: *texts };
                let secret = TokenFile::of(&db.db).add(new).map_err(|error| refused(&error))?;
                writeln!(console.out(), "{secret}")?;
                console.flush()?;
                console.note("keep the token: it is not stored and not shown again");
            }
            Action::List { json, db } => {
                let tokens = TokenFile::of(&db.db).list().map_err(|error| refused(&error))?;
                if *json {
                    console.json(&serde_json::json!({ "tokens": tokens }))?;
                } else {
                    table(&tokens).print(console)?;
                }
            }
            Action::Remove { name, db } => TokenFile::of(&db.db).remove(name).map_err(|error| refused(&error))?,
        }
        Ok(Exit::Success)
    }
}

/// Creates the database if it does not exist, because a database is created in an empty folder only.
fn create(db: &DbArgs) -> Result<(), CliError> {
    if db.db.join("FORMAT").exists() {
        return Ok(());
    }
    match Convofold::open(&db.db) {
        // Another process creates it.
        Err(OpenError::AlreadyOpen { .. }) => Ok(()),
        Err(error) => Err(CliError::open(&db.db, &error)),
        Ok(opened) => opened.close().map_err(|error| {
            CliError::new(Exit::Failure, format!("cannot close {}: {}", db.db.display(), chain(&error)))
        }),
    }
}

fn refused(error: &TokenError) -> CliError {
    let exit = match error {
        TokenError::Exists { .. }
        | TokenError::NotFound { .. }
        | TokenError::NotForTenants { .. }
        | TokenError::BadName { .. } => Exit::Usage,
        _ => Exit::Failure,
    };
    CliError::new(exit, chain(error))
}

fn table(tokens: &[Token]) -> Listing {
    let mut table = Listing::new(&["NAME", "ROLE", "TENANTS", "TEXTS", "MADE (UTC)"]);
    for token in tokens {
        let tenants = token
            .tenants
            .as_ref()
            .map(|tenants| tenants.iter().map(|tenant| text::one_line(tenant)).collect::<Vec<_>>());
        table.row(vec![
            text::one_line(&token.name),
            token.role.to_string(),
            tenants.map_or_else(|| "all".to_owned(), |tenants| tenants.join(", ")),
            if token.texts { "yes" } else { "no" }.to_owned(),
            time::to_second(token.created_at),
        ]);
    }
    table
}

//! Work in a process of its own, so that its memory can be measured alone and the process can be killed.
//!
//! A task is a function of one serializable argument. [`run`] starts this program again with the name of the function and
//! the argument in the environment, and reads the answer from its output. A program that measures begins with [`serve`].

use std::any::type_name;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

const VARIABLE: &str = "CONVOFOLD_BENCHES_TASK";

/// A function that [`serve`] can call.
pub struct Task {
    name: &'static str,
    call: Box<dyn Fn(Value) -> Result<Value>>,
}

impl Task {
    /// A task of this function.
    pub fn new<A, T, F>(work: F) -> Self
    where
        A: DeserializeOwned,
        T: Serialize,
        F: Fn(A) -> Result<T> + 'static,
    {
        let call = move |argument| Ok(serde_json::to_value(work(serde_json::from_value(argument)?)?)?);
        Self { name: type_name::<F>(), call: Box::new(call) }
    }
}

/// What the started process is asked to do. Both processes run the same program, in which the name of a function is unique.
#[derive(Serialize, Deserialize)]
struct Request {
    name: String,
    argument: Value,
}

/// Calls `work` in a process of its own. The function must be among the tasks given to [`serve`].
///
/// # Errors
/// If the process cannot be started or does not answer.
pub fn run<A: Serialize, T: DeserializeOwned, F: Fn(A) -> Result<T>>(work: F, argument: A) -> Result<T> {
    let (answer, mut child) = start(work, &argument)?;
    child.wait()?;
    answer
}

/// Calls `work` in a process of its own and kills the process after the answer, before it can clean up.
///
/// # Errors
/// If the process cannot be started or does not answer.
pub fn run_and_kill<A: Serialize, T: DeserializeOwned, F: Fn(A) -> Result<T>>(work: F, argument: A) -> Result<T> {
    let (answer, mut child) = start(work, &argument)?;
    child.kill()?;
    child.wait()?;
    answer
}

/// The answer, and the process, which runs until its input ends.
fn start<A: Serialize, T: DeserializeOwned, F: Fn(A) -> Result<T>>(_: F, argument: &A) -> Result<(Result<T>, Child)> {
    let name = type_name::<F>();
    let request = Request { name: name.to_owned(), argument: serde_json::to_value(argument)? };
    let mut child = Command::new(std::env::current_exe()?)
        .env(VARIABLE, serde_json::to_string(&request)?)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().context("the process has no output")?).read_line(&mut line)?;
    if line.is_empty() {
        child.wait()?;
    }
    let answer = serde_json::from_str(&line).with_context(|| format!("{name} {} did not answer", request.argument));
    Ok((answer, child))
}

/// Carries out the task that this process was started for, if any; returns whether there was one.
///
/// # Errors
/// If the task is not in `tasks` or fails.
pub fn serve(tasks: &[Task]) -> Result<bool> {
    let Ok(request) = std::env::var(VARIABLE) else { return Ok(false) };
    // As the command does, and for all peers.
    #[cfg(target_os = "linux")]
    rustix::thread::disable_transparent_huge_pages(true)?;
    let Request { name, argument } = serde_json::from_str(&request)?;
    let task = tasks.iter().find(|task| task.name == name).with_context(|| format!("{name} is not a known task"))?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", (task.call)(argument)?)?;
    out.flush()?;
    // The other process decides how this one ends.
    let bytes = std::io::stdin().read_to_end(&mut Vec::new())?;
    ensure!(bytes == 0, "a task has no input");
    Ok(true)
}

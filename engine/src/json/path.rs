//! The JSON path of an offset, computed only for rejections.

use std::fmt::Write;

use super::fault::{Fault, FaultKind};
use super::string::{self, Scanned};
use super::walk::{Walk, Watch};

/// The maximum number of steps to show, because hostile input can nest without end.
const MAX_STEPS: usize = 20;
/// The maximum number of characters of a key to show.
const MAX_KEY_CHARS: usize = 60;

/// The path from the value at `start` to the value at `target`, without the root: `.body.name`, `[3]`, or an empty
/// text.
///
/// The text must be well-formed up to `target`.
pub(crate) fn locate(text: &str, start: usize, target: usize) -> String {
    let mut tracker = Tracker { target, steps: Vec::new(), hidden: 0 };
    // The walk ends in a fault or at the end of the text. Only the steps matter.
    let _ = Walk::default().run(text.as_bytes(), start, &mut tracker);
    tracker.render(text)
}

enum Step {
    /// An object with its latest key.
    Field(Option<Scanned>),
    /// An array with the number of elements so far.
    Element(usize),
}

struct Tracker {
    target: usize,
    /// The steps to show, plus one.
    steps: Vec<Step>,
    /// The number of further steps.
    hidden: usize,
}

impl Tracker {
    /// Ends the walk once the target was passed.
    fn stop_if(&self, is_passed: bool) -> Result<(), Fault> {
        if is_passed { Err(FaultKind::NoValue.at(self.target)) } else { Ok(()) }
    }

    /// The step of the innermost container, unless it is hidden.
    fn innermost(&mut self) -> Option<&mut Step> {
        if self.hidden > 0 { None } else { self.steps.last_mut() }
    }

    fn render(&self, text: &str) -> String {
        let mut path = String::new();
        for step in self.steps.iter().take(MAX_STEPS) {
            match step {
                Step::Field(Some(key)) => push_key(&mut path, text.get(key.start..key.end).unwrap_or_default()),
                Step::Element(begun @ 1..) => {
                    let _ = write!(path, "[{}]", begun - 1);
                }
                Step::Field(None) | Step::Element(0) => {}
            }
        }
        if self.steps.len() > MAX_STEPS {
            path.push('\u{2026}');
        }
        path
    }
}

fn push_key(path: &mut String, content: &str) {
    let key = string::decode(content);
    let is_word = key.chars().all(|c| c.is_alphanumeric() || c == '_') && !key.is_empty();
    let shown: String = key.chars().take(MAX_KEY_CHARS).collect();
    let _ = if is_word { write!(path, ".{shown}") } else { write!(path, "[{shown:?}]") };
}

impl Watch for Tracker {
    fn open(&mut self, at: usize, is_object: bool) -> Result<(), Fault> {
        self.stop_if(at >= self.target)?;
        if self.steps.len() > MAX_STEPS {
            self.hidden += 1;
        } else {
            self.steps.push(if is_object { Step::Field(None) } else { Step::Element(0) });
        }
        Ok(())
    }

    fn close(&mut self, _at: usize, _is_object: bool) {
        if self.hidden > 0 {
            self.hidden -= 1;
        } else {
            self.steps.pop();
        }
    }

    fn key(&mut self, key: Scanned) -> Result<(), Fault> {
        self.stop_if(key.quote() > self.target)?;
        if let Some(Step::Field(latest)) = self.innermost() {
            *latest = Some(key);
        }
        self.stop_if(key.end > self.target)
    }

    fn value(&mut self, at: usize) -> Result<(), Fault> {
        self.stop_if(at > self.target)?;
        if let Some(Step::Element(begun)) = self.innermost() {
            *begun += 1;
        }
        Ok(())
    }

    fn string(&mut self, string: Scanned) -> Result<(), Fault> {
        self.stop_if(string.end >= self.target)
    }
}

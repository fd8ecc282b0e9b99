//! The board of the live page: what is open now, counted and listed for one view.

mod answer;
mod count;
mod course;
mod day;
mod hub;
mod ledger;
mod parts;
mod reader;
mod rows;
mod view;
mod week;

pub(crate) use answer::BoardAnswer;
pub(crate) use day::DayAnswer;
pub(crate) use hub::Hub;
pub(crate) use ledger::{Ledger, not_ready};
pub(crate) use parts::{BoardPart, CLUSTER, ClusterNote, PastBounds};
pub(crate) use reader::{SIGNED_OUT, event_stream, follow};
pub(crate) use rows::Rows;
pub(crate) use view::View;
pub(crate) use week::WeekAgo;

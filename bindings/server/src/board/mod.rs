//! The board of the live page: what is open now, counted and listed for one view.

mod answer;
mod count;
mod hub;
mod reader;
mod rows;
mod view;

pub(crate) use answer::BoardAnswer;
pub(crate) use hub::Hub;
pub(crate) use reader::follow;
pub(crate) use rows::Rows;
pub(crate) use view::View;

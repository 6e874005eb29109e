//! A turn's stages as bars over time, with the events between them.
//!
//! - `layout`: what both drawings share: order, length, words
//! - `terminal`: for eyes in a terminal
//! - `svg`: for a browser or a report

mod layout;
mod svg;
mod terminal;

pub use svg::svg;
pub use terminal::terminal;

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod changes;
mod codes;
mod dead_letters;
mod entities;
mod gate;
mod groups;
mod keys;
mod latest;
mod plugins;
mod position_history;
mod positions;
mod repeat;
mod resources;
mod rules;
mod world;

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod dead_letters;
mod entities;
mod gate;
mod latest;
mod plugins;
mod positions;
mod rules;
mod world;

//! The engine's launcher alone, as the tests of this crate need it (the program has it as a subcommand).

fn main() {
    fixstream_core::engine::launcher::main(std::env::args_os().skip(1))
}

//! Whether a plugin does what vectors say: for `plugin test`, and before anything is live.

use fixstream_core::decode::{Outcome, Trial};

use crate::vectors::{Expected, Line};

/// Lines of a file of vectors, at most.
const MAX_LINES: usize = 200_000;

/// What became of vectors.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    /// Messages with positions, with nothing to locate, and refused ones, as the plugin decided.
    pub positions: usize,
    pub no_position: usize,
    pub errors: usize,
    /// Vectors that were met.
    pub passed: usize,
    /// The others, with what is wrong.
    pub failures: Vec<String>,
}

/// The lines of a file of vectors; an error names the line.
pub(crate) fn lines(bytes: &[u8]) -> Result<Vec<Line>, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| format!("not UTF-8: {error}"))?;
    let lines: Vec<Line> = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(number, line)| {
            serde_json::from_str(line).map_err(|error| format!("line {}: {error}", number + 1))
        })
        .collect::<Result<_, _>>()?;
    if lines.len() > MAX_LINES {
        return Err(format!("more than {MAX_LINES} lines"));
    }
    Ok(lines)
}

/// Runs vectors through a plugin in batches and compares.
pub(crate) fn check(trial: &mut Trial, lines: &[&Line]) -> Result<Checked, String> {
    let inputs = lines
        .iter()
        .map(|line| line.input())
        .collect::<Result<Vec<_>, _>>()?;
    let mut checked = Checked::default();
    for (line, outcome) in lines.iter().zip(trial.decode(inputs, usize::MAX)) {
        checked.count(&outcome);
        match line
            .expect
            .as_ref()
            .map(|expect| Expected::differences(expect, &outcome))
        {
            None => checked
                .failures
                .push(format!("{}: the line has no `expect`", line.id)),
            Some(differences) if differences.is_empty() => checked.passed += 1,
            Some(differences) => checked
                .failures
                .push(format!("{}: {}", line.id, differences.join("; "))),
        }
    }
    Ok(checked)
}

impl Checked {
    fn count(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Failed(_) => self.errors += 1,
            Outcome::Decoded(decoded) if decoded.fixes.is_empty() => self.no_position += 1,
            Outcome::Decoded(_) => self.positions += 1,
        }
    }
}

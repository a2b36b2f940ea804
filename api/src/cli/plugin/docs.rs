//! `fixstream plugin docs`: what manifests say, as a page for people.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use fixstream_core::decode::{DeviceFrom, MANIFEST_FILE, Manifest};

use super::write_whole;
use crate::cli::Failure;

#[derive(Debug, Args)]
pub(super) struct DocsArgs {
    /// Folder with a folder for each plugin
    #[arg(default_value = "plugins")]
    folder: PathBuf,
    /// File to write, instead of standard output
    #[arg(long, short)]
    output: Option<PathBuf>,
}

pub(super) fn run(args: &DocsArgs) -> Result<(), Failure> {
    let page = page(&args.folder)?;
    if let Some(output) = &args.output {
        return write_whole(output, page.as_bytes());
    }
    print!("{page}");
    Ok(())
}

/// The page about all plugins in a folder, by name; test guests are not for people.
pub(super) fn page(folder: &std::path::Path) -> Result<String, Failure> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(folder)
        .map_err(|error| format!("{}: {error}", folder.display()))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|folder| folder.join(MANIFEST_FILE).is_file() && !folder.ends_with("hostile"))
        .collect();
    folders.sort();
    let mut page = String::from(
        "# Formats\n\nMade from the manifests by `fixstream plugin docs`; a test keeps it current. Every plugin also \
         takes messages on `trackers/<plugin>/<device>/up` and on `POST /position/vendor/<plugin>`.\n",
    );
    for folder in folders {
        let path = folder.join(MANIFEST_FILE);
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        write_format(&mut page, &Manifest::parse(&text, &path)?)?;
    }
    Ok(page)
}

fn write_format(page: &mut String, manifest: &Manifest) -> Result<(), std::fmt::Error> {
    writeln!(page, "\n## {}\n\n{}\n", manifest.name, manifest.description)?;
    writeln!(page, "| | |\n|---|---|")?;
    writeln!(
        page,
        "| version, licence | {}, {} |",
        manifest.version, manifest.license
    )?;
    let topics: Vec<String> = manifest.topics.iter().map(|topic| format!("`{topic}`")).collect();
    let topics = if topics.is_empty() {
        "none of its own".to_owned()
    } else {
        topics.join("<br>")
    };
    writeln!(page, "| topics | {topics} |")?;
    let order: Vec<&str> = manifest
        .device_order
        .iter()
        .map(|from| match from {
            DeviceFrom::Payload => "payload",
            DeviceFrom::Topic => "topic",
            DeviceFrom::Credential => "credential",
        })
        .collect();
    let rule = if manifest.capture.is_empty() {
        String::new()
    } else {
        format!(" (`{}`)", manifest.capture)
    };
    writeln!(page, "| device id | {}{rule} |", order.join(", then "))?;
    writeln!(page, "| times without a zone | {} |", manifest.time_zone)?;
    writeln!(
        page,
        "| asks for | {} ms CPU, {} MiB, batches of {} |",
        manifest.limits.cpu_ms, manifest.limits.memory_mib, manifest.limits.batch
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_page_in_the_repository_is_current() {
        let plugins = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins");
        let kept = std::fs::read_to_string(plugins.join("FORMATS.md")).unwrap();
        assert_eq!(
            kept,
            page(&plugins).unwrap(),
            "run `fixstream plugin docs plugins -o plugins/FORMATS.md`"
        );
    }
}

//! `fixstream plugin docs`: a page for people about each format, and an index of them.
//!
//! All of it comes from what a plugin brings along, its manifest and its vectors, so that it can be made anew whenever
//! these change, and is the same every time.

mod example;
mod page;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use fixstream_core::decode::{MANIFEST_FILE, Manifest, VECTORS_FILE};

use super::find::read_vectors;
use super::write_whole;
use crate::cli::Failure;
use crate::vectors::Line;

/// The index, in the folder of the plugins' folders.
const INDEX: &str = "FORMATS.md";
/// The page, in a plugin's folder.
const PAGE: &str = "FORMAT.md";
/// Test guests, which are not for people.
const HIDDEN: &str = "hostile";

#[derive(Debug, Args)]
pub(super) struct DocsArgs {
    /// Folder of a plugin, or a folder with a folder for each plugin
    #[arg(default_value = "plugins")]
    folder: PathBuf,
    /// Write each plugin's page to FORMAT.md in its folder and, of a folder of plugins, the index to FORMATS.md in it,
    /// instead of printing the page or the index
    #[arg(long, conflicts_with = "output")]
    write: bool,
    /// Write the page of the one plugin, or the index alone, to this file
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn run(args: &DocsArgs) -> Result<(), Failure> {
    let (first, others) = files(&args.folder)?;
    if args.write {
        for file in others.iter().chain([&first]) {
            write_whole(&file.path, file.text.as_bytes())?;
            println!("{}", file.path.display());
        }
    } else if let Some(output) = &args.output {
        write_whole(output, first.text.as_bytes())?;
    } else {
        print!("{}", first.text);
    }
    Ok(())
}

/// A file in Markdown.
struct File {
    /// Where it belongs.
    path: PathBuf,
    text: String,
}

/// The page of the plugin in this folder; or the index of the plugins in the folders of it, and their pages.
fn files(folder: &Path) -> Result<(File, Vec<File>), Failure> {
    if folder.join(MANIFEST_FILE).is_file() {
        return Ok((Plugin::read(folder)?.page()?, Vec::new()));
    }
    let mut folders: Vec<PathBuf> = std::fs::read_dir(folder)
        .map_err(|error| format!("{}: {error}", folder.display()))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|folder| folder.join(MANIFEST_FILE).is_file() && !folder.ends_with(HIDDEN))
        .collect();
    if folders.is_empty() {
        return Err(format!(
            "{}: neither it nor a folder in it has a {MANIFEST_FILE}",
            folder.display()
        )
        .into());
    }
    folders.sort();
    let plugins = folders.iter().map(|folder| Plugin::read(folder));
    let plugins: Vec<Plugin> = plugins.collect::<Result<_, _>>()?;
    let index = File {
        path: folder.join(INDEX),
        text: index(&plugins)?,
    };
    let pages = plugins.iter().map(Plugin::page).collect::<Result<_, _>>()?;
    Ok((index, pages))
}

/// The index, by folder.
fn index(plugins: &[Plugin]) -> Result<String, std::fmt::Error> {
    let mut index = String::from(
        "# Formats\n\nWhat each plugin takes, how to send it, and examples. Made by `fixstream plugin docs --write` from \
         manifests and vectors; changes belong there.\n\n| format | what it is |\n|---|---|\n",
    );
    for Plugin { folder, manifest, .. } in plugins {
        let folder = folder.file_name().unwrap_or_default().to_string_lossy();
        let what = page::cell(&manifest.description);
        writeln!(index, "| [{}]({folder}/{PAGE}) | {what} |", manifest.name)?;
    }
    Ok(index)
}

/// What a plugin brings along.
struct Plugin {
    folder: PathBuf,
    manifest: Manifest,
    /// Where its vectors are, from its folder, and what they are.
    vectors: Option<(String, Vec<Line>)>,
    /// Whether its folder has a README.
    readme: bool,
}

impl Plugin {
    /// Reads the folder of a crate, or a bundle's.
    fn read(folder: &Path) -> Result<Self, Failure> {
        let path = folder.join(MANIFEST_FILE);
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let places = [VECTORS_FILE.to_owned(), format!("tests/{VECTORS_FILE}")];
        let place = places.into_iter().find(|place| folder.join(place).is_file());
        let vectors = match place {
            Some(place) => {
                let lines = read_vectors(&folder.join(&place))?;
                Some((place, lines))
            }
            None => None,
        };
        Ok(Self {
            folder: folder.to_owned(),
            manifest: Manifest::parse(&text, &path)?,
            vectors,
            readme: folder.join("README.md").is_file(),
        })
    }

    fn page(&self) -> Result<File, Failure> {
        Ok(File {
            path: self.folder.join(PAGE),
            text: page::page(self)?,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use super::*;
    use crate::cli::plugin::new;

    const HOW: &str = "run `fixstream plugin docs plugins --write`";

    #[test]
    fn the_pages_in_the_repository_are_current_and_there_are_no_others() {
        let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins");
        let (index, pages) = files(&plugins).unwrap();
        assert!(pages.len() > 20);
        for file in pages.iter().chain([&index]) {
            let kept = std::fs::read_to_string(&file.path).unwrap_or_default();
            assert_eq!(kept, file.text, "{}: {HOW}", file.path.display());
        }
        let folders = std::fs::read_dir(&plugins).unwrap().flatten();
        let kept = folders.map(|entry| entry.path().join(PAGE));
        let kept: BTreeSet<PathBuf> = kept.filter(|page| page.exists()).collect();
        let made: BTreeSet<PathBuf> = pages.into_iter().map(|file| file.path).collect();
        assert_eq!(kept, made, "pages without a plugin");
    }

    #[test]
    fn a_new_crate_has_a_page_and_a_folder_without_plugins_none() {
        let folder = new::tests::made("acme").unwrap();
        let folder = folder.path();
        let (page, others) = files(&folder.join("crate")).unwrap();
        assert_eq!((page.path, others.len()), (folder.join("crate/FORMAT.md"), 0));
        let text = page.text;
        for part in [
            "# acme\n",
            "[README.md](README.md)",
            "| topics of its own | `acme/{device}/data` |",
            "`trackers/acme/<device>/up`",
            "`POST /position/vendor/acme`",
            "5 messages: 2 with positions (2 in all), 1 without a position, 2 that are refused",
            "| heartbeat | | 1 | |",
            "$POS,352093081452251,1700000000,-23.55052,-46.63331,61.5,21.5\\r\\n\n",
            "| speed_kmh | 61.5 |",
            "$PING,352093081452251\n",
            "`time`, `latitude`, `longitude`, `speed_kmh`.",
        ] {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
        // beside others it is the same
        let (index, pages) = files(folder).unwrap();
        assert!(
            index.text.contains("| [acme](crate/FORMAT.md) | acme trackers: "),
            "{}",
            index.text
        );
        assert_eq!(pages.first().unwrap().text, text);
        // and without vectors it says so
        std::fs::remove_file(folder.join("crate/tests/vectors.jsonl")).unwrap();
        let (page, _) = files(&folder.join("crate")).unwrap();
        assert!(page.text.contains("It has no vectors"), "{}", page.text);

        std::fs::remove_file(folder.join("crate/plugin.toml")).unwrap();
        for folder in [folder, &folder.join("crate/src")] {
            let refused = files(folder).map(|_| ()).unwrap_err().to_string();
            assert!(refused.contains("plugin.toml"), "{refused}");
        }
    }
}

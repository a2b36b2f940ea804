//! Versions beside the ones in service: installed, kept, and decoding for links and trackers that pin them.
//!
//! They are known by their digests from the moment they are kept, and compiled when the first message asks for
//! them: nobody has to say beforehand which of them will be pinned.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::OnceCell;

use super::host::Slot;

/// An installed version of a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptVersion {
    /// Name of the plugin.
    pub name: String,
    /// Version, as its manifest says it.
    pub version: String,
    /// Its bundle's [`sums`](super::Bundle::sums): other bytes under its name are refused.
    pub sums: String,
    /// Its bundle folder.
    pub folder: PathBuf,
}

/// A kept version and, once somebody asked for it, what runs it.
pub(super) struct Pinned {
    pub(super) version: KeptVersion,
    pub(super) slot: OnceCell<Result<Arc<Slot>, String>>,
}

impl Pinned {
    /// What runs it, if it runs.
    pub(super) fn running(&self) -> Option<&Arc<Slot>> {
        self.slot.get()?.as_ref().ok()
    }
}

/// All kept versions by name and version.
pub(super) type Shelf = HashMap<String, HashMap<String, Arc<Pinned>>>;

/// The next shelf: what is the same goes on running, the rest is made anew. The second is what was taken away.
pub(super) fn restock(before: &Shelf, versions: Vec<KeptVersion>) -> (Shelf, Vec<Arc<Pinned>>) {
    let mut next = Shelf::new();
    for version in versions {
        let known = before
            .get(&version.name)
            .and_then(|of_name| of_name.get(&version.version))
            .filter(|known| known.version == version);
        let pinned = known.map_or_else(
            || {
                Arc::new(Pinned {
                    version: version.clone(),
                    slot: OnceCell::new(),
                })
            },
            Arc::clone,
        );
        next.entry(version.name)
            .or_default()
            .insert(version.version, pinned);
    }
    let gone = before
        .values()
        .flat_map(HashMap::values)
        .filter(|pinned| {
            let kept = next
                .get(&pinned.version.name)
                .and_then(|of_name| of_name.get(&pinned.version.version));
            !kept.is_some_and(|kept| Arc::ptr_eq(kept, pinned))
        })
        .map(Arc::clone)
        .collect();
    (next, gone)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(version: &str, sums: &str) -> KeptVersion {
        KeptVersion {
            name: "acme".into(),
            version: version.into(),
            sums: sums.into(),
            folder: PathBuf::from(version),
        }
    }

    #[test]
    fn what_is_the_same_goes_on_running_and_other_bytes_do_not() {
        let (first, gone) = restock(&Shelf::new(), vec![version("1.0.0", "a"), version("1.1.0", "b")]);
        assert!(gone.is_empty());
        let (second, gone) = restock(&first, vec![version("1.0.0", "a"), version("1.1.0", "c")]);
        assert!(Arc::ptr_eq(&first["acme"]["1.0.0"], &second["acme"]["1.0.0"]));
        assert!(!Arc::ptr_eq(&first["acme"]["1.1.0"], &second["acme"]["1.1.0"]));
        assert_eq!(gone.len(), 1);
        assert_eq!(gone[0].version.sums, "b");
        assert_eq!(restock(&second, Vec::new()).1.len(), 2);
    }
}

//! What decoders want to remember of a device from one message to the next: the id in a login packet, the parts of
//! a long message.
//!
//! A state belongs to the offset of the message that made it. Chunks are decoded beside each other with the
//! states of that moment; when a chunk's turn has come, the messages whose state has changed meanwhile are decoded
//! again. Before the journal forgets messages, the states that they made are saved, as of exactly that offset, so
//! that a replay decodes the same as the first time.

mod store;

use std::collections::{HashSet, VecDeque};
use std::path::Path;
use std::sync::Arc;

use ahash::AHashMap;
use parking_lot::Mutex;

pub use store::StateError;
use store::Store;

use crate::model::{ClientId, Offset};

/// States at most; a session beyond them has none.
const MAX_SESSIONS: usize = 1_000_000;
/// Bytes of a session's name at most; longer ones have no state.
const MAX_NAME: usize = 512;

/// Whose state: messages with the same client, vendor and sender.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Session {
    pub client: ClientId,
    pub vendor: Arc<str>,
    /// The device that topic or credential name, else the topic.
    pub sender: String,
}

/// A state; empty is none.
pub(super) type State = Arc<[u8]>;

/// All states. Cheap to clone.
#[derive(Clone)]
pub struct States {
    inner: Arc<Inner>,
}

struct Inner {
    sessions: Mutex<Sessions>,
    store: tokio::sync::Mutex<Store>,
}

#[derive(Default)]
struct Sessions {
    /// Versions by the offset of the message that made them, oldest first; never empty.
    versions: AHashMap<Session, VecDeque<(Offset, State)>>,
    /// Vendors whose decoders have ever left a state: the others' messages need no look-up.
    vendors: HashSet<Arc<str>>,
    /// Sessions with versions that are not saved.
    unsaved: HashSet<Session>,
    /// The saved states are those of the messages below this.
    saved: Offset,
}

impl Sessions {
    fn current(&self, session: &Session) -> State {
        let versions = self.versions.get(session);
        versions
            .and_then(VecDeque::back)
            .map_or_else(|| State::from([]), |(_, state)| Arc::clone(state))
    }
}

impl States {
    /// Opens or makes the file, and loads what it holds.
    pub async fn open(path: &Path) -> Result<Self, StateError> {
        let (store, saved, found) = Store::open(path).await?;
        let vendors = found
            .iter()
            .map(|(session, _)| Arc::clone(&session.vendor))
            .collect();
        let versions = found
            .into_iter()
            .map(|(session, state)| (session, VecDeque::from([(Offset(0), state)])))
            .collect();
        Ok(Self {
            inner: Arc::new(Inner {
                sessions: Mutex::new(Sessions {
                    versions,
                    vendors,
                    saved,
                    ..Sessions::default()
                }),
                store: tokio::sync::Mutex::new(store),
            }),
        })
    }

    /// The messages from here on have to be decoded again before the states are those of now.
    pub fn saved(&self) -> Offset {
        self.inner.sessions.lock().saved
    }

    /// Whether a vendor's decoder has ever left a state.
    pub(crate) fn has(&self, vendor: &str) -> bool {
        self.inner.sessions.lock().vendors.contains(vendor)
    }

    /// The state that a session's next message gets.
    pub(super) fn current(&self, session: &Session) -> State {
        self.inner.sessions.lock().current(session)
    }

    /// The message at `offset` left this state.
    pub(super) fn put(&self, session: &Session, offset: Offset, state: &[u8]) {
        let mut sessions = self.inner.sessions.lock();
        let known = sessions.versions.contains_key(session);
        if !known && (sessions.versions.len() >= MAX_SESSIONS || session.sender.len() > MAX_NAME) {
            return;
        }
        sessions.vendors.insert(Arc::clone(&session.vendor));
        sessions.unsaved.insert(session.clone());
        let versions = sessions.versions.entry(session.clone()).or_default();
        versions.push_back((offset, State::from(state)));
    }

    /// Saves the states as the messages below `before` left them. Nothing is written when none of them left one.
    pub async fn save(&self, before: Offset) -> Result<(), StateError> {
        let mut store = self.inner.store.lock().await;
        let changed = self.below(before);
        if changed.is_empty() {
            return Ok(());
        }
        store.write(before, &changed).await?;
        let mut sessions = self.inner.sessions.lock();
        sessions.saved = before;
        for (session, _) in changed {
            let Some(versions) = sessions.versions.get_mut(&session) else {
                continue;
            };
            while versions.get(1).is_some_and(|(offset, _)| *offset < before) {
                versions.pop_front();
            }
            if versions.len() == 1 {
                sessions.unsaved.remove(&session);
            }
        }
        Ok(())
    }

    /// The last state below an offset of every session that has a new one there.
    fn below(&self, before: Offset) -> Vec<(Session, State)> {
        let sessions = self.inner.sessions.lock();
        let last = |session: &Session| {
            let versions = sessions.versions.get(session)?;
            let (offset, state) = versions.iter().rev().find(|(offset, _)| *offset < before)?;
            // what was loaded or saved stands in front
            (*offset >= sessions.saved && *offset > Offset(0)).then(|| (session.clone(), Arc::clone(state)))
        };
        let mut changed: Vec<_> = sessions.unsaved.iter().filter_map(last).collect();
        changed.sort_unstable_by(|(left, _), (right, _)| left.cmp(right));
        changed
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn session(sender: &str) -> Session {
        Session {
            client: ClientId(1),
            vendor: "gt06".into(),
            sender: sender.into(),
        }
    }

    async fn open(folder: &tempfile::TempDir) -> States {
        States::open(&folder.path().join("states.db")).await.unwrap()
    }

    #[tokio::test]
    async fn states_are_saved_as_of_the_offset_that_the_journal_keeps() {
        let folder = tempfile::tempdir().unwrap();
        let states = open(&folder).await;
        let (a, b) = (session("a"), session("b"));
        assert!(states.current(&a).is_empty() && !states.has("gt06"));
        states.put(&a, Offset(1), b"a1");
        states.put(&b, Offset(2), b"b2");
        states.put(&a, Offset(5), b"a5");
        assert_eq!(&*states.current(&a), b"a5");
        states.save(Offset(5)).await.unwrap();
        drop(states);

        let states = open(&folder).await;
        assert!(states.saved() == Offset(5) && states.has("gt06"));
        assert_eq!(
            (&*states.current(&a), &*states.current(&b)),
            (&b"a1"[..], &b"b2"[..])
        );
        // the replay makes the rest again, and forgets nothing that it does not touch
        states.put(&a, Offset(5), b"a5");
        states.put(&a, Offset(6), b"");
        states.save(Offset(7)).await.unwrap();
        let states = open(&folder).await;
        assert_eq!(states.saved(), Offset(7));
        assert!(states.current(&a).is_empty());
        assert_eq!(&*states.current(&b), b"b2");
    }

    #[tokio::test]
    async fn what_left_no_state_writes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let states = open(&folder).await;
        states.save(Offset(100)).await.unwrap();
        assert_eq!(states.saved(), Offset(0));
        states.put(&session("a"), Offset(100), b"x");
        states.save(Offset(100)).await.unwrap();
        assert_eq!(states.saved(), Offset(0));
        states.save(Offset(101)).await.unwrap();
        states.save(Offset(200)).await.unwrap();
        assert_eq!(states.saved(), Offset(101));
        assert!(states.inner.sessions.lock().unsaved.is_empty());
    }

    #[tokio::test]
    async fn names_and_numbers_of_sessions_are_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let states = open(&folder).await;
        let long = session(&"x".repeat(MAX_NAME + 1));
        states.put(&long, Offset(1), b"x");
        assert!(states.current(&long).is_empty());
    }
}

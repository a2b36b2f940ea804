//! Who is connected under which client id, and what is remembered between two connections.
//!
//! A session belongs to (credential, client id): the same client id under another credential is another
//! session. It lives in memory: after a restart a device starts anew (`session present` = 0).

use std::collections::VecDeque;
use std::sync::Arc;

use ahash::AHashMap;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::frame::Qos;
use crate::model::Offset;

/// Credential id and client id.
pub type SessionKey = (u32, String);

/// What outlives a connection that did not ask for a clean session.
#[derive(Debug, Default)]
pub struct Session {
    /// QoS 2 packet ids that are journalled and not released yet, with the offset that makes them durable.
    pub received: Mutex<AHashMap<u16, Offset>>,
    /// Downlink filters that were granted.
    pub subscriptions: Mutex<Vec<(String, Qos)>>,
}

/// All sessions.
#[derive(Debug)]
pub struct Sessions {
    inner: Mutex<Inner>,
    max_remembered: usize,
}

#[derive(Debug, Default)]
struct Inner {
    entries: AHashMap<SessionKey, Entry>,
    /// Sessions without a connection, oldest first; an entry whose epoch moved on is stale.
    remembered: VecDeque<(SessionKey, u64)>,
    epoch: u64,
}

#[derive(Debug)]
struct Entry {
    session: Arc<Session>,
    epoch: u64,
    connection: Option<CancellationToken>,
}

/// A connection's hold on its session.
#[derive(Debug)]
pub struct Attached {
    /// The session.
    pub session: Arc<Session>,
    /// Cancelled when another connection takes the session over.
    pub taken_over: CancellationToken,
    /// Number of this connection, unique.
    pub epoch: u64,
    /// Whether the session was known before.
    pub present: bool,
    /// Whether an older connection was closed for it.
    pub displaced: bool,
}

impl Sessions {
    /// Remembers at most `max_remembered` sessions without a connection.
    pub fn new(max_remembered: usize) -> Self {
        Self {
            inner: Mutex::default(),
            max_remembered,
        }
    }

    /// Connects to the session of `key`; an older connection is told to close.
    pub fn attach(&self, key: &SessionKey, clean: bool) -> Attached {
        let mut inner = self.inner.lock();
        inner.epoch += 1;
        let epoch = inner.epoch;
        let taken_over = CancellationToken::new();
        let before = inner.entries.remove(key);
        let displaced = before
            .as_ref()
            .and_then(|entry| entry.connection.as_ref())
            .inspect(|older| older.cancel())
            .is_some();
        let known = before.filter(|_| !clean).map(|entry| entry.session);
        let present = known.is_some();
        let session = known.unwrap_or_default();
        let entry = Entry {
            session: session.clone(),
            epoch,
            connection: Some(taken_over.clone()),
        };
        inner.entries.insert(key.clone(), entry);
        Attached {
            session,
            taken_over,
            epoch,
            present,
            displaced,
        }
    }

    /// The connection with number `epoch` is gone. Does nothing if another one has taken over.
    pub fn detach(&self, key: &SessionKey, epoch: u64, clean: bool) {
        let mut inner = self.inner.lock();
        let Some(entry) = inner.entries.get_mut(key).filter(|entry| entry.epoch == epoch) else {
            return;
        };
        if clean {
            inner.entries.remove(key);
            return;
        }
        entry.connection = None;
        inner.remembered.push_back((key.clone(), epoch));
        while inner.remembered.len() > self.max_remembered {
            let Some((oldest, epoch)) = inner.remembered.pop_front() else {
                break;
            };
            let is_idle = inner
                .entries
                .get(&oldest)
                .is_some_and(|entry| entry.epoch == epoch && entry.connection.is_none());
            if is_idle {
                inner.entries.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    fn key(id: &str) -> SessionKey {
        (1, id.to_owned())
    }

    #[test]
    fn a_second_connection_takes_the_session_over_and_the_first_one_can_not_end_it() {
        let sessions = Sessions::new(10);
        let first = sessions.attach(&key("a"), false);
        let second = sessions.attach(&key("a"), false);
        assert!(first.taken_over.is_cancelled() && !second.taken_over.is_cancelled());
        assert!(second.displaced && second.present && Arc::ptr_eq(&first.session, &second.session));
        sessions.detach(&key("a"), first.epoch, true);
        assert!(sessions.attach(&key("a"), false).displaced);
    }

    #[test]
    fn another_credential_with_the_same_client_id_is_somebody_else() {
        let sessions = Sessions::new(10);
        let first = sessions.attach(&(1, "a".into()), false);
        let other = sessions.attach(&(2, "a".into()), false);
        assert!(!first.taken_over.is_cancelled() && !other.present);
    }

    #[test]
    fn a_clean_session_starts_and_ends_empty() {
        let sessions = Sessions::new(10);
        let first = sessions.attach(&key("a"), false);
        first.session.received.lock().insert(1, Offset(1));
        sessions.detach(&key("a"), first.epoch, false);
        let second = sessions.attach(&key("a"), true);
        assert!(!second.present && second.session.received.lock().is_empty());
        sessions.detach(&key("a"), second.epoch, true);
        assert!(!sessions.attach(&key("a"), false).present);
    }

    #[test]
    fn remembered_sessions_are_bounded_and_the_oldest_goes_first() {
        let sessions = Sessions::new(2);
        for id in ["a", "b", "c"] {
            let attached = sessions.attach(&key(id), false);
            sessions.detach(&key(id), attached.epoch, false);
        }
        assert!(!sessions.attach(&key("a"), false).present);
        assert!(sessions.attach(&key("c"), false).present);
    }

    #[test]
    fn a_device_that_keeps_reconnecting_does_not_fill_the_memory() {
        let sessions = Sessions::new(2);
        for _ in 0..100 {
            let attached = sessions.attach(&key("a"), false);
            sessions.detach(&key("a"), attached.epoch, false);
        }
        let inner = sessions.inner.lock();
        assert!(inner.remembered.len() <= 2 && inner.entries.len() == 1);
    }
}

//! Who may read tracks at the same time, and how much of them may wait in memory.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::TrackError;
use crate::model::ClientId;

/// Tracks at the same time: of all clients, and of one.
pub(super) const STREAMS: usize = 8;
pub(super) const STREAMS_OF_ONE: usize = 4;
/// Parts of tracks that are read before those in front of them are used up, of all tracks together. So of each track
/// one part is in memory, and so many more.
const AHEAD: usize = 3;

/// The places of all clients. Cheap to clone.
#[derive(Clone)]
pub(super) struct Places {
    all: Arc<Semaphore>,
    /// Those of each client: slow readers of one leave places for others.
    of_clients: Arc<Mutex<HashMap<ClientId, Arc<Semaphore>>>>,
    ahead: Arc<Semaphore>,
}

/// A track's place; given back when dropped.
pub(super) struct Place {
    _permits: [OwnedSemaphorePermit; 2],
}

/// The room of one track for what it has read.
pub(super) struct Room {
    own: Arc<Semaphore>,
    ahead: Arc<Semaphore>,
}

impl Places {
    pub fn new() -> Self {
        Self {
            all: Arc::new(Semaphore::new(STREAMS)),
            of_clients: Arc::default(),
            ahead: Arc::new(Semaphore::new(AHEAD)),
        }
    }

    /// A place of the client's, then one of all.
    pub async fn take(&self, client: ClientId) -> Result<Place, TrackError> {
        let own = Arc::clone(
            self.of_clients
                .lock()
                .entry(client)
                .or_insert_with(|| Arc::new(Semaphore::new(STREAMS_OF_ONE))),
        );
        // never closed
        let own = own.acquire_owned().await.map_err(|_| TrackError::Busy)?;
        let all = Arc::clone(&self.all).acquire_owned().await;
        let all = all.map_err(|_| TrackError::Busy)?;
        Ok(Place { _permits: [own, all] })
    }

    /// The room of a track that has a place.
    pub fn room(&self) -> Room {
        Room {
            own: Arc::new(Semaphore::new(1)),
            ahead: Arc::clone(&self.ahead),
        }
    }
}

impl Room {
    /// Waits until another part may be in memory, and holds its room: as soon as the part before is used up, or
    /// earlier where not too many others are ahead. `None`: never, the program ends.
    pub async fn of_part(&self) -> Option<OwnedSemaphorePermit> {
        let own = Arc::clone(&self.own).acquire_owned();
        let ahead = Arc::clone(&self.ahead).acquire_owned();
        tokio::select! {
            biased;
            permit = own => permit.ok(),
            permit = ahead => permit.ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    #[tokio::test(start_paused = true)]
    async fn one_client_leaves_places_for_others() {
        let places = Places::new();
        let mut held = Vec::new();
        for _ in 0..STREAMS_OF_ONE {
            held.push(places.take(ClientId(1)).await);
        }
        let soon = |client| tokio::time::timeout(SOON, places.take(ClientId(client)));
        assert!(soon(1).await.is_err(), "one client has more than its share");
        for _ in STREAMS_OF_ONE..STREAMS {
            held.push(soon(2).await.unwrap_or(Err(TrackError::Busy)));
        }
        assert!(held.iter().all(Result::is_ok));
        assert!(soon(3).await.is_err(), "there are more streams than may be");
        held.pop();
        assert!(soon(3).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn each_track_has_room_for_one_part_and_few_are_ahead() {
        let places = Places::new();
        let rooms: Vec<Room> = (0..STREAMS).map(|_| places.room()).collect();
        let mut held = Vec::new();
        // the first tracks take all that may be ahead
        for room in rooms.iter().take(AHEAD) {
            held.push(room.of_part().await);
            held.push(room.of_part().await);
        }
        // which leaves the others their own
        for room in rooms.iter().skip(AHEAD) {
            held.push(room.of_part().await);
        }
        assert!(held.iter().all(Option::is_some));
        let last = &rooms[STREAMS - 1];
        let soon = tokio::time::timeout(SOON, last.of_part()).await;
        assert!(soon.is_err(), "more parts are in memory than may be");
        // as soon as its own is used up
        held.pop();
        assert!(last.of_part().await.is_some());
    }
}

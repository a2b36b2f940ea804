//! Supervisors: they note what ends badly, and nothing else.

use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};

/// Supervisors over which device actors are spread: keeps their tables of children small.
pub(super) const SUPERVISORS: usize = 64;

/// Nobody writes to supervisors.
pub(super) enum SupervisorMsg {}

/// Notes failures. A failed actor needs no restart from here: its seat has parked the core, and the next
/// delivery wakes the device again (a shard's seat starts the shard anew).
pub(super) struct Supervisor;

impl Actor for Supervisor {
    type Msg = SupervisorMsg;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<SupervisorMsg>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    /// Replaces ractor's own, which stops the supervisor on the first failure and so kills all siblings.
    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<SupervisorMsg>,
        event: SupervisionEvent,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        if let SupervisionEvent::ActorFailed(actor, error) = event {
            tracing::error!(actor = %actor.get_id(), %error, "a device actor failed");
        }
        Ok(())
    }
}

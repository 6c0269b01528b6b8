//! Who acts, and when. What they may do is asked for in [`crate::authz`].

use std::sync::Arc;

use kilter_domain::{actor::Actor, identity::TokenScope, time::Timestamp};

/// What was proven about who acts, beyond the name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credential {
    /// The token that was shown: its id and its name.
    pub token: Option<(String, String)>,
    /// The groups that the actor is a member of.
    pub groups: Vec<String>,
    /// The person who answers for a service that acts.
    pub on_behalf: Option<Actor>,
    /// What the token may be used for.
    pub scope: TokenScope,
    /// Whether the actor administers the platform.
    pub is_admin: bool,
    /// Whether whoever asks has shown that they can read the data folder.
    pub has_folder: bool,
    /// The latest end of a token that is made with this one. `None` where no token bounds it: a person has logged in, or may read the
    /// data folder.
    pub max_token_expiry: Option<Timestamp>,
}

/// Who does something, and when. Handed into every intention that changes a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestContext {
    /// The time of the act; a replay puts the time that it plays here.
    pub at: Timestamp,
    /// Who acts.
    pub actor: Actor,
    /// What was proven about them.
    pub credential: Arc<Credential>,
}

impl RequestContext {
    /// Someone by their name alone: where nobody has an account, and in tests.
    pub fn new(at: Timestamp, actor: Actor) -> Self {
        Self { at, actor, credential: Arc::default() }
    }

    /// A part of the platform that follows the contract.
    pub fn system(name: &'static str, at: Timestamp) -> Self {
        Self::new(at, Actor::system(name))
    }

    /// Everyone whose act this is: the actor, and the person who answers for it. What one of them made, the other does not judge.
    pub fn everyone(&self) -> Vec<Actor> {
        std::iter::once(&self.actor).chain(&self.credential.on_behalf).cloned().collect()
    }
}

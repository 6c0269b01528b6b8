//! A right that was given, as a value: a use case that takes one cannot be called by whoever forgot to ask.
//!
//! Invariants: only this module's neighbours make one, after the roles, the groups and the scope of the token were asked; it is for one
//! act, and for whoever asked. Out of scope: use cases that ask for themselves, because what they need follows from what they find.

use std::{marker::PhantomData, ops::Deref};

use kilter_domain::actor::Action;

use crate::context::RequestContext;

/// An act, as a type.
pub trait Act: Send + Sync + 'static {
    /// The right that it needs.
    const ACTION: Action;
}

macro_rules! acts {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name;

        impl Act for $name {
            const ACTION: Action = Action::$name;
        }
    )*};
}

/// Acts whose use cases take the right as a value.
pub mod act {
    use super::{Act, Action};

    acts! {
        /// Starts and cancels runs.
        Run;
        /// Keys, garbage.
        Administer;
    }
}

/// The right to an act, given to whoever asked for it.
#[derive(Clone, Debug)]
pub struct Grant {
    action: Action,
    context: RequestContext,
}

impl Grant {
    /// After it was asked for: made by the modules beside this one alone.
    pub(super) fn new(action: Action, context: &RequestContext) -> Self {
        Self { action, context: context.clone() }
    }

    /// The right as that to `A`; `None` when it is to something else.
    pub fn to<A: Act>(self) -> Option<Authorized<A>> {
        (self.action == A::ACTION).then_some(Authorized { context: self.context, act: PhantomData })
    }
}

/// Someone who may do `A`, and when they do it.
///
/// A use case that takes one is not called without:
/// ```compile_fail
/// fn cancel(app: &kilter_app::App, context: &kilter_app::RequestContext) {
///     kilter_app::runs::cancel_run(app, context, "a-run", "nobody was asked").ok();
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Authorized<A: Act> {
    context: RequestContext,
    act: PhantomData<A>,
}

impl<A: Act> Deref for Authorized<A> {
    type Target = RequestContext;

    fn deref(&self) -> &RequestContext {
        &self.context
    }
}

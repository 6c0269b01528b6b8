//! Replicas: processes apart that answer as the deployments of a server say, also while the server is away.
//!
//! The server makes a plan of what answers where, signed by the key of packages ([`plan`]), gives packages away file by file
//! ([`packages`]) and takes the records of what was answered ([`receive`]). A replica believes what trusted keys signed and nothing
//! else ([`statements`]), keeps it in a folder where it is verified again at each start ([`replica`], [`cache`]), and hands on what it
//! recorded ([`deliver`]).
//!
//! Invariants: a version answers at a replica only if its package is signed and its approval is whole, at each change and as time
//! goes on; what does not verify changes nothing, and is told; each record is kept once by the server, in its order.
//! Out of scope: HTTP, and when to ask.

pub(crate) mod cache;
pub(crate) mod deliver;
pub(crate) mod error;
pub(crate) mod packages;
pub(crate) mod plan;
pub(crate) mod receive;
pub(crate) mod replica;
pub(crate) mod statements;

pub use cache::PackageListing;
pub use deliver::Delivery;
pub use error::ReplicationError;
pub use kilter_blobs::{Tree as PackageTree, TreeEntry as PackageEntry};
pub use packages::{open_package_file, package_files};
pub use plan::{ServingPlan, serving_plan};
pub use receive::{Received, ReceivedRecords, receive_records};
pub use replica::Replica;
pub use statements::{KeyRing, OfferedKey, SignedApproval, SignedPlan, VerifiedPlan, VersionClaim};

//! The codes of the errors of versions: judging, deploying and watching them.

use kilter_api::Code;
use kilter_app::{
    approval::ApproveError,
    break_glass::BreakGlassError,
    deployment::{DeployError, TuneError},
    model::VersionError,
    objective::ObjectiveError,
};

use super::answered::{Answer, Answered};

impl Answered for VersionError {
    fn answer(&self) -> Answer {
        match self {
            Self::Package(error) => error.answer(),
            Self::Golden(error) => error.answer(),
            Self::GoldenDiffers { .. } | Self::GoldenOfPackage { .. } | Self::OtherSignature { .. } => {
                Answer::with_hint(Code::ModelInvalid, "make a new version with `kilter run`, or deploy another one")
            }
            Self::NotSigned { .. } => Code::PackageNotSigned.into(),
            Self::SigningKey(error) => error.answer(),
            Self::Move(error) => error.answer(),
            Self::Storage(error) => error.answer(),
        }
    }
}

impl Answered for ApproveError {
    fn answer(&self) -> Answer {
        match self {
            Self::NotFound(error) => error.answer(),
            Self::Denied(error) => error.answer(),
            Self::Move(error) => error.answer(),
            Self::InvalidState(error) => error.answer(),
            Self::Project(error) => error.answer(),
            Self::Version(error) => error.answer(),
            Self::Gate(error) => error.answer(),
            Self::Deploy(error) => error.answer(),
            Self::Storage(error) => error.answer(),
        }
    }
}

impl Answered for DeployError {
    fn answer(&self) -> Answer {
        match self {
            Self::NotFound(error) => error.answer(),
            Self::Denied(error) => error.answer(),
            Self::InvalidState(error) => error.answer(),
            Self::Move(_) => Code::InvalidState.into(),
            Self::NoLiveVersion(error) => error.answer(),
            Self::SignatureDiffers { .. } => Code::SignatureDiffers.into(),
            Self::Version(error) => error.answer(),
            Self::Admit(_) | Self::Routes(_) | Self::NotLoaded { .. } => Code::ModelInvalid.into(),
            Self::Project(error) => error.answer(),
            Self::Storage(error) => error.answer(),
        }
    }
}

impl Answered for TuneError {
    fn answer(&self) -> Answer {
        match self {
            Self::Gate(error) => error.answer(),
            Self::Deploy(error) => error.answer(),
        }
    }
}

impl Answered for BreakGlassError {
    fn answer(&self) -> Answer {
        match self {
            Self::NotFound(error) => error.answer(),
            Self::Denied(error) => error.answer(),
            Self::InvalidState(error) => error.answer(),
            Self::Project(error) => error.answer(),
            Self::Deploy(error) => error.answer(),
            Self::Alert(error) => error.answer(),
            Self::Storage(error) => error.answer(),
        }
    }
}

impl Answered for ObjectiveError {
    fn answer(&self) -> Answer {
        match self {
            Self::NotFound(error) => error.answer(),
            Self::Project(error) => error.answer(),
            Self::Alert(error) => error.answer(),
            Self::Storage(error) => error.answer(),
        }
    }
}

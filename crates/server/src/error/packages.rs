//! The codes of errors of packages and of the keys that sign them.

use kilter_api::Code;
use kilter_app::{
    keys::SigningKeyError,
    model::{GoldenError, PackageError},
    oci::OciError,
    package::PackageUseError,
    replication::ReplicationError,
};

use super::answered::{Answer, Answered, of_disk};

impl Answered for PackageUseError {
    fn answer(&self) -> Answer {
        match self {
            Self::NoPackage(_) | Self::Invalid(_) | Self::InputRule(_) => Code::PackageInvalid.into(),
            Self::NotFound(error) => error.answer(),
            Self::Denied(error) => error.answer(),
            Self::Project(error) => error.answer(),
            Self::Version(error) => error.answer(),
        }
    }
}

impl Answered for ReplicationError {
    fn answer(&self) -> Answer {
        match self {
            Self::Untrusted { .. } => Answer::with_hint(
                Code::PackageNotSigned,
                "name the key that signs (--key FILE or --trust FINGERPRINT; `kilter key list --json` on the server), and see that \
                 nobody changed what was sent",
            ),
            Self::Invalid { .. } | Self::NotFetched(_) => Code::PackageInvalid.into(),
            Self::Records(_) => Code::RequestInvalid.into(),
            Self::Refused(_) => Code::InvalidState.into(),
            Self::NoLiveVersion(error) => error.answer(),
            Self::NotFound(error) => error.answer(),
            Self::Key(error) => error.answer(),
            Self::Version(error) => error.answer(),
            Self::Admit(_) | Self::Routes(_) => Code::ModelInvalid.into(),
            Self::Project(error) => error.answer(),
            Self::Storage(error) => error.answer(),
        }
    }
}

impl Answered for SigningKeyError {
    fn answer(&self) -> Answer {
        match self {
            Self::Key { .. } | Self::Revoked { .. } | Self::OpenToOthers { .. } => Code::KeyInvalid.into(),
            Self::GivenFromOutside { .. } | Self::NotMade { .. } => Code::InvalidState.into(),
            Self::NotFound(error) => error.answer(),
            Self::Storage(error) => error.answer(),
        }
    }
}

impl Answered for PackageError {
    fn answer(&self) -> Answer {
        if let Some(object) = self.object() {
            return object.answer();
        }
        match self {
            Self::Model { source, .. } => Answer::with_hint(Code::ModelInvalid, source.hint()),
            Self::PartMissing { .. } => Code::ModelInvalid.into(),
            Self::Golden(error) => error.answer(),
            Self::Manifest(_) | Self::Archive(_) | Self::TooManyFiles | Self::Tree { .. } => {
                Code::PackageInvalid.into()
            }
            Self::Signature(_) => Code::PackageNotSigned.into(),
            Self::Unlisted { .. } => Code::InvalidState.into(),
            Self::NoFolder(_) => Code::FileNotFound.into(),
            Self::Exists(_) => Code::FileExists.into(),
            Self::Table(_) => Code::ColumnUnknown.into(),
            error if error.is_damaged() => Code::DataDamaged.into(),
            Self::Lake(_) => of_disk(self).unwrap_or(Code::FileInvalid).into(),
            error if error.has_foreign_file() => Code::PackageInvalid.into(),
            Self::NotAsListed { .. } => Code::DataDamaged.into(),
            Self::Document { .. } | Self::Reference(_) | Self::Blob(_) => {
                of_disk(self).unwrap_or(Code::StorageFailed).into()
            }
        }
    }
}

impl Answered for GoldenError {
    fn answer(&self) -> Answer {
        match self {
            Self::Predict(_) => Code::InvalidRows.into(),
            Self::Table(_) => Code::ColumnUnknown.into(),
            Self::Route(_) => Code::ModelInvalid.into(),
            Self::Infer(error) => error.answer(),
            Self::Lines { .. } => Code::PackageInvalid.into(),
            Self::Answer(_) => Code::StorageFailed.into(),
        }
    }
}

impl Answered for OciError {
    fn answer(&self) -> Answer {
        match self {
            Self::Address { .. } | Self::PlainHttp { .. } => Code::UsageInvalid.into(),
            Self::Unauthorized { .. } | Self::Refused { .. } | Self::Login { .. } => Code::RegistryRefused.into(),
            Self::NotFound { .. } => Code::NotFound.into(),
            Self::Unavailable { .. } | Self::Protocol { .. } => Code::RegistryUnavailable.into(),
            Self::Digest { .. } | Self::NotAPackage { .. } | Self::Content { .. } => Code::PackageInvalid.into(),
            Self::Exists { .. } => Code::FileExists.into(),
            Self::File { .. } => of_disk(self).unwrap_or(Code::StorageFailed).into(),
        }
    }
}

//! The value of a parameter of a request, however its protocol writes it, and what each parameter may be.

use kilter_domain::time::Timestamp;

use super::{Limits, V2Error};

/// What Kilter reads of a request's parameters; all others are ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters {
    /// The id of the prediction; with several rows, `-` and the row's number are added to it.
    pub prediction_id: Option<String>,
    /// What a canary's split sticks to, for all rows.
    pub entity: Option<String>,
    /// Who asks.
    pub consumer: Option<String>,
    /// Whether the attributions of each row are wanted beside its answer.
    pub explain: bool,
    /// When the event happened; only accepted in replay and backfill.
    pub time: Option<Timestamp>,
}

/// A value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterValue<'a> {
    /// None: the same as a parameter that is left out.
    Null,
    /// A text.
    Text(&'a str),
    /// A whole number of 64 bits.
    Whole(i64),
    /// True or false.
    Bool(bool),
    /// Anything else.
    Other,
}

impl Parameters {
    /// Takes a parameter; one that Kilter does not read is left out.
    ///
    /// # Errors
    /// [`V2Error::BadParameter`] when the value is none that the parameter may have.
    pub fn set(&mut self, name: &str, value: ParameterValue<'_>, limits: &Limits) -> Result<(), V2Error> {
        let set = match name {
            "prediction_id" => value.text(limits).map(|text| self.prediction_id = text),
            "entity" => value.text(limits).map(|text| self.entity = text),
            "consumer" => value.text(limits).map(|text| self.consumer = text),
            "explain" => value.bool().map(|wanted| self.explain = wanted),
            "time" => value.time().map(|time| self.time = time),
            _ => Ok(()),
        };
        set.map_err(|problem| V2Error::BadParameter { name: name.to_owned(), problem })
    }
}

impl ParameterValue<'_> {
    /// A text of bounded length that is not empty, or what is wrong with it.
    pub(super) fn text(self, limits: &Limits) -> Result<Option<String>, String> {
        let limit = limits.id_bytes;
        match self {
            Self::Null => Ok(None),
            Self::Text("") => Err("is empty".to_owned()),
            Self::Text(text) if text.len() > limit => {
                Err(format!("has {} bytes; at most {limit} are accepted", text.len()))
            }
            Self::Text(text) => Ok(Some(text.to_owned())),
            Self::Whole(_) | Self::Bool(_) | Self::Other => Err("must be a text".to_owned()),
        }
    }

    fn bool(self) -> Result<bool, String> {
        match self {
            Self::Null => Ok(false),
            Self::Bool(value) => Ok(value),
            _ => Err("must be true or false".to_owned()),
        }
    }

    fn time(self) -> Result<Option<Timestamp>, String> {
        match self {
            Self::Null => Ok(None),
            Self::Whole(millis) => Ok(Some(Timestamp(millis))),
            Self::Text(text) => text.parse().map(Some).map_err(|error| format!("is not a time: {error}")),
            Self::Bool(_) | Self::Other => {
                Err("must be whole milliseconds since 1970 or a text like 2026-03-01T12:00:00Z".to_owned())
            }
        }
    }
}

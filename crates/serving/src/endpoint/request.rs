//! What is asked of an endpoint, and what it answers.

use std::{collections::HashSet, sync::Arc, time::Duration};

use kilter_domain::{nearest::nearest, table::Table, time::Timestamp};

use super::{
    Endpoint, Predictor,
    messages::{EventTimes, InferError, InferRequest},
};
use crate::v2::{
    InputProblem, OutputFormat, Request, RequestBody, Rows, TIME_INPUT, V2Error, check_format, is_explanation,
    read_request,
};

/// The models that answer a request, kept in memory for it.
pub struct LoadedModels(#[expect(dead_code, reason = "what is kept is not asked")] [Option<Arc<dyn Predictor>>; 2]);

impl Endpoint {
    /// Reads the body of `POST /v2/models/NAME/infer` for what is served now.
    pub fn read<'a>(
        &self,
        body: impl Into<RequestBody<'a>>,
        event_times: EventTimes,
    ) -> Result<InferRequest, InferError> {
        if self.routes().champion().is_none() {
            return Err(self.nothing_served());
        }
        self.accept(read_request(body, self.limits())?, event_times)
    }

    /// A request that was read already, by whatever protocol, for what is served now.
    pub fn accept(&self, mut request: Request, event_times: EventTimes) -> Result<InferRequest, InferError> {
        let routes = self.routes();
        if routes.champion().is_none() {
            return Err(self.nothing_served());
        }
        if event_times == EventTimes::Now {
            let problem = InputProblem::TimeNotAccepted;
            if request.parameters.time.is_some() {
                return Err(V2Error::BadParameter { name: "time".into(), problem: problem.to_string() }.into());
            }
            if request.inputs.iter().any(|one| one.name == TIME_INPUT) {
                return Err(V2Error::Input { input: format!("`{TIME_INPUT}`"), problem }.into());
            }
        }
        let id = request.id.clone();
        check_format(&request.format)?;
        let explains = request.parameters.explain || request.outputs.iter().any(|name| is_explanation(name));
        let (outputs, format) = (std::mem::take(&mut request.outputs), std::mem::take(&mut request.format));
        let consumer = request.parameters.consumer.take().map(Arc::from);
        let rows = routes.known().rows(request, self.limits())?;
        Ok(InferRequest { rows, id, consumer, outputs, format, explains, routes })
    }

    /// Rows that are a table already (replay, batch scoring). Columns that are no input are refused as in a body.
    pub fn request(&self, table: Table) -> Result<InferRequest, InferError> {
        let routes = self.routes();
        if routes.champion().is_none() {
            return Err(self.nothing_served());
        }
        let rows = table.rows();
        if rows == 0 {
            return Err(V2Error::NoRows.into());
        }
        let known = routes.known().names();
        if let Some(name) = table.names().iter().find(|name| !known.contains(name)) {
            let nearest = nearest(name, known.iter().map(String::as_str)).map(str::to_owned);
            return Err(V2Error::UnknownInput { name: name.clone(), nearest, known }.into());
        }
        let rows = Rows { table, ids: None, entities: None, times: None };
        Ok(InferRequest {
            rows,
            id: None,
            consumer: None,
            outputs: Vec::new(),
            format: OutputFormat::default(),
            explains: false,
            routes,
        })
    }
}

impl InferRequest {
    /// How many rows are to be scored.
    pub fn rows(&self) -> usize {
        self.rows.table.rows()
    }

    /// How long the versions that answer will take for it, by what they took so far; `None` when one of them is new, or has to
    /// explain its answers.
    pub fn expected_time(&self) -> Option<Duration> {
        if self.explains {
            return None;
        }
        self.routes.answering().map(|version| version.expected_time(self.rows())).sum()
    }

    /// The models of the versions that answer; `None` where one of them has to be loaded first. As long as they are kept, the request waits
    /// for no loading.
    pub fn loaded_models(&self) -> Option<LoadedModels> {
        let mut models = [None, None];
        for (model, version) in models.iter_mut().zip(self.routes.answering()) {
            *model = Some(version.model().get_loaded()?);
        }
        Some(LoadedModels(models))
    }

    /// The same request, with the attributions of each row in its answer.
    pub fn with_explanation(mut self) -> Self {
        self.explains = true;
        self
    }

    /// Gives each row its prediction id.
    pub fn with_ids(mut self, ids: Vec<Arc<str>>) -> Self {
        self.rows.ids = Some(ids);
        self
    }

    /// Says for each row what a canary's split sticks to.
    pub fn with_entities(mut self, entities: Vec<Arc<str>>) -> Self {
        self.rows.entities = Some(entities);
        self
    }

    /// Says for each row when its event happened.
    pub fn with_times(mut self, times: Vec<Timestamp>) -> Self {
        self.rows.times = Some(times);
        self
    }

    /// The same request, to be answered by one of the versions that are deployed at the endpoint: none is drawn, and it is a test.
    ///
    /// # Errors
    /// [`InferError::VersionNotServed`].
    pub fn at_version(mut self, number: u64, endpoint: &Endpoint) -> Result<Self, InferError> {
        let not_served = || endpoint.not_served(&number.to_string(), &self.routes);
        let pinned = self.routes.pinned(number).ok_or_else(not_served)?;
        self.routes = Arc::new(pinned);
        Ok(self)
    }

    /// The same request, recorded as that of a consumer.
    pub fn with_consumer(mut self, consumer: Option<Arc<str>>) -> Self {
        self.consumer = consumer;
        self
    }

    /// Who asks, as the request says.
    pub fn consumer(&self) -> Option<&Arc<str>> {
        self.consumer.as_ref()
    }

    /// Refuses ids, entities and times that do not fit the rows; a body was checked when it was read.
    pub(super) fn check(&self) -> Result<(), V2Error> {
        let rows = self.rows();
        let differ = |name: &str, found: usize| {
            let problem = InputProblem::RowsDiffer { rows: found, other: "the table".into(), other_rows: rows };
            V2Error::Input { input: format!("`{name}`"), problem }
        };
        let lengths = [
            ("__id", self.rows.ids.as_ref().map(Vec::len)),
            ("__entity", self.rows.entities.as_ref().map(Vec::len)),
            ("__time", self.rows.times.as_ref().map(Vec::len)),
        ];
        for (name, length) in lengths {
            if let Some(found) = length.filter(|length| *length != rows) {
                return Err(differ(name, found));
            }
        }
        let ids = self.rows.ids.as_deref().unwrap_or_default();
        let mut seen = HashSet::with_capacity(if ids.len() > 1 { ids.len() } else { 0 });
        if ids.len() > 1 {
            match ids.iter().position(|id| !seen.insert(id)) {
                Some(row) => {
                    let problem = InputProblem::RepeatedId { value: ids[row].to_string(), row };
                    Err(V2Error::Input { input: "`__id`".into(), problem })
                }
                None => Ok(()),
            }
        } else {
            Ok(())
        }
    }
}

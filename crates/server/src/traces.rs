//! Traces of OpenTelemetry: what a request did and how long each part took, as a collector of the operator gets it.
//!
//! Invariants: without a collector a request costs one comparison; a request that a client traces goes on with its trace (W3C Trace
//! Context), and whether it is sampled is decided by the standard variables; the queue is bounded, and a collector that is away or
//! slow costs spans, never an answer, and is reported once. Names and attributes are those of the semantic conventions for HTTP and
//! RPC. Out of scope: metrics (`/metrics`) and logs.

mod collector;
mod settings;

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use axum::http::HeaderMap;
pub(crate) use opentelemetry::KeyValue;
use opentelemetry::{
    Context, Key,
    propagation::TextMapPropagator,
    trace::{Span, SpanKind, Status, TraceContextExt, Tracer, TracerProvider},
};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    trace::{SdkTracer, SdkTracerProvider},
};
use tokio::runtime::Handle;

use crate::traces::collector::Collector;
pub(crate) use crate::traces::settings::TraceError;

/// How long the end of the server waits for spans that were not sent yet.
const LAST_SPANS: Duration = Duration::from_secs(3);
/// The name of the service, where the environment says none.
const SERVICE: &str = "kilter";
/// The longest text of a client that becomes an attribute.
const MAX_TEXT: usize = 200;

tokio::task_local! {
    static CURRENT: RequestTrace;
}

/// Where spans go. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Traces(Option<Arc<Exporter>>);

struct Exporter {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    propagator: TraceContextPropagator,
}

impl fmt::Debug for Traces {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Traces").field("are_exported", &self.0.is_some()).finish()
    }
}

impl Traces {
    /// Spans go where the standard variables of the environment say, from now on; nowhere where they name no collector.
    ///
    /// # Errors
    /// If a variable asks for what there is not, or the address of the collector is none.
    pub(crate) fn of_environment() -> Result<Self, TraceError> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        if !settings::is_wanted(variable)? {
            return Ok(Self::default());
        }
        let runtime = Handle::try_current().map_err(|error| TraceError::Unusable(error.to_string()))?;
        let collector = Collector::new(runtime, settings::timeout(variable))?;
        let exporter =
            SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary).with_http_client(collector);
        let exporter = exporter.build().map_err(|error| TraceError::Unusable(error.to_string()))?;
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource()).build();
        let (tracer, propagator) = (provider.tracer(SERVICE), TraceContextPropagator::new());
        Ok(Self(Some(Arc::new(Exporter { provider, tracer, propagator }))))
    }

    /// Begins the span of a request, below that of its client where the headers name one; `None` where no spans are wanted.
    pub(crate) fn begin(
        &self,
        headers: &HeaderMap,
        describe: impl FnOnce() -> (String, Vec<KeyValue>),
    ) -> Option<RequestTrace> {
        let Exporter { tracer, propagator, .. } = self.0.as_deref()?;
        let above = propagator.extract_with_context(&Context::new(), &HeaderExtractor(headers));
        let (name, attributes) = describe();
        let builder = tracer.span_builder(name).with_kind(SpanKind::Server).with_attributes(attributes);
        let span = builder.start_with_context(tracer, &above);
        Some(RequestTrace { tracer: tracer.clone(), context: above.with_span(span) })
    }

    /// Sends what was not sent yet. Waits for the collector, for a short while.
    pub(crate) fn finish(&self) {
        if let Some(exporter) = &self.0 {
            // What the collector did not take is lost, and it was reported.
            let _ = exporter.provider.shutdown_with_timeout(LAST_SPANS);
        }
    }
}

/// What every span says of this process.
fn resource() -> Resource {
    let found = Resource::builder().build();
    let name = found.get(&Key::from_static_str("service.name")).map(|name| name.to_string());
    let is_named = name.is_some_and(|name| !name.starts_with("unknown_service"));
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let named = Resource::builder().with_attribute(version);
    if is_named { named.build() } else { named.with_service_name(SERVICE).build() }
}

/// The span of a request. Clones are the same span.
#[derive(Clone, Debug)]
pub(crate) struct RequestTrace {
    tracer: SdkTracer,
    context: Context,
}

impl RequestTrace {
    /// The id of the trace: 32 digits of hexadecimal.
    pub(crate) fn id(&self) -> String {
        self.context.span().span_context().trace_id().to_string()
    }

    /// Adds what is known by now.
    pub(crate) fn set(&self, attribute: KeyValue) {
        self.context.span().set_attribute(attribute);
    }

    /// The request is answered. `fault` is the class of a failure of the server.
    pub(crate) fn end(&self, fault: Option<String>) {
        let span = self.context.span();
        if let Some(fault) = fault {
            span.set_attribute(KeyValue::new("error.type", fault));
            span.set_status(Status::error(""));
        }
        span.end();
    }

    /// Times a part of the request.
    pub(crate) fn part(&self, name: &'static str) -> impl Span + use<> {
        self.tracer.span_builder(name).start_with_context(&self.tracer, &self.context)
    }

    /// A part of the request that is over.
    pub(crate) fn past_part(&self, name: &'static str, began: Instant, took: Duration) {
        let began = SystemTime::now().checked_sub(began.elapsed()).unwrap_or(SystemTime::UNIX_EPOCH);
        let part = self.tracer.span_builder(name).with_start_time(began);
        part.start_with_context(&self.tracer, &self.context).end_with_timestamp(began + took);
    }
}

/// Runs the future of a request; its parts find the span by [`current`].
pub(crate) async fn within<F: Future>(trace: Option<&RequestTrace>, future: F) -> F::Output {
    match trace {
        None => future.await,
        Some(trace) => CURRENT.scope(trace.clone(), future).await,
    }
}

/// The span of the request that this task answers, if somebody wants its parts.
pub(crate) fn current() -> Option<RequestTrace> {
    let current = CURRENT.try_with(RequestTrace::clone).ok();
    current.filter(|trace| trace.context.span().is_recording())
}

/// Does a part of a request, and times it where somebody wants that.
pub(crate) fn timed<T>(trace: Option<&RequestTrace>, name: &'static str, work: impl FnOnce() -> T) -> T {
    // It ends when it is dropped.
    let _part = trace.map(|trace| trace.part(name));
    work()
}

/// A text that a client chose, short enough for an attribute.
pub(crate) fn text(value: &str) -> String {
    value.chars().take(MAX_TEXT).collect()
}

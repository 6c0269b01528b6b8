//! Answers as messages. Values are always raw: clients read nothing else.

use kilter_serving::{
    InferResponse,
    v2::{self, Answer, DurationStatistics, ModelMetadata, OutputTensor, RepositoryEntry, TensorMetadata},
};

use crate::inference::grpc::protocol::{
    DataType, InferParameter, InferStatistics, ModelConfig, ModelInferResponse, ModelInput, ModelMetadataResponse,
    ModelOutput, ModelStatistics, ModelStreamInferResponse, StatisticDuration, infer_parameter::ParameterChoice,
    model_infer_response::InferOutputTensor, model_metadata_response, repository_index_response::ModelIndex,
};

/// Says of an answer in a stream that no other answer to the same request follows.
const FINAL_RESPONSE: &str = "triton_final_response";

/// The answer to one request.
pub(super) fn of(response: &InferResponse) -> ModelInferResponse {
    response.write(of_answer)
}

fn of_answer(answer: &Answer<'_>) -> ModelInferResponse {
    let (mut outputs, mut raw_output_contents) = (Vec::new(), Vec::new());
    for output in answer.outputs() {
        let mut raw = Vec::new();
        output.write_raw(&mut raw);
        outputs.push(head(&output));
        raw_output_contents.push(raw.into());
    }
    let text = |value: &str| InferParameter { parameter_choice: Some(ParameterChoice::StringParam(value.to_owned())) };
    ModelInferResponse {
        parameters: answer.parameters().map(|(name, value)| (name.to_owned(), text(value))).collect(),
        model_name: answer.model_name.to_owned(),
        model_version: answer.model_version.to_owned(),
        id: answer.id.unwrap_or_default().to_owned(),
        outputs,
        raw_output_contents,
    }
}

fn head(output: &OutputTensor<'_>) -> InferOutputTensor {
    InferOutputTensor {
        name: output.name.to_owned(),
        datatype: output.datatype.as_str().to_owned(),
        // Rows and classes of an answer in memory: they fit.
        shape: output.shape().iter().map(|size| *size as i64).collect(),
        ..InferOutputTensor::default()
    }
}

/// One answer of a stream, or why there is none; `head` says whose it is.
pub(super) fn in_stream(
    answered: Result<ModelInferResponse, String>,
    head: ModelInferResponse,
) -> ModelStreamInferResponse {
    let (mut response, error_message) = match answered {
        Ok(response) => (response, String::new()),
        Err(message) => (head, message),
    };
    let is_final = InferParameter { parameter_choice: Some(ParameterChoice::BoolParam(true)) };
    response.parameters.insert(FINAL_RESPONSE.to_owned(), is_final);
    ModelStreamInferResponse { error_message, infer_response: Some(response) }
}

/// What an endpoint takes and answers.
pub(super) fn metadata(metadata: ModelMetadata) -> ModelMetadataResponse {
    let tensors = |tensors: Vec<TensorMetadata>| {
        let one = |TensorMetadata { name, datatype, shape, .. }| model_metadata_response::TensorMetadata {
            name,
            datatype,
            shape,
        };
        tensors.into_iter().map(one).collect()
    };
    let ModelMetadata { name, versions, platform, inputs, outputs } = metadata;
    ModelMetadataResponse { name, versions, platform, inputs: tensors(inputs), outputs: tensors(outputs) }
}

/// The same as the configuration of a model of Triton: the number of rows is a part of each shape.
pub(super) fn config(metadata: ModelMetadata) -> ModelConfig {
    let input = |input: TensorMetadata| ModelInput {
        data_type: data_type(&input.datatype).into(),
        optional: input.parameters.is_some_and(|parameters| parameters.optional),
        name: input.name,
        dims: input.shape,
    };
    let output = |output: TensorMetadata| ModelOutput {
        data_type: data_type(&output.datatype).into(),
        name: output.name,
        dims: output.shape,
    };
    ModelConfig {
        name: metadata.name,
        platform: metadata.platform,
        backend: "kilter".to_owned(),
        max_batch_size: 0,
        input: metadata.inputs.into_iter().map(input).collect(),
        output: metadata.outputs.into_iter().map(output).collect(),
    }
}

/// What a version counted.
pub(super) fn statistics(found: v2::ModelStatistics) -> ModelStatistics {
    let duration = |DurationStatistics { count, ns }| Some(StatisticDuration { count, ns });
    let stats = found.inference_stats;
    ModelStatistics {
        name: found.name,
        version: found.version,
        last_inference: found.last_inference,
        inference_count: found.inference_count,
        execution_count: found.execution_count,
        inference_stats: Some(InferStatistics {
            success: duration(stats.success),
            fail: duration(stats.fail),
            queue: duration(stats.queue),
            compute_input: duration(stats.compute_input),
            compute_infer: duration(stats.compute_infer),
            compute_output: duration(stats.compute_output),
        }),
    }
}

/// A version of the index.
pub(super) fn index_entry(entry: RepositoryEntry) -> ModelIndex {
    let RepositoryEntry { name, version, state, reason } = entry;
    ModelIndex { name, version: version.unwrap_or_default(), state: state.as_str().to_owned(), reason }
}

fn data_type(datatype: &str) -> DataType {
    match datatype {
        "BYTES" => DataType::TypeString,
        other => DataType::from_str_name(&format!("TYPE_{other}")).unwrap_or(DataType::TypeInvalid),
    }
}

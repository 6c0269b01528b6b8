//! Trains on a JSON table and answers another one: the Rust side of `tests/python/onnx_parity/quality.py`.
//!
//! usage: quality TRAIN.json TEST.json OPTIONS.json OUT.json MODEL.onnx

#[path = "../tests/common/support.rs"]
mod support;

use std::{error::Error, fs, time::Instant};

fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<String> = std::env::args().skip(1).collect();
    let [train, test, options, out, onnx] = &paths[..] else {
        return Err("usage: quality TRAIN.json TEST.json OPTIONS.json OUT.json MODEL.onnx".into());
    };
    let train = support::table_from_json(&fs::read_to_string(train)?);
    let test = support::table_from_json(&fs::read_to_string(test)?);
    let options: kilter_train::TrainOptions = serde_json::from_str(&fs::read_to_string(options)?)?;
    let start = Instant::now();
    let fitted = kilter_train::train_model(&train, &options)?;
    let fit_seconds = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let model = kilter_inference::Model::from_onnx(&fitted.onnx)?;
    let load_seconds = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let prediction = model.predict(&test)?;
    let predict_seconds = start.elapsed().as_secs_f64();
    let answer = serde_json::json!({
        "scores": prediction.scores(),
        "labels": prediction.labels().map(|labels| labels.iter().map(|label| label.to_string()).collect::<Vec<_>>()),
        "probabilities": prediction.probabilities(),
        "seconds": { "fit": fit_seconds, "load": load_seconds, "predict": predict_seconds },
        "report": fitted.report,
    });
    fs::write(out, answer.to_string())?;
    fs::write(onnx, &fitted.onnx)?;
    Ok(())
}

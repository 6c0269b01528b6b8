//! Elementwise functions of one tensor, most of them activations of networks, by the formulas of ONNX.

use super::{Arguments, Attributes, Built, Operator, OperatorStructure, Outputs, broadcast};
use crate::tensor::Value;

pub(super) fn build(node: &Attributes<'_>) -> Option<Built> {
    if node.kind() == "IsInf" {
        return Some(is_inf(node));
    }
    if node.kind() == "PRelu" {
        return Some(Ok(Box::new(PRelu)));
    }
    let function = match node.kind() {
        "Erf" => Function::Erf,
        "Round" => Function::Round,
        "Softplus" => Function::Softplus,
        "Softsign" => Function::Softsign,
        "Elu" => Function::Elu,
        "Celu" => Function::Celu,
        "Selu" => Function::Selu,
        "LeakyRelu" => Function::LeakyRelu,
        "ThresholdedRelu" => Function::ThresholdedRelu,
        "HardSigmoid" => Function::HardSigmoid,
        "HardSwish" => Function::HardSwish,
        "Mish" => Function::Mish,
        "Gelu" => Function::Gelu,
        "Sin" => Function::Sin,
        "Cos" => Function::Cos,
        "Tan" => Function::Tan,
        "Asin" => Function::Asin,
        "Acos" => Function::Acos,
        "Atan" => Function::Atan,
        "Sinh" => Function::Sinh,
        "Cosh" => Function::Cosh,
        "Asinh" => Function::Asinh,
        "Acosh" => Function::Acosh,
        "Atanh" => Function::Atanh,
        _ => return None,
    };
    Some(activation(node, function))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Function {
    Erf,
    Round,
    Softplus,
    Softsign,
    Elu,
    Celu,
    Selu,
    LeakyRelu,
    ThresholdedRelu,
    HardSigmoid,
    HardSwish,
    Mish,
    Gelu,
    /// `Gelu` with `approximate="tanh"`.
    GeluTanh,
    Sin,
    Cos,
    Tan,
    Asin,
    Acos,
    Atan,
    Sinh,
    Cosh,
    Asinh,
    Acosh,
    Atanh,
}

#[derive(Debug)]
struct Activation {
    function: Function,
    alpha: f64,
    beta: f64,
}

fn activation(node: &Attributes<'_>, function: Function) -> Built {
    let (alpha, beta) = match function {
        Function::Elu | Function::Celu | Function::ThresholdedRelu => (node.float("alpha", 1.0)?, 0.0),
        Function::LeakyRelu => (node.float("alpha", 0.01)?, 0.0),
        Function::Selu => (node.float("alpha", 1.673_263_2)?, node.float("gamma", 1.050_701)?),
        Function::HardSigmoid => (node.float("alpha", 0.2)?, node.float("beta", 0.5)?),
        _ => (0.0, 0.0),
    };
    let function = match (function, node.text("approximate", "none")?) {
        (Function::Gelu, "tanh") => Function::GeluTanh,
        (Function::Gelu, other) if other != "none" => return Err(format!("approximate {other} does not exist")),
        (function, _) => function,
    };
    Ok(Box::new(Activation { function, alpha: f64::from(alpha), beta: f64::from(beta) }))
}

impl Activation {
    fn of(&self, x: f64) -> f64 {
        let Self { alpha, beta, .. } = *self;
        let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
        match self.function {
            Function::Erf => erf(x),
            Function::Round => x.round_ties_even(),
            Function::Softplus if x.is_nan() => x,
            Function::Softplus => softplus(x),
            Function::Softsign => x / (1.0 + x.abs()),
            Function::Elu if x < 0.0 => alpha * x.exp_m1(),
            Function::Celu if x < 0.0 => alpha * (x / alpha).exp_m1(),
            Function::Elu | Function::Celu => x,
            Function::Selu if x <= 0.0 => beta * alpha * x.exp_m1(),
            Function::Selu => beta * x,
            Function::LeakyRelu if x < 0.0 => alpha * x,
            Function::LeakyRelu => x,
            Function::ThresholdedRelu if x <= alpha => 0.0,
            Function::ThresholdedRelu => x,
            Function::HardSigmoid => (alpha * x + beta).clamp(0.0, 1.0),
            Function::HardSwish => x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
            Function::Mish => x * softplus(x).tanh(),
            Function::Gelu => 0.5 * x * (1.0 + erf(x / std::f64::consts::SQRT_2)),
            Function::GeluTanh => {
                let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x);
                0.5 * x * (1.0 + inner.tanh())
            }
            Function::Sin => x.sin(),
            Function::Cos => x.cos(),
            Function::Tan => x.tan(),
            Function::Asin => x.asin(),
            Function::Acos => x.acos(),
            Function::Atan => x.atan(),
            Function::Sinh => x.sinh(),
            Function::Cosh => x.cosh(),
            Function::Asinh => x.asinh(),
            Function::Acosh => x.acosh(),
            Function::Atanh => x.atanh(),
        }
    }
}

impl Operator for Activation {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        Ok(vec![match inputs.get(0)? {
            Value::Double(tensor) => Value::Double(tensor.map(|&x| self.of(x))),
            Value::Float(tensor) => Value::Float(tensor.map(|&x| self.of(f64::from(x)) as f32)),
            Value::Sparse(matrix) => Value::Float(matrix.dense()?.map(|&x| self.of(f64::from(x)) as f32)),
            other => return Err(format!("it does not go with a {}", other.kind())),
        }])
    }

    fn structure(&self) -> OperatorStructure<'_> {
        OperatorStructure::ByColumn
    }
}

/// The error function `2/sqrt(pi) * integral of exp(-t^2) from 0 to x`, to some 1e-15: a series below 3, a continued fraction above
/// (Abramowitz and Stegun 7.1.6 and 7.1.14).
fn erf(x: f64) -> f64 {
    let size = x.abs();
    if x.is_nan() || size == 0.0 {
        return x;
    }
    let density = std::f64::consts::FRAC_2_SQRT_PI * (-size * size).exp();
    let value = if size < 3.0 {
        let (mut term, mut sum, mut odd) = (size, size, 1.0);
        while term > sum * 1e-17 {
            odd += 2.0;
            term *= 2.0 * size * size / odd;
            sum += term;
        }
        density * sum
    } else if size < 6.0 {
        let fraction = (1..=60).rev().fold(size, |below, step| size + f64::from(step) / 2.0 / below);
        1.0 - density / 2.0 / fraction
    } else {
        1.0
    };
    value.copysign(x)
}

#[derive(Debug)]
struct IsInf {
    negative: bool,
    positive: bool,
}

fn is_inf(node: &Attributes<'_>) -> Built {
    let flag = |name| node.int(name, 1).map(|flag| flag != 0);
    Ok(Box::new(IsInf { negative: flag("detect_negative")?, positive: flag("detect_positive")? }))
}

impl Operator for IsInf {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let tensor = inputs.get(0)?.doubles()?;
        let is_one = |x: f64| (self.positive && x == f64::INFINITY) || (self.negative && x == f64::NEG_INFINITY);
        Ok(vec![Value::Bool(tensor.map(|&x| is_one(x)))])
    }

    fn structure(&self) -> OperatorStructure<'_> {
        OperatorStructure::ByColumn
    }
}

/// `PRelu`: negative values times a slope, which is an input.
#[derive(Debug)]
struct PRelu;

impl Operator for PRelu {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let (value, slope) = (inputs.get(0)?, inputs.get(1)?.doubles()?);
        let made = broadcast::zip(&*value.doubles()?, &*slope, |x, slope| if x < 0.0 { x * slope } else { x })?;
        Ok(vec![match value {
            Value::Double(_) => Value::Double(made),
            _ => Value::Float(made.map(|&x| x as f32)),
        }])
    }

    fn structure(&self) -> OperatorStructure<'_> {
        OperatorStructure::ByColumn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_function_is_that_of_scipy() {
        // scipy.special.erf.
        for (x, expected) in [
            (0.0, 0.0),
            (1e-8, 1.128_379_167_095_512_5e-8),
            (0.5, 0.520_499_877_813_046_5),
            (1.0, 0.842_700_792_949_714_9),
            (2.9, 0.999_958_902_121_900_5),
            (3.1, 0.999_988_351_342_632_2),
            (-2.0, -0.995_322_265_018_952_7),
            (7.0, 1.0),
            (f64::NEG_INFINITY, -1.0),
        ] {
            assert!(
                (erf(x) - expected).abs() <= 2e-15 * f64::abs(expected).max(1e-8),
                "{x}: {} and not {expected}",
                erf(x)
            );
        }
        assert!(erf(f64::NAN).is_nan());
    }

    #[test]
    fn activations_follow_the_formulas_of_onnx() {
        let check = |function, alpha, beta, x: f64, expected: f64| {
            let found = Activation { function, alpha, beta }.of(x);
            assert!((found - expected).abs() < 1e-6, "{function:?}({x}) = {found} and not {expected}");
        };
        check(Function::Round, 0.0, 0.0, 2.5, 2.0);
        check(Function::Round, 0.0, 0.0, -1.5, -2.0);
        check(Function::Softplus, 0.0, 0.0, 800.0, 800.0);
        check(Function::Softplus, 0.0, 0.0, -1.0, 0.313_261_69);
        check(Function::Elu, 2.0, 0.0, -1.0, -1.264_241_12);
        check(Function::Celu, 2.0, 0.0, -1.0, -0.786_938_68);
        check(Function::Selu, 1.673_263_2, 1.050_701, -1.0, -1.111_330_74);
        check(Function::LeakyRelu, 0.1, 0.0, -2.0, -0.2);
        check(Function::ThresholdedRelu, 1.0, 0.0, 1.0, 0.0);
        check(Function::HardSigmoid, 0.2, 0.5, 1.0, 0.7);
        check(Function::HardSwish, 0.0, 0.0, 1.0, 0.666_666_67);
        check(Function::Mish, 0.0, 0.0, 1.0, 0.865_098_39);
        check(Function::Gelu, 0.0, 0.0, 1.0, 0.841_344_75);
        check(Function::GeluTanh, 0.0, 0.0, 1.0, 0.841_191_99);
    }
}

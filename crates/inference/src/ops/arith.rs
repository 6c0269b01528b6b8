//! Elementwise arithmetic, comparison and choice.

use super::{Arguments, Attributes, Built, Operator, OperatorStructure, Outputs, broadcast};
use crate::tensor::{Tensor, Value};

pub(super) fn build(node: &Attributes<'_>) -> Option<Built> {
    let binary = |op| Some(Ok(Box::new(Binary(op)) as Box<dyn Operator>));
    let unary = |op| Some(Ok(Box::new(Unary(op)) as Box<dyn Operator>));
    match node.kind() {
        "Add" => binary(Pair::Add),
        "Sub" => binary(Pair::Sub),
        "Mul" => binary(Pair::Mul),
        "Div" => binary(Pair::Div),
        "Mod" => match node.int("fmod", 0) {
            Ok(0) => binary(Pair::Mod),
            Ok(_) => binary(Pair::Rest),
            Err(reason) => Some(Err(reason)),
        },
        "Min" => Some(Ok(Box::new(OfMany(Pair::Min)))),
        "Max" => Some(Ok(Box::new(OfMany(Pair::Max)))),
        "Mean" => Some(Ok(Box::new(Mean))),
        "Equal" => binary(Pair::Equal),
        "Less" => binary(Pair::Less),
        "LessOrEqual" => binary(Pair::LessOrEqual),
        "Greater" => binary(Pair::Greater),
        "GreaterOrEqual" => binary(Pair::GreaterOrEqual),
        "And" => binary(Pair::And),
        "Or" => binary(Pair::Or),
        "Xor" => binary(Pair::Xor),
        "Sum" => Some(Ok(Box::new(OfMany(Pair::Add)))),
        "Pow" => Some(Ok(Box::new(Pow))),
        "Neg" => unary(Single::Neg),
        "Abs" => unary(Single::Abs),
        "Exp" => unary(Single::Exp),
        "Log" => unary(Single::Log),
        "Sqrt" => unary(Single::Sqrt),
        "Floor" => unary(Single::Floor),
        "Ceil" => unary(Single::Ceil),
        "Reciprocal" => unary(Single::Reciprocal),
        "Sign" => unary(Single::Sign),
        "Sigmoid" => unary(Single::Sigmoid),
        "Tanh" => unary(Single::Tanh),
        "Relu" => unary(Single::Relu),
        "Not" => unary(Single::Not),
        "IsNaN" => unary(Single::IsNan),
        "Where" => Some(Ok(Box::new(Where))),
        "Clip" => Some(clip(node)),
        _ => None,
    }
}

#[derive(Clone, Copy, Debug)]
enum Pair {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    /// `Mod` with `fmod`: the rest has the sign of the dividend.
    Rest,
    Min,
    Max,
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    And,
    Or,
    Xor,
}

#[derive(Debug)]
struct Binary(Pair);

impl Operator for Binary {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let (left, right) = (inputs.get(0)?, inputs.get(1)?);
        if inputs.len() > 2 {
            return Err("only two inputs are supported".into());
        }
        Ok(vec![self.combine(left, right)?])
    }

    fn structure(&self) -> OperatorStructure<'_> {
        match self.0 {
            Pair::Add => OperatorStructure::Sum,
            _ => OperatorStructure::ByColumn,
        }
    }
}

impl Binary {
    fn combine(&self, left: &Value, right: &Value) -> Result<Value, String> {
        match (left, right) {
            (Value::Float(a), Value::Float(b)) => self.floats(a, b),
            (Value::Sparse(a), Value::Float(b)) if matches!(self.0, Pair::Mul) && b.shape.count() == a.columns => {
                // A row of finite factors keeps zeros zero.
                let mut scaled = a.clone();
                scaled.entries.iter_mut().for_each(|(column, value)| *value *= b.data[*column as usize]);
                Ok(Value::Sparse(scaled))
            }
            (Value::Sparse(a), b) => self.combine(&Value::Float(a.dense()?), b),
            (a, Value::Sparse(b)) => self.combine(a, &Value::Float(b.dense()?)),
            (Value::Double(a), Value::Double(b)) => self.doubles(a, b),
            (Value::Int(a), Value::Int(b)) => self.ints(a, b),
            (Value::Bool(a), Value::Bool(b)) => self.bools(a, b),
            (Value::Text(a), Value::Text(b)) if matches!(self.0, Pair::Equal) => {
                let at = |tensor: &Tensor<std::sync::Arc<str>>| Tensor {
                    shape: tensor.shape,
                    data: (0..tensor.data.len()).collect::<Vec<usize>>(),
                };
                Ok(Value::Bool(broadcast::zip(&at(a), &at(b), |i, j| a.data[i] == b.data[j])?))
            }
            (a, b) => Err(format!("{:?} does not go with a {} and a {}", self.0, a.kind(), b.kind())),
        }
    }

    fn floats(&self, a: &Tensor<f32>, b: &Tensor<f32>) -> Result<Value, String> {
        use broadcast::zip;
        Ok(match self.0 {
            Pair::Add => Value::Float(zip(a, b, |a, b| a + b)?),
            Pair::Sub => Value::Float(zip(a, b, |a, b| a - b)?),
            Pair::Mul => Value::Float(zip(a, b, |a, b| a * b)?),
            Pair::Div => Value::Float(zip(a, b, |a, b| a / b)?),
            Pair::Rest => Value::Float(zip(a, b, |a, b| a % b)?),
            Pair::Min => Value::Float(zip(a, b, |a, b| if a.is_nan() || a < b { a } else { b })?),
            Pair::Max => Value::Float(zip(a, b, |a, b| if a.is_nan() || a > b { a } else { b })?),
            _ => return self.compared(a, b),
        })
    }

    fn doubles(&self, a: &Tensor<f64>, b: &Tensor<f64>) -> Result<Value, String> {
        use broadcast::zip;
        Ok(match self.0 {
            Pair::Add => Value::Double(zip(a, b, |a, b| a + b)?),
            Pair::Sub => Value::Double(zip(a, b, |a, b| a - b)?),
            Pair::Mul => Value::Double(zip(a, b, |a, b| a * b)?),
            Pair::Div => Value::Double(zip(a, b, |a, b| a / b)?),
            Pair::Rest => Value::Double(zip(a, b, |a, b| a % b)?),
            Pair::Min => Value::Double(zip(a, b, |a, b| if a.is_nan() || a < b { a } else { b })?),
            Pair::Max => Value::Double(zip(a, b, |a, b| if a.is_nan() || a > b { a } else { b })?),
            _ => return self.compared(a, b),
        })
    }

    fn ints(&self, a: &Tensor<i64>, b: &Tensor<i64>) -> Result<Value, String> {
        use broadcast::zip;
        if matches!(self.0, Pair::Div | Pair::Mod | Pair::Rest) && b.data.contains(&0) {
            return Err("a whole number is divided by zero".into());
        }
        Ok(match self.0 {
            Pair::Add => Value::Int(zip(a, b, i64::wrapping_add)?),
            Pair::Sub => Value::Int(zip(a, b, i64::wrapping_sub)?),
            Pair::Mul => Value::Int(zip(a, b, i64::wrapping_mul)?),
            Pair::Div => Value::Int(zip(a, b, i64::wrapping_div)?),
            Pair::Rest => Value::Int(zip(a, b, i64::wrapping_rem)?),
            // The sign of the divisor, as in Python.
            Pair::Mod => Value::Int(zip(a, b, |a, b| {
                let rest = a.wrapping_rem(b);
                if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest }
            })?),
            Pair::Min => Value::Int(zip(a, b, i64::min)?),
            Pair::Max => Value::Int(zip(a, b, i64::max)?),
            _ => return self.compared(a, b),
        })
    }

    fn compared<T: Copy + PartialOrd>(&self, a: &Tensor<T>, b: &Tensor<T>) -> Result<Value, String> {
        use broadcast::zip;
        Ok(Value::Bool(match self.0 {
            Pair::Equal => zip(a, b, |a, b| a == b)?,
            Pair::Less => zip(a, b, |a, b| a < b)?,
            Pair::LessOrEqual => zip(a, b, |a, b| a <= b)?,
            Pair::Greater => zip(a, b, |a, b| a > b)?,
            Pair::GreaterOrEqual => zip(a, b, |a, b| a >= b)?,
            other => return Err(format!("{other:?} does not go with these element types")),
        }))
    }

    fn bools(&self, a: &Tensor<bool>, b: &Tensor<bool>) -> Result<Value, String> {
        use broadcast::zip;
        Ok(Value::Bool(match self.0 {
            Pair::And => zip(a, b, |a, b| a & b)?,
            Pair::Or => zip(a, b, |a, b| a | b)?,
            Pair::Xor => zip(a, b, |a, b| a ^ b)?,
            Pair::Equal => zip(a, b, |a, b| a == b)?,
            other => return Err(format!("{other:?} does not go with booleans")),
        }))
    }
}

/// `Sum`, `Min` and `Max` of any number of tensors.
#[derive(Debug)]
struct OfMany(Pair);

impl Operator for OfMany {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let mut all = inputs.get(0)?.clone();
        for at in 1..inputs.len() {
            all = Binary(self.0).combine(&all, inputs.get(at)?)?;
        }
        Ok(vec![all])
    }

    fn structure(&self) -> OperatorStructure<'_> {
        OperatorStructure::ByColumn
    }
}

/// `Mean` of any number of tensors.
#[derive(Debug)]
struct Mean;

impl Operator for Mean {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let count = inputs.len() as f64;
        Ok(vec![match OfMany(Pair::Add).run(inputs)?.remove(0) {
            Value::Double(sum) => Value::Double(sum.map(|value| value / count)),
            sum => Value::Float(sum.floats()?.map(|&value| (f64::from(value) / count) as f32)),
        }])
    }

    fn structure(&self) -> OperatorStructure<'_> {
        OperatorStructure::ByColumn
    }
}

/// `Pow`: the answer has the type of the base, whatever the exponent is.
#[derive(Debug)]
struct Pow;

impl Operator for Pow {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let (base, exponent) = (inputs.get(0)?, inputs.get(1)?.doubles()?);
        let power = broadcast::zip(&*base.doubles()?, &*exponent, f64::powf)?;
        Ok(vec![match base {
            Value::Double(_) => Value::Double(power),
            Value::Int(_) => Value::Int(power.map(|&value| value as i64)),
            _ => Value::Float(power.map(|&value| value as f32)),
        }])
    }

    fn structure(&self) -> OperatorStructure<'_> {
        OperatorStructure::ByColumn
    }
}

#[derive(Clone, Copy, Debug)]
enum Single {
    Neg,
    Abs,
    Exp,
    Log,
    Sqrt,
    Floor,
    Ceil,
    Reciprocal,
    Sign,
    Sigmoid,
    Tanh,
    Relu,
    Not,
    IsNan,
}

#[derive(Debug)]
struct Unary(Single);

impl Operator for Unary {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let value = inputs.get(0)?;
        Ok(vec![match (self.0, value) {
            (Single::Not, Value::Bool(tensor)) => Value::Bool(tensor.map(|value| !value)),
            (Single::IsNan, Value::Float(tensor)) => Value::Bool(tensor.map(|value| value.is_nan())),
            (Single::IsNan, Value::Double(tensor)) => Value::Bool(tensor.map(|value| value.is_nan())),
            (Single::Neg, Value::Int(tensor)) => Value::Int(tensor.map(|value| value.wrapping_neg())),
            (Single::Abs, Value::Int(tensor)) => Value::Int(tensor.map(|value| value.wrapping_abs())),
            (Single::Sign, Value::Int(tensor)) => Value::Int(tensor.map(|value| value.signum())),
            (Single::Relu, Value::Int(tensor)) => Value::Int(tensor.map(|&value| value.max(0))),
            (Single::Not | Single::IsNan, other) => return Err(format!("it does not go with a {}", other.kind())),
            (op, Value::Double(tensor)) => Value::Double(tensor.map(|&value| op.double(value))),
            (op, Value::Float(tensor)) => Value::Float(tensor.map(|&value| op.float(value))),
            (op, Value::Sparse(matrix)) => Value::Float(matrix.dense()?.map(|&value| op.float(value))),
            (_, other) => return Err(format!("it does not go with a {}", other.kind())),
        }])
    }

    fn is_sigmoid(&self) -> bool {
        matches!(self.0, Single::Sigmoid)
    }

    fn structure(&self) -> OperatorStructure<'_> {
        OperatorStructure::ByColumn
    }
}

impl Single {
    fn double(self, x: f64) -> f64 {
        match self {
            Self::Neg => -x,
            Self::Abs => x.abs(),
            Self::Exp => x.exp(),
            Self::Log => x.ln(),
            Self::Sqrt => x.sqrt(),
            Self::Floor => x.floor(),
            Self::Ceil => x.ceil(),
            Self::Reciprocal => 1.0 / x,
            Self::Sign => {
                if x == 0.0 || x.is_nan() {
                    x
                } else {
                    x.signum()
                }
            }
            Self::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Self::Tanh => x.tanh(),
            Self::Relu => {
                if x < 0.0 {
                    0.0
                } else {
                    x
                }
            }
            Self::Not | Self::IsNan => f64::NAN,
        }
    }

    /// Transcendental functions are computed in double precision: the nearest float32 is the best answer there is.
    fn float(self, x: f32) -> f32 {
        self.double(f64::from(x)) as f32
    }
}

/// `Where(condition, x, y)`.
#[derive(Debug)]
struct Where;

impl Operator for Where {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let Value::Bool(condition) = inputs.get(0)? else {
            return Err("the condition must be a bool tensor".into());
        };
        Ok(vec![match (inputs.get(1)?, inputs.get(2)?) {
            (Value::Float(x), Value::Float(y)) => Value::Float(choose(condition, x, y)?),
            (Value::Double(x), Value::Double(y)) => Value::Double(choose(condition, x, y)?),
            (Value::Int(x), Value::Int(y)) => Value::Int(choose(condition, x, y)?),
            (Value::Bool(x), Value::Bool(y)) => Value::Bool(choose(condition, x, y)?),
            (Value::Text(x), Value::Text(y)) => Value::Text(choose(condition, x, y)?),
            (x, y) => return Err(format!("a {} and a {} do not go together", x.kind(), y.kind())),
        }])
    }

    fn structure(&self) -> OperatorStructure<'_> {
        OperatorStructure::ByColumn
    }
}

fn choose<T: Clone>(condition: &Tensor<bool>, x: &Tensor<T>, y: &Tensor<T>) -> Result<Tensor<T>, String> {
    use broadcast::{Walk, common_shape};
    let shape = common_shape(&condition.shape, &common_shape(&x.shape, &y.shape)?)?;
    let walks = [&condition.shape, &x.shape, &y.shape].map(|operand| Walk::over(operand, &shape));
    let pick = |at| {
        if condition.data[walks[0].at(at)] { x.data[walks[1].at(at)].clone() } else { y.data[walks[2].at(at)].clone() }
    };
    Ok(Tensor { shape, data: (0..shape.count()).map(pick).collect() })
}

/// `Clip`, with its bounds as attributes (before opset 11) or inputs.
#[derive(Debug)]
struct Clip {
    min: f32,
    max: f32,
}

fn clip(node: &Attributes<'_>) -> Built {
    Ok(Box::new(Clip { min: node.float("min", f32::MIN)?, max: node.float("max", f32::MAX)? }))
}

impl Clip {
    fn doubles(&self, tensor: &Tensor<f64>, inputs: &Arguments<'_>) -> Result<Tensor<f64>, String> {
        let bound = |at, default| match inputs.optional(at) {
            None => Ok(default),
            Some(value) => value.doubles()?.data.first().copied().ok_or("a bound is empty".to_owned()),
        };
        let (min, max) = (bound(1, f64::from(self.min))?, bound(2, f64::from(self.max))?);
        // NaN passes through, as it does below.
        Ok(tensor.map(|&x| {
            if x < min {
                min
            } else if x > max {
                max
            } else {
                x
            }
        }))
    }
}

impl Operator for Clip {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let bound = |at, default| match inputs.optional(at) {
            None => Ok(default),
            Some(value) => value.floats()?.data.first().copied().ok_or("a bound is empty".to_owned()),
        };
        if let Value::Double(tensor) = inputs.get(0)? {
            return Ok(vec![Value::Double(self.doubles(tensor, &inputs)?)]);
        }
        if let Value::Int(tensor) = inputs.get(0)? {
            let whole = |at: usize, default: i64| match inputs.optional(at) {
                None => Ok(default),
                Some(value) => value.ints()?.data.first().copied().ok_or("a bound is empty".to_owned()),
            };
            let (min, max) = (whole(1, i64::MIN)?, whole(2, i64::MAX)?);
            return Ok(vec![Value::Int(tensor.map(|&value| value.max(min).min(max)))]);
        }
        let (min, max) = (bound(1, self.min)?, bound(2, self.max)?);
        let clipped = inputs.get(0)?.floats()?.map(|&x| match x {
            x if x < min => min,
            x if x > max => max,
            x => x,
        });
        Ok(vec![Value::Float(clipped)])
    }

    fn structure(&self) -> OperatorStructure<'_> {
        OperatorStructure::ByColumn
    }
}

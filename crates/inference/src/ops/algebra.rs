//! Distances, sums over named indices, determinants and linear systems.

use super::{Arguments, Attributes, Built, Operator, Outputs, normalize::like, shape::shape_of};
use crate::tensor::{Shape, Tensor, Value};

pub(super) fn build(node: &Attributes<'_>) -> Option<Built> {
    Some(match node.kind() {
        "Einsum" => einsum(node),
        "Det" => Ok(Box::new(Det)),
        _ => return None,
    })
}

/// The operators of the domain `com.microsoft`.
pub(super) fn build_microsoft(node: &Attributes<'_>) -> Option<Built> {
    Some(match node.kind() {
        "CDist" => cdist(node),
        "Solve" => solve(node),
        _ => return None,
    })
}

/// `CDist`: the distances of all rows of one matrix from all rows of another.
#[derive(Debug)]
struct CDist {
    is_squared: bool,
}

fn cdist(node: &Attributes<'_>) -> Built {
    match node.text("metric", "sqeuclidean")? {
        "sqeuclidean" => Ok(Box::new(CDist { is_squared: true })),
        "euclidean" => Ok(Box::new(CDist { is_squared: false })),
        other => Err(format!("the metric {other} is not supported")),
    }
}

fn matrix(value: &Value) -> Result<[usize; 2], String> {
    let shape = shape_of(value)?;
    <[usize; 2]>::try_from(shape.dims()).map_err(|_| format!("a matrix is needed, not the shape {:?}", shape.dims()))
}

impl Operator for CDist {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let (left, right) = (inputs.get(0)?, inputs.get(1)?);
        let ([rows, width], [columns, other]) = (matrix(left)?, matrix(right)?);
        if width != other {
            return Err(format!("rows of {width} and of {other} values have no distance"));
        }
        let shape = Shape::new(&[rows, columns]).ok_or("the result would be too large")?;
        let (from, to) = (left.doubles()?, right.doubles()?);
        let mut data = Vec::with_capacity(shape.count());
        for row in 0..rows {
            let row = &from.data[row * width..(row + 1) * width];
            data.extend((0..columns).map(|column| {
                let column = &to.data[column * width..(column + 1) * width];
                let square = row.iter().zip(column).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
                if self.is_squared { square } else { square.sqrt() }
            }));
        }
        Ok(vec![like(Tensor { shape, data }, left)])
    }
}

/// The most products that one node computes.
const MAX_PRODUCTS: usize = 1 << 28;

/// `Einsum`: products summed over the letters that the result does not name.
#[derive(Debug)]
struct Einsum {
    operands: Vec<Vec<u8>>,
    result: Vec<u8>,
}

fn einsum(node: &Attributes<'_>) -> Built {
    let equation: String = node.text("equation", "")?.chars().filter(|letter| !letter.is_whitespace()).collect();
    let (left, right) = match equation.split_once("->") {
        Some((left, right)) => (left, Some(right)),
        None => (&*equation, None),
    };
    let letters = |term: &str| {
        let is_plain = term.bytes().all(|letter| letter.is_ascii_alphabetic());
        if is_plain { Ok(term.as_bytes().to_vec()) } else { Err(format!("the equation `{equation}` is not supported")) }
    };
    let operands = left.split(',').map(letters).collect::<Result<Vec<_>, _>>()?;
    let count = |letter: &u8| operands.iter().flatten().filter(|other| *other == letter).count();
    let result = match right {
        Some(right) => letters(right)?,
        // Without a result: the letters that stand once, in the order of the alphabet.
        None => (b'A'..=b'z').filter(|letter| count(letter) == 1).collect(),
    };
    let has_twice = (0..result.len()).any(|at| result[at + 1..].contains(&result[at]));
    if has_twice || result.iter().any(|letter| count(letter) == 0) {
        return Err(format!("the equation `{equation}` names no result"));
    }
    Ok(Box::new(Einsum { operands, result }))
}

impl Operator for Einsum {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        if inputs.len() != self.operands.len() {
            return Err(format!("the equation has {} operands, the node {}", self.operands.len(), inputs.len()));
        }
        let values = (0..inputs.len()).map(|at| inputs.get(at)?.doubles()).collect::<Result<Vec<_>, String>>()?;
        // The letters of the result first: one turn of the inner letters is one sum.
        let mut letters = self.result.clone();
        self.operands.iter().flatten().for_each(|letter| {
            if !letters.contains(letter) {
                letters.push(*letter);
            }
        });
        let mut sizes: Vec<Option<usize>> = vec![None; letters.len()];
        let mut strides = vec![vec![0usize; letters.len()]; values.len()];
        for ((operand, value), strides) in self.operands.iter().zip(&values).zip(&mut strides) {
            let dims = value.shape.dims();
            if dims.len() != operand.len() {
                return Err(format!("{} letters do not name {} dimensions", operand.len(), dims.len()));
            }
            for (at, letter) in operand.iter().enumerate() {
                let place = letters.iter().position(|other| other == letter).unwrap_or(0);
                if *sizes[place].get_or_insert(dims[at]) != dims[at] {
                    return Err(format!("`{}` has two sizes", char::from(*letter)));
                }
                strides[place] += dims[at + 1..].iter().product::<usize>();
            }
        }
        let sizes: Vec<usize> = sizes.into_iter().map(|size| size.unwrap_or(1)).collect();
        let turns = sizes.iter().try_fold(1usize, |turns, &size| turns.checked_mul(size));
        let turns = turns.filter(|&turns| turns <= MAX_PRODUCTS).ok_or("the sums have too many terms")?;
        let shape = Shape::new(&sizes[..self.result.len()]).ok_or("the result would be too large")?;
        let inner = turns / shape.count().max(1);
        let mut data = vec![0.0f64; shape.count()];
        let (mut position, mut places) = (vec![0usize; letters.len()], vec![0usize; values.len()]);
        for turn in 0..turns {
            data[turn / inner] += values.iter().zip(&places).map(|(value, &at)| value.data[at]).product::<f64>();
            for at in (0..letters.len()).rev() {
                position[at] += 1;
                places.iter_mut().zip(&strides).for_each(|(place, strides)| *place += strides[at]);
                if position[at] < sizes[at] {
                    break;
                }
                places.iter_mut().zip(&strides).for_each(|(place, strides)| *place -= strides[at] * sizes[at]);
                position[at] = 0;
            }
        }
        Ok(vec![like(Tensor { shape, data }, inputs.get(0)?)])
    }
}

/// The largest matrix that is factorised: the work grows with the third power of its size.
const MAX_FACTORISED: usize = 2_048;

/// A square matrix as a product of triangles, with rows exchanged (partial pivoting).
struct Factors {
    size: usize,
    lines: Vec<f64>,
    order: Vec<usize>,
    sign: f64,
}

impl Factors {
    fn of(matrix: &[f64], size: usize) -> Self {
        let mut factors = Self { size, lines: matrix.to_vec(), order: (0..size).collect(), sign: 1.0 };
        let lines = &mut factors.lines;
        for at in 0..size {
            let is_larger = |a: usize, b: usize| lines[a * size + at].abs() > lines[b * size + at].abs();
            let pivot = (at + 1..size).fold(at, |best, row| if is_larger(row, best) { row } else { best });
            if pivot != at {
                (0..size).for_each(|column| lines.swap(at * size + column, pivot * size + column));
                factors.order.swap(at, pivot);
                factors.sign = -factors.sign;
            }
            let diagonal = lines[at * size + at];
            if diagonal == 0.0 {
                continue;
            }
            for row in at + 1..size {
                let factor = lines[row * size + at] / diagonal;
                lines[row * size + at] = factor;
                (at + 1..size).for_each(|column| lines[row * size + column] -= factor * lines[at * size + column]);
            }
        }
        factors
    }

    fn determinant(&self) -> f64 {
        (0..self.size).map(|at| self.lines[at * self.size + at]).product::<f64>() * self.sign
    }

    /// The `x` of `matrix * x = right`; `None` if the matrix is singular.
    fn solve(&self, right: &[f64]) -> Option<Vec<f64>> {
        let size = self.size;
        let mut x: Vec<f64> = self.order.iter().map(|&at| right[at]).collect();
        for row in 0..size {
            let below: f64 = (0..row).map(|column| self.lines[row * size + column] * x[column]).sum();
            x[row] -= below;
        }
        for row in (0..size).rev() {
            let above: f64 = (row + 1..size).map(|column| self.lines[row * size + column] * x[column]).sum();
            let diagonal = self.lines[row * size + row];
            if diagonal == 0.0 {
                return None;
            }
            x[row] = (x[row] - above) / diagonal;
        }
        Some(x)
    }
}

#[derive(Debug)]
struct Det;

impl Operator for Det {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let value = inputs.get(0)?;
        let tensor = value.doubles()?;
        let &[ref outer @ .., rows, columns] = tensor.shape.dims() else { return Err("a matrix is needed".into()) };
        if rows != columns || rows > MAX_FACTORISED {
            return Err(format!("a square matrix of at most {MAX_FACTORISED} rows is needed, not {rows} x {columns}"));
        }
        let shape = Shape::new(outer).ok_or("the result would be too large")?;
        let matrices = (0..shape.count()).map(|at| &tensor.data[at * rows * rows..(at + 1) * rows * rows]);
        let data = matrices.map(|matrix| Factors::of(matrix, rows).determinant()).collect();
        Ok(vec![like(Tensor { shape, data }, value)])
    }
}

/// `Solve`, which skl2onnx writes for Gaussian processes: the `x` of `a * x = b`.
#[derive(Debug)]
struct Solve {
    is_transposed: bool,
}

fn solve(node: &Attributes<'_>) -> Built {
    Ok(Box::new(Solve { is_transposed: node.int("transposed", 0)? != 0 }))
}

impl Operator for Solve {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let (left, right) = (inputs.get(0)?, inputs.get(1)?);
        let ([size, other], [rows, columns]) = (matrix(left)?, matrix(right)?);
        if size != other || size != rows || size > MAX_FACTORISED {
            return Err(format!(
                "{size} x {other} and {rows} x {columns} make no system of at most {MAX_FACTORISED} equations"
            ));
        }
        if size * size * columns > MAX_PRODUCTS {
            return Err(format!("{columns} systems of {size} equations would take too long"));
        }
        let (matrix, values) = (left.doubles()?, right.doubles()?);
        let element =
            |at: usize| if self.is_transposed { matrix.data[at % size * size + at / size] } else { matrix.data[at] };
        let factors = Factors::of(&(0..size * size).map(element).collect::<Vec<_>>(), size);
        let mut data = vec![0.0; rows * columns];
        for column in 0..columns {
            let given: Vec<f64> = (0..rows).map(|row| values.data[row * columns + column]).collect();
            let solved = factors.solve(&given).ok_or("the matrix is singular")?;
            solved.iter().enumerate().for_each(|(row, value)| data[row * columns + column] = *value);
        }
        Ok(vec![like(Tensor { shape: values.shape, data }, right)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doubles(dims: &[usize], values: &[f64]) -> Value {
        Value::Double(Tensor::new(dims, values.to_vec()).unwrap())
    }

    fn run(operator: &dyn Operator, inputs: &[Value]) -> Result<Value, String> {
        operator.run(Arguments(&inputs.iter().map(Some).collect::<Vec<_>>())).map(|mut made| made.remove(0))
    }

    fn einsum_of(operands: &[&str], result: &str) -> Einsum {
        let letters = |text: &str| text.as_bytes().to_vec();
        Einsum { operands: operands.iter().map(|text| letters(text)).collect(), result: letters(result) }
    }

    #[test]
    fn named_indices_are_summed() {
        let (a, b) = (doubles(&[2, 2], &[1.0, 2.0, 3.0, 4.0]), doubles(&[2, 2], &[5.0, 6.0, 7.0, 8.0]));
        let both = [a.clone(), b.clone()];
        assert_eq!(run(&einsum_of(&["ij", "jk"], "ik"), &both).unwrap(), doubles(&[2, 2], &[19.0, 22.0, 43.0, 50.0]));
        assert_eq!(run(&einsum_of(&["ij", "ij"], "j"), &both).unwrap(), doubles(&[2], &[26.0, 44.0]));
        assert_eq!(run(&einsum_of(&["ii"], ""), &both[..1]).unwrap(), doubles(&[], &[5.0]));
        assert_eq!(run(&einsum_of(&["ij"], "ji"), &both[..1]).unwrap(), doubles(&[2, 2], &[1.0, 3.0, 2.0, 4.0]));
        assert!(run(&einsum_of(&["ij", "jk"], "ik"), &[a.clone(), doubles(&[3, 1], &[0.0; 3])]).is_err());
        assert!(run(&einsum_of(&["i"], "i"), &[a]).is_err());
        let wide = doubles(&[1 << 15], &vec![1.0; 1 << 15]);
        assert!(run(&einsum_of(&["i", "j"], ""), &[wide.clone(), wide]).is_err());
        assert_eq!(run(&einsum_of(&["ij"], "i"), &[doubles(&[2, 0], &[])]).unwrap(), doubles(&[2], &[0.0, 0.0]));
    }

    #[test]
    fn systems_are_solved_and_singular_ones_refused() {
        let a = doubles(&[2, 2], &[0.0, 2.0, 4.0, 1.0]);
        assert_eq!(run(&Det, std::slice::from_ref(&a)).unwrap(), doubles(&[], &[-8.0]));
        let b = doubles(&[2, 1], &[2.0, 9.0]);
        assert_eq!(
            run(&Solve { is_transposed: false }, &[a.clone(), b.clone()]).unwrap(),
            doubles(&[2, 1], &[2.0, 1.0])
        );
        assert!(run(&Solve { is_transposed: false }, &[doubles(&[2, 2], &[1.0, 2.0, 2.0, 4.0]), b]).is_err());
        assert!(run(&Det, &[doubles(&[1, 2], &[1.0, 2.0])]).is_err());
    }

    #[test]
    fn distances_are_of_all_pairs() {
        let (a, b) = (doubles(&[1, 2], &[0.0, 0.0]), doubles(&[2, 2], &[3.0, 4.0, 0.0, 1.0]));
        assert_eq!(run(&CDist { is_squared: false }, &[a.clone(), b.clone()]).unwrap(), doubles(&[1, 2], &[5.0, 1.0]));
        assert_eq!(run(&CDist { is_squared: true }, &[a, b.clone()]).unwrap(), doubles(&[1, 2], &[25.0, 1.0]));
        assert!(run(&CDist { is_squared: true }, &[b, doubles(&[1, 1], &[0.0])]).is_err());
    }
}

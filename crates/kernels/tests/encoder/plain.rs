//! BERT in double precision, one token at a time, as the formulas stand.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use ragdex_kernels::{BertLayerWeights, BertWeights, LayerNormWeights, LinearWeights};

type Row = Vec<f64>;

/// The last states of all tokens of a sequence.
pub(crate) fn encode(weights: &BertWeights, tokens: &[u32], types: &[u32]) -> Vec<Row> {
    let width = weights.shape.hidden_size;
    let epsilon = weights.shape.layer_norm_eps;
    let row = |table: &[f32], row: usize| wide(&table[row * width..][..width]);
    let words = weights.word_embeddings.numbers(width);
    let embed = |(position, (&token, &kind)): (usize, (&u32, &u32))| {
        let word = row(&words, token as usize);
        let position = row(&weights.position_embeddings, position);
        let kind = row(&weights.token_type_embeddings, kind as usize);
        normalize(
            &weights.embedding_norm,
            epsilon,
            &add(&add(&word, &position), &kind),
        )
    };
    let mut states: Vec<Row> = tokens.iter().zip(types).enumerate().map(embed).collect();
    for layer in &weights.layers {
        states = forward(layer, weights.shape.num_attention_heads, epsilon, &states);
    }
    states
}

fn forward(layer: &BertLayerWeights, heads: usize, epsilon: f64, states: &[Row]) -> Vec<Row> {
    let all = |map: &LinearWeights| states.iter().map(|state| apply(map, state)).collect();
    let (queries, keys, values): (Vec<Row>, Vec<Row>, Vec<Row>) =
        (all(&layer.query), all(&layer.key), all(&layer.value));
    let token = |(state, query): (&Row, &Row)| {
        let context = attend(query, &keys, &values, heads);
        let attended = add(state, &apply(&layer.attention_output, &context));
        let attended = normalize(&layer.attention_norm, epsilon, &attended);
        let inner: Row = apply(&layer.intermediate, &attended)
            .into_iter()
            .map(gelu)
            .collect();
        normalize(
            &layer.output_norm,
            epsilon,
            &add(&attended, &apply(&layer.output, &inner)),
        )
    };
    states.iter().zip(&queries).map(token).collect()
}

fn attend(query: &Row, keys: &[Row], values: &[Row], heads: usize) -> Row {
    let width = query.len() / heads;
    let head = |first: usize| {
        let columns = first..first + width;
        let root = (width as f64).sqrt();
        let score = |key: &Row| dot(&query[columns.clone()], &key[columns.clone()]) / root;
        let weights = softmax(&keys.iter().map(score).collect());
        columns
            .clone()
            .map(move |column| {
                weights
                    .iter()
                    .zip(values)
                    .map(|(weight, value)| weight * value[column])
                    .sum::<f64>()
            })
            .collect::<Row>()
    };
    (0..query.len()).step_by(width).flat_map(head).collect()
}

fn softmax(scores: &Row) -> Row {
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Row = scores.iter().map(|score| (score - largest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}

fn apply(map: &LinearWeights, input: &Row) -> Row {
    let rows = map.weight.chunks_exact(input.len()).zip(&map.bias);
    rows.map(|(row, &bias)| dot(&wide(row), input) + f64::from(bias))
        .collect()
}

fn normalize(norm: &LayerNormWeights, epsilon: f64, row: &Row) -> Row {
    let width = row.len() as f64;
    let mean = row.iter().sum::<f64>() / width;
    let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / width;
    let columns = row.iter().zip(norm.weight.iter().zip(&norm.bias));
    columns
        .map(|(x, (&weight, &bias))| {
            (x - mean) / (variance + epsilon).sqrt() * f64::from(weight) + f64::from(bias)
        })
        .collect()
}

fn gelu(x: f64) -> f64 {
    x * 0.5 * (1.0 + erf(x * FRAC_1_SQRT_2))
}

/// By the series `2/√π · exp(-x²) · Σ 2ⁿ x²ⁿ⁺¹ / (1·3·…·(2n+1))`, whose terms all have one sign.
fn erf(x: f64) -> f64 {
    if x.abs() > 6.0 {
        return x.signum();
    }
    let mut term = x;
    let mut sum = x;
    for n in 1..200 {
        term *= 2.0 * x * x / f64::from(2 * n + 1);
        sum += term;
    }
    2.0 / PI.sqrt() * (-x * x).exp() * sum
}

fn wide(row: &[f32]) -> Row {
    row.iter().copied().map(f64::from).collect()
}

fn add(a: &Row, b: &Row) -> Row {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

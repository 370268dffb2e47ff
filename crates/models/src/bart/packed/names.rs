//! The tensors of a BART, so that all that are missing are named before any is read.

use super::super::BartConfig;
use super::super::layers::POSITION_OFFSET;

/// Names below the model's prefix, with their shapes; of each side at most `most_layers` layers, since a
/// configuration may claim any number.
pub(super) fn tensors(config: &BartConfig, most_layers: usize) -> Vec<(String, Vec<usize>)> {
    let width = config.d_model;
    let mut wanted = Vec::new();
    for (side, layers, inner) in [
        ("encoder", config.encoder_layers, config.encoder_ffn_dim),
        ("decoder", config.decoder_layers, config.decoder_ffn_dim),
    ] {
        let positions = config.max_position_embeddings + POSITION_OFFSET;
        wanted.push((
            format!("{side}.embed_positions.weight"),
            vec![positions, width],
        ));
        norm(&mut wanted, &format!("{side}.layernorm_embedding"), width);
        for layer in 0..layers.min(most_layers) {
            let layer = format!("{side}.layers.{layer}");
            attention(&mut wanted, &format!("{layer}.self_attn"), width);
            if side == "decoder" {
                attention(&mut wanted, &format!("{layer}.encoder_attn"), width);
            }
            linear(&mut wanted, &format!("{layer}.fc1"), [inner, width]);
            linear(&mut wanted, &format!("{layer}.fc2"), [width, inner]);
            norm(&mut wanted, &format!("{layer}.final_layer_norm"), width);
        }
    }
    wanted
}

fn attention(wanted: &mut Vec<(String, Vec<usize>)>, name: &str, width: usize) {
    for part in ["q", "k", "v", "out"] {
        linear(wanted, &format!("{name}.{part}_proj"), [width, width]);
    }
    norm(wanted, &format!("{name}_layer_norm"), width);
}

fn linear(wanted: &mut Vec<(String, Vec<usize>)>, name: &str, shape: [usize; 2]) {
    wanted.push((format!("{name}.weight"), shape.to_vec()));
    wanted.push((format!("{name}.bias"), vec![shape[0]]));
}

fn norm(wanted: &mut Vec<(String, Vec<usize>)>, name: &str, width: usize) {
    wanted.push((format!("{name}.weight"), vec![width]));
    wanted.push((format!("{name}.bias"), vec![width]));
}

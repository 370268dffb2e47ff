//! Each operation of each instruction set against the same operation on single numbers.

use half::f16;

use super::{Isa, Kernel, SUMS, Simd};
use crate::score::inner_product_by;

/// Numbers that look random, of both signs and many sizes.
fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next() * 8.0 * next()).collect()
}

fn run_on_all<T: Kernel<Output = ()> + Copy>(test: T) {
    for isa in Isa::available() {
        isa.run(test);
    }
}

#[derive(Clone, Copy)]
struct ByteProducts;

impl Kernel for ByteProducts {
    type Output = ();

    /// All bytes occur, and extremes meet: 255 times -128, four times, where 16-bit sums would
    /// saturate.
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let mut codes: Vec<u8> = (0..4 * S::LANES).map(|i| (i * 37 + 200) as u8).collect();
        for word in [
            [-128, -128, -128, -128],
            [127, -1, 5, -128],
            [127; 4],
            [0, 1, -1, 2],
        ] {
            let signed: [i8; 4] = word;
            let packed = i32::from_le_bytes(signed.map(|byte| byte as u8));
            codes[..4].fill(255);
            let sum = simd.dot4(
                simd.splat_i32(-7),
                simd.load_codes(&codes),
                simd.splat_i32(packed),
            );
            let mut found = vec![0; S::LANES];
            simd.store_i32(sum, &mut found);
            for (lane, four) in codes.chunks_exact(4).enumerate() {
                let products = four.iter().zip(signed);
                let product: i32 = products.map(|(a, b)| i32::from(*a) * i32::from(b)).sum();
                assert_eq!(found[lane], product - 7);
            }
        }
    }
}

#[test]
fn products_of_bytes_are_exact() {
    run_on_all(ByteProducts);
}

#[derive(Clone, Copy)]
struct Numbers;

impl Kernel for Numbers {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (a, b, c) = (numbers(16, 1), numbers(16, 2), numbers(16, 3));
        let halves: Vec<f16> = a.iter().map(|&value| f16::from_f32(value)).collect();
        let bytes: Vec<u8> = a.iter().flat_map(|value| value.to_le_bytes()).collect();
        let sum = |value: S::F32| simd.sum(value);
        let near = |found: f32, expected: f32| assert!((found - expected).abs() < 1e-4);
        let first = |values: &[f32]| values[..S::LANES].iter().sum::<f32>();
        near(sum(simd.load(&a)), first(&a));
        assert_eq!(sum(simd.load_bytes(&bytes)), sum(simd.load(&a)));
        let widened: Vec<f32> = halves.iter().map(|half| half.to_f32()).collect();
        assert_eq!(sum(simd.load_f16(&halves)), sum(simd.load(&widened)));
        let products: Vec<f32> = a.iter().zip(&b).map(|(a, b)| a * b).collect();
        near(
            sum(simd.mul(simd.load(&a), simd.load(&b))),
            first(&products),
        );
        let fused = simd.mul_add(simd.load(&a), simd.load(&b), simd.load(&c));
        near(sum(fused), first(&products) + first(&c));
        let converted = simd.convert(simd.splat_i32(-3));
        assert_eq!(sum(converted), -3.0 * S::LANES as f32);
    }
}

#[test]
fn arithmetic_is_that_of_single_numbers() {
    run_on_all(Numbers);
}

#[derive(Clone, Copy)]
struct Comparisons;

impl Kernel for Comparisons {
    type Output = ();

    #[inline(always)]
    #[expect(clippy::neg_cmp_op_on_partial_ord, reason = "NaN is not below")]
    fn run<S: Simd>(self, simd: S) {
        let hard = [
            f32::NAN,
            f32::INFINITY,
            f32::NEG_INFINITY,
            0.0,
            -0.0,
            1e-45,
            1.0,
            -1.0,
        ];
        for limit in hard {
            let mask = simd.not_below(simd.load(&hard.repeat(2)), simd.splat(limit));
            for lane in 0..S::LANES {
                let value = hard[lane % 8];
                assert_eq!(mask >> lane & 1 == 1, !(value < limit), "{value} {limit}");
            }
            assert_eq!(u64::from(mask) >> S::LANES, 0);
        }
    }
}

#[test]
fn nothing_is_below_nan() {
    run_on_all(Comparisons);
}

#[test]
fn scores_are_the_same_bits_by_every_instruction_set() {
    for dim in [1, 7, 15, 16, 17, 384, 768, 1025] {
        let question: Vec<f64> = numbers(dim, 4).into_iter().map(f64::from).collect();
        let wide = numbers(dim, 5);
        let halves: Vec<f16> = wide.iter().map(|&value| f16::from_f32(value)).collect();
        let plain = |widened: Vec<f64>| {
            let mut sums = [0.0; SUMS];
            for (place, (q, v)) in question.iter().zip(widened).enumerate() {
                sums[place % SUMS] += q * v;
            }
            for width in [8, 4, 2, 1] {
                (0..width).for_each(|lane| sums[lane] += sums[lane + width]);
            }
            sums[0] as f32
        };
        let expected = plain(wide.iter().map(|&value| value.into()).collect());
        let expected_f16 = plain(halves.iter().map(|half| half.to_f64()).collect());
        for isa in Isa::available() {
            assert_eq!(inner_product_by(isa, &question, &wide), expected, "{isa:?}");
            assert_eq!(
                inner_product_by(isa, &question, &halves),
                expected_f16,
                "{isa:?}"
            );
        }
    }
}

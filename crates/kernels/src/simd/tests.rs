//! Each operation of each instruction set against the same operation on single numbers.

use half::{bf16, f16};

use super::{Kernel, MAX_LANES, Simd};
use crate::instruction_set::isas;
use crate::random::numbers;

/// A test that runs with every instruction set.
trait Test: Kernel<Output = ()> + Copy {
    fn run_on_all(self) {
        isas().for_each(|isa| isa.run(self));
    }
}
impl<T: Kernel<Output = ()> + Copy> Test for T {}

#[derive(Clone, Copy)]
struct Arithmetic;

impl Kernel for Arithmetic {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (a, b, c) = (
            numbers(MAX_LANES, 1),
            numbers(MAX_LANES, 2),
            numbers(MAX_LANES, 3),
        );
        let (va, vb, vc) = (simd.load(&a), simd.load(&b), simd.load(&c));
        let results = [
            simd.add(va, vb),
            simd.sub(va, vb),
            simd.mul(va, vb),
            simd.max(va, vb),
            simd.min(va, vb),
            simd.round(simd.mul(va, simd.splat(9.0))),
            simd.scale(va, simd.round(simd.mul(vb, simd.splat(120.0)))),
            simd.select(va, vb, vc),
        ]
        .map(|value| simd.lanes(value));
        let sums = simd.lanes(simd.mul_add(va, vb, vc));
        for lane in 0..S::LANES {
            let (a, b, c) = (a[lane], b[lane], c[lane]);
            let expected = [
                a + b,
                a - b,
                a * b,
                a.max(b),
                a.min(b),
                (a * 9.0).round_ties_even(),
                a * (b * 120.0).round_ties_even().exp2(),
                if a >= 0.0 { b } else { c },
            ];
            assert_eq!(results.map(|lanes| lanes[lane]), expected);
            assert!(sums[lane] == a.mul_add(b, c) || sums[lane] == a * b + c);
        }
    }
}

#[test]
fn arithmetic_rounds_as_single_numbers_do() {
    Arithmetic.run_on_all();
}

#[derive(Clone, Copy)]
struct NotNumbers;

impl Kernel for NotNumbers {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (nan, one) = (simd.splat(f32::NAN), simd.splat(1.0));
        for second in [simd.max(one, nan), simd.min(one, nan)] {
            assert!(simd.lanes(second)[..S::LANES].iter().all(|x| x.is_nan()));
        }
        for second in [simd.max(nan, one), simd.min(nan, one)] {
            assert!(simd.lanes(second)[..S::LANES].iter().all(|&x| x == 1.0));
        }
    }
}

#[test]
fn the_second_counts_beside_what_is_no_number() {
    NotNumbers.run_on_all();
}

#[derive(Clone, Copy)]
struct PairUp;

impl Kernel for PairUp {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (mut low, high) = (numbers(MAX_LANES, 6), numbers(MAX_LANES, 7));
        low[0] = f32::from_bits(0x3f80_8000); // a tie, down to even
        low[1] = f32::from_bits(0x3f81_8000); // a tie, up to even
        let mut words = [0; MAX_LANES];
        simd.store_i32(simd.pair_up(simd.load(&low), simd.load(&high)), &mut words);
        for lane in 0..S::LANES {
            let halves = [low[lane], high[lane]].map(|x| bf16::from_f32(x).to_bits());
            assert_eq!([words[lane] as u16, (words[lane] >> 16) as u16], halves);
        }
    }
}

#[test]
fn numbers_are_paired_lane_by_lane() {
    PairUp.run_on_all();
}

#[derive(Clone, Copy)]
struct Integers;

impl Kernel for Integers {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        // All bytes occur, and extremes meet: 255 times -128, four times.
        let unsigned: Vec<i32> = (0..16)
            .map(|i: i32| !(i.wrapping_mul(0x1357_9bdf)))
            .collect();
        let signed: Vec<i32> = (0..16)
            .map(|i: i32| 0x8080_8080_u32 as i32 ^ (i << 11))
            .collect();
        let (a, b) = (simd.load_i32(&unsigned), simd.load_i32(&signed));
        let sum = simd.add_i32(simd.splat_i32(7), simd.dot4(simd.splat_i32(-3), a, b));
        let mut found = [0; MAX_LANES];
        simd.store_i32(sum, &mut found);
        let mut total = 0;
        for lane in 0..S::LANES {
            let (a, b) = (unsigned[lane].to_le_bytes(), signed[lane].to_le_bytes());
            let dot: i32 = a
                .iter()
                .zip(b)
                .map(|(&a, b)| i32::from(a) * i32::from(b as i8))
                .sum();
            assert_eq!(found[lane], 7 - 3 + dot);
            assert_eq!(simd.lanes(simd.convert(sum))[lane], found[lane] as f32);
            total += found[lane];
        }
        assert_eq!(simd.sum_i32(sum), total);
    }
}

#[test]
fn byte_products_are_exact() {
    Integers.run_on_all();
}

#[derive(Clone, Copy)]
struct Bytes;

impl Kernel for Bytes {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let numbers: Vec<f32> = (0..16)
            .map(|i| [-128.0, 127.0, 2.5, -0.6][i % 4] + (i / 4) as f32 % 1.0)
            .collect();
        let mut words = [0; MAX_LANES / 4];
        let integers = simd.store_bytes(simd.load(&numbers), &mut words);
        let bytes: Vec<i8> = words
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .map(|byte| byte as i8)
            .collect();
        let expected = numbers.iter().map(|number| number.round_ties_even() as i8);
        assert!(
            bytes
                .iter()
                .copied()
                .zip(expected)
                .take(S::LANES)
                .all(|(a, b)| a == b)
        );
        let sum: i32 = bytes[..S::LANES].iter().map(|&byte| i32::from(byte)).sum();
        assert_eq!(simd.sum_i32(integers), sum);
    }
}

#[test]
fn numbers_become_bytes_in_order() {
    Bytes.run_on_all();
}

#[derive(Clone, Copy)]
struct Sum;

impl Kernel for Sum {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let numbers = numbers(MAX_LANES, 9);
        let expected: f32 = numbers[..S::LANES].iter().sum();
        assert_eq!(simd.sum(simd.load(&numbers)), expected);
    }
}

#[test]
fn lanes_are_summed_in_order() {
    Sum.run_on_all();
}

#[derive(Clone, Copy)]
struct Halves;

impl Kernel for Halves {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let finite: Vec<f16> = (0..=u16::MAX)
            .map(f16::from_bits)
            .filter(|number| number.is_finite())
            .collect();
        for numbers in finite.chunks_exact(S::LANES) {
            let found = simd.lanes(simd.load_f16(numbers)).map(f32::to_bits);
            let expected = numbers.iter().map(|number| number.to_f32().to_bits());
            assert!(found.into_iter().take(S::LANES).eq(expected));
        }
    }
}

#[test]
fn every_finite_half_is_widened_exactly() {
    Halves.run_on_all();
}

#[derive(Clone, Copy)]
struct Pairs;

impl Kernel for Pairs {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let halves = |seed| -> Vec<bf16> {
            numbers(2 * MAX_LANES, seed)
                .into_iter()
                .map(bf16::from_f32)
                .collect()
        };
        let word = |pair: &[bf16]| {
            (u32::from(pair[1].to_bits()) << 16 | u32::from(pair[0].to_bits())) as i32
        };
        let (a, b, sums) = (halves(1), halves(2), numbers(MAX_LANES, 3));
        let words = |halves: &[bf16]| halves.chunks_exact(2).map(word).collect::<Vec<i32>>();
        let (va, vb) = (simd.load_i32(&words(&a)), simd.load_i32(&words(&b)));
        let found = simd.lanes(simd.dot2(simd.load(&sums), va, vb));
        for lane in 0..S::LANES {
            let product = |at: usize| f64::from(a[at].to_f32()) * f64::from(b[at].to_f32());
            let expected = f64::from(sums[lane]) + product(2 * lane) + product(2 * lane + 1);
            assert!((f64::from(found[lane]) - expected).abs() < 5e-7);
        }
    }
}

#[test]
fn pairs_are_multiplied_and_added() {
    Pairs.run_on_all();
}

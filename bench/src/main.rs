//! Measures composing beside lettre and mail-builder, in one run and by turns.
//!
//! Each program composes the same mail from its parts to its octets, on one core. The rounds alternate, so that a machine that
//! slows down slows all three; the ratio of the medians is what counts.

mod compose;

use std::io::Write as _;
use std::time::{Duration, Instant};

use compose::{Case, Composer};

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_millis(400);

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "compose, messages a second, median of {ROUNDS} rounds (ratio to lettre)\n"
    )?;
    writeln!(
        out,
        "{:<36}{:>20}{:>22}{:>22}",
        "", "lettre", "mail-builder", "posthaste"
    )?;
    for mut case in compose::cases() {
        let rates = measure(&mut case);
        write!(out, "{:<36}{:>12.0} (1.00)", case.name, rates[0])?;
        for rate in &rates[1..] {
            write!(out, "{:>13.0} ({:>5.2})", rate, rate / rates[0])?;
        }
        writeln!(
            out,
            "   posthaste / mail-builder {:.2}",
            rates[2] / rates[1]
        )?;
    }
    Ok(())
}

/// Messages a second of each composer, in the order of [`Composer::ALL`].
fn measure(case: &mut Case) -> [f64; 3] {
    let mut rates = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        for (composer, rates) in Composer::ALL.into_iter().zip(&mut rates) {
            rates.push(round(composer, case));
        }
    }
    rates.map(median)
}

fn round(composer: Composer, case: &mut Case) -> f64 {
    let start = Instant::now();
    let mut count = 0_u32;
    while start.elapsed() < ROUND {
        // The clock costs as much as a short message: read it once for sixteen.
        for _ in 0..case.batch {
            std::hint::black_box(composer.compose(case));
        }
        count += case.batch;
    }
    f64::from(count) / start.elapsed().as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

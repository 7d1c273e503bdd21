//! Measures composing beside lettre and mail-builder, in one run and by turns; and what `send.py` needs to measure sending.
//!
//! Each program composes the same mail from its parts to its octets, on one core. The rounds alternate, so that a machine that
//! slows down slows all three; the ratio of the medians is what counts.
//!
//! `compose` (or nothing) measures and prints the table. `once COMPOSER CASE TIMES` composes that mail so many times and prints
//! nothing, to be run under a program that counts instructions. `send` and `singly` are Posthaste as a client; `floor` and
//! `copy` are what it is measured against; `sink` and `link` are the server and the way to it; `mail` writes the message.

mod compose;
mod floor;
mod job;
mod link;
mod machine;
mod mail;
mod ours;
mod sink;
mod talk;

use std::io::Write as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use compose::{Case, Composer};
use job::{Job, Outcome};
use ours::Way;

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_millis(400);

const USAGE: &str = "usage: posthaste-bench COMMAND
  compose                               measures composing, and prints the table
  once COMPOSER CASE TIMES              composes with lettre, mail-builder or posthaste the mail 0 to 3
  mail FOLDER SIZE                      writes a message
  sink ADDRESS [EXTENSION...] [tls=FILE] [trip=MILLISECONDS]
  link MICROSECONDS                     carries packets between its standard input and output
  send|singly|floor|copy HOST PORT CONNECTIONS MESSAGES RECIPIENTS FILE [ROOT]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Outcome {
    match arguments {
        [] | ["compose"] => Ok(table()?),
        ["once", composer, case, times] => once(composer, case, times).ok_or_else(|| USAGE.into()),
        ["mail", folder, size] => mail::write(folder, size),
        ["sink", address, options @ ..] => {
            let address = address.parse()?;
            Ok(sink::serve(address, sink::Options::new(options, address)?)?)
        }
        ["link", delay] => Ok(link::link(Duration::from_micros(delay.parse()?))?),
        [client, job @ ..] => {
            let job = Job::new(job).ok_or(USAGE)?;
            match *client {
                "send" => ours::send(&job, Way::Batches),
                "singly" => ours::send(&job, Way::Singly),
                "floor" => floor::floor(&job),
                "copy" => floor::copy(&job),
                _ => Err(USAGE.into()),
            }
        }
    }
}

/// Composes one mail again and again; `None` if the arguments are wrong.
fn once(composer: &str, case: &str, times: &str) -> Option<()> {
    let composer = Composer::ALL
        .into_iter()
        .find(|one| one.name() == composer)?;
    let mut case = compose::case_number(case.parse().ok()?)?;
    for _ in 0..times.parse::<u32>().ok()? {
        std::hint::black_box(composer.compose(&mut case));
    }
    Some(())
}

fn table() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    machine::describe(&mut out)?;
    writeln!(
        out,
        "compose, messages a second, median of {ROUNDS} alternating rounds (ratio to lettre)\n"
    )?;
    writeln!(
        out,
        "{:<36}{:>20}{:>22}{:>22}",
        "",
        Composer::Lettre.name(),
        Composer::MailBuilder.name(),
        Composer::Posthaste.name()
    )?;
    for mut case in (0..compose::CASES).filter_map(compose::case_number) {
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

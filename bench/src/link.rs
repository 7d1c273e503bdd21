//! A link that takes its time: packets go from one TUN device to the other, each so long after it came.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::parent_id;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// The largest packet: 64 KiB, and what the kernel says about it.
const LARGEST: usize = 65536 + 64;

/// How many packets may be under way in one direction; more wait in the queue of the device.
const UNDER_WAY: usize = 1 << 16;

/// Carries packets between the devices that are our standard input and output, for as long as our parent lives.
///
/// # Errors
///
/// When they cannot be used.
pub(crate) fn link(delay: Duration) -> io::Result<()> {
    let one = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let other = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    carry(one.try_clone()?, other.try_clone()?, delay);
    carry(other, one, delay);
    let parent = parent_id();
    while parent_id() == parent {
        thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

fn carry(from: File, to: File, delay: Duration) {
    let (sender, receiver) = sync_channel(UNDER_WAY);
    thread::spawn(move || take(from, &sender, delay));
    thread::spawn(move || give(to, &receiver));
}

fn take(mut from: File, sender: &SyncSender<(Instant, Box<[u8]>)>, delay: Duration) {
    let mut buffer = vec![0; LARGEST];
    while let Ok(read) = from.read(&mut buffer) {
        let packet = Box::from(&buffer[..read]);
        if sender.send((Instant::now() + delay, packet)).is_err() {
            break;
        }
    }
}

fn give(mut to: File, receiver: &Receiver<(Instant, Box<[u8]>)>) {
    for (due, packet) in receiver {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        // A device that is down or full loses packets, as any link does.
        let _ = to.write(&packet);
    }
}

//! How long things may take.

use std::io;
use std::time::{Duration, Instant};

use posthaste_smtp::Phase;

use super::wire::remaining;

/// The longest that anything may take, so that no sum of a time and a limit can overflow.
const FOREVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// How long to wait for a connection. The standard is silent about it.
const CONNECT: Duration = Duration::from_secs(30);

/// How long to wait for the answer to QUIT, on which nothing depends.
const GOODBYE: Duration = Duration::from_secs(10);

/// How long connecting may take under `timeout`, which replaces the usual limit, and before `deadline`.
pub(crate) fn connect_limit(timeout: Option<Duration>, deadline: Option<Instant>) -> Duration {
    let limit = timeout.unwrap_or(CONNECT).min(FOREVER);
    match deadline {
        Some(deadline) => limit.min(deadline.saturating_duration_since(Instant::now())),
        None => limit,
    }
}

/// What the time is spent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activity {
    Sending,
    Receiving(Phase),
}

/// One deadline for each activity as a whole: a server that trickles a reply byte by byte gains no time by it.
#[derive(Debug)]
pub(super) struct Clock {
    timeout: Option<Duration>,
    running: Option<(Activity, Instant)>,
    /// The end of everything, whatever the activity.
    end: Option<Instant>,
}

impl Clock {
    pub(super) fn new(timeout: Option<Duration>) -> Self {
        Self {
            timeout,
            running: None,
            end: None,
        }
    }

    /// Sets the time at which everything has to be over, or takes it away.
    pub(super) fn until(&mut self, end: Option<Instant>) {
        self.end = end;
    }

    /// Gives the next activity a deadline of its own.
    pub(super) fn restart(&mut self) {
        self.running = None;
    }

    /// The time left for an activity, counted from its beginning.
    pub(super) fn left(&mut self, activity: Activity) -> io::Result<Duration> {
        let deadline = match self.running {
            Some((running, deadline)) if running == activity => deadline,
            _ => Instant::now() + self.limit(activity),
        };
        self.running = Some((activity, deadline));
        remaining(self.end.map_or(deadline, |end| end.min(deadline)))
    }

    pub(super) fn limit(&self, activity: Activity) -> Duration {
        let limit = self.timeout.unwrap_or_else(|| standard_limit(activity));
        match activity {
            Activity::Receiving(Phase::Quit) => limit.min(GOODBYE),
            _ => limit.min(FOREVER),
        }
    }
}

/// The limits of RFC 5321, section 4.5.3.2.
fn standard_limit(activity: Activity) -> Duration {
    let minutes = match activity {
        Activity::Sending => 3,
        Activity::Receiving(Phase::Data) => 2,
        Activity::Receiving(Phase::Body | Phase::Final) => 10,
        Activity::Receiving(_) => 5,
    };
    Duration::from_secs(minutes * 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_covers_all_of_one_activity() {
        let mut clock = Clock::new(Some(Duration::from_secs(60)));
        let mail = Activity::Receiving(Phase::Mail);
        let first = clock.left(mail).expect("time");
        std::thread::sleep(Duration::from_millis(50));
        let second = clock.left(mail).expect("time");
        assert!(second <= first - Duration::from_millis(50));
        let other = clock.left(Activity::Sending).expect("time");
        assert!(other > second, "another activity has its own deadline");
    }

    #[test]
    fn limits_are_those_of_the_standard_unless_told_otherwise() {
        let limit = |timeout, activity| Clock::new(timeout).limit(activity).as_secs();
        assert_eq!(limit(None, Activity::Receiving(Phase::Greeting)), 300);
        assert_eq!(limit(None, Activity::Receiving(Phase::Data)), 120);
        assert_eq!(limit(None, Activity::Receiving(Phase::Final)), 600);
        assert_eq!(limit(None, Activity::Sending), 180);
        assert_eq!(limit(None, Activity::Receiving(Phase::Quit)), 10);
        let short = Some(Duration::from_secs(7));
        assert_eq!(limit(short, Activity::Receiving(Phase::Final)), 7);
        assert_eq!(connect_limit(None, None).as_secs(), 30);
        assert_eq!(connect_limit(short, None).as_secs(), 7);
        let end = Instant::now() + Duration::from_secs(3);
        assert!(connect_limit(short, Some(end)).as_secs() <= 3);
        assert!(connect_limit(short, Some(end + Duration::from_secs(60))).as_secs() == 7);
    }

    #[test]
    fn nothing_goes_on_after_the_end() {
        let mut clock = Clock::new(Some(Duration::from_secs(60)));
        clock.until(Some(Instant::now() + Duration::from_secs(5)));
        let left = clock.left(Activity::Sending).expect("time");
        assert!(left <= Duration::from_secs(5));
        clock.until(Some(Instant::now()));
        let late = clock.left(Activity::Receiving(Phase::Final));
        assert_eq!(late.expect_err("no time").kind(), io::ErrorKind::TimedOut);
        clock.until(None);
        assert!(clock.left(Activity::Receiving(Phase::Final)).is_ok());
    }

    #[test]
    fn an_endless_limit_does_not_overflow() {
        let mut clock = Clock::new(Some(Duration::MAX));
        assert!(clock.left(Activity::Sending).is_ok());
    }
}

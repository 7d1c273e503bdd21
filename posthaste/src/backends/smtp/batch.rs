//! A batch of messages: what is to be sent, what is under way, and who hears of the end.

use std::collections::VecDeque;

use posthaste_message::{EmailMessage, RenderOptions, Transfer};
use posthaste_smtp::{Extensions, FailureKind, Mail, Outcome, Session, Ticket};

use super::depot::Depot;
use super::failure::{Ended, is_tired_of_waiting, unreadable};
use super::flight::Flight;
use super::prepared::Prepared;
use crate::backend::Renderer;
use crate::error::Error;
use crate::net::{Event, Link, Wire, drive};
use crate::pool::Lease;
use crate::report::Report;

/// So many octets of messages may wait for their turn.
const MOST_OCTETS: u64 = 8 << 20;

/// So many refusals in a row are as many as servers bear with patience. Postfix answers slowly after 10 and hangs up
/// after 20, unless a message was good in between.
const MOST_REFUSALS: usize = 10;

/// Who hears what became of a message, by its place in the batch.
pub(super) type Reporter<'r> = dyn FnMut(usize, Report) + Send + 'r;

/// Messages to be sent, over as many connections as it takes.
pub(super) struct Batch<'m> {
    messages: &'m [EmailMessage],
    renderer: &'m Renderer,
    options: RenderOptions,
    report: &'m mut Reporter<'m>,
    /// The first message that was never tried.
    next: usize,
    /// Messages to be tried again, before the others.
    again: VecDeque<usize>,
    /// The next one, rendered in advance.
    ready: Option<Ready<'m>>,
    flight: Flight<'m>,
    /// The recipients that were refused since a message was taken.
    refusals: usize,
    /// The messages that this connection was given.
    submitted: usize,
}

/// A message that was rendered before it was known to whom it goes.
struct Ready<'m> {
    place: usize,
    transfer: Transfer,
    prepared: (Prepared<'m>, Mail),
}

impl<'m> Batch<'m> {
    pub(super) fn new(
        messages: &'m [EmailMessage],
        renderer: &'m Renderer,
        report: &'m mut Reporter<'m>,
    ) -> Self {
        Self {
            messages,
            renderer,
            options: renderer.options(),
            report,
            next: 0,
            again: VecDeque::new(),
            ready: None,
            flight: Flight::default(),
            refusals: 0,
            submitted: 0,
        }
    }

    /// Whether a message is left that can be sent. Those before it that cannot are settled here, so that nobody connects
    /// for them. `open` is the session that it will go over, if there is one already.
    pub(super) fn has_more(&mut self, open: Option<&Session>) -> bool {
        let transfer = transfer(open);
        while let Some(place) = self.take() {
            if let Some(prepared) = self.prepare(place, transfer) {
                self.again.push_front(place);
                self.ready = Some(Ready {
                    place,
                    transfer,
                    prepared,
                });
                return true;
            }
        }
        false
    }

    /// Sends over `link` until nothing is left, or until this connection is of no more use. It is given back if it is
    /// idle. `proven` if it was good before.
    pub(super) async fn send_over<W: Wire>(
        &mut self,
        mut link: Lease<Link<W>>,
        mut proven: bool,
        depot: &Depot<W>,
    ) -> Option<Lease<Link<W>>> {
        (self.refusals, self.submitted) = (0, 0);
        let mut is_waiting = false;
        let ended = loop {
            // Where each command waits for its answer, the next message is composed in that time.
            link.tells_waiting = !is_waiting && is_in_no_hurry(&link.session);
            if !link.tells_waiting {
                self.submit(&mut link);
            }
            let event = drive(&mut link, &mut self.flight).await;
            is_waiting = matches!(event, Ok(Event::Waiting));
            match event {
                Ok(Event::Waiting) => {}
                Ok(Event::Done(ticket, outcome)) => {
                    proven |= self.settle(ticket, outcome, proven);
                    // The next message has its own time.
                    link.until(depot.deadline());
                }
                Ok(Event::Idle) if self.flight.is_empty() => {
                    // A server that has said more than was asked is not talked to again.
                    return link.session.is_idle().then_some(link);
                }
                Ok(Event::Idle) => break Ended::Closed(None),
                Ok(Event::Closed(reply)) => break Ended::Closed(reply),
                Err(fault) => break Ended::Fault(fault),
            }
        };
        let is_chunking = link.session.is_chunking();
        let fault = ended.fault_of_server(link.phase().into(), is_chunking);
        fault.inspect(|fault| depot.server.faults.note(*fault));
        self.lose(&ended, &mut link.session, proven);
        None
    }

    /// Whether the server has refused about as much in a row as it bears.
    pub(super) fn server_had_enough(&self) -> bool {
        self.refusals >= MOST_REFUSALS
    }

    /// Fails all that is left, since there is no connection to be had.
    pub(super) fn fail(&mut self, error: &Error) {
        while let Some(place) = self.take() {
            if let Some((prepared, _)) = self.prepare(place, Transfer::SevenBit) {
                (self.report)(place, prepared.failed(error.clone()));
            }
        }
    }

    /// The place of the next message.
    fn take(&mut self) -> Option<usize> {
        let again = self.again.pop_front();
        again.or_else(|| {
            let is_one = self.next < self.messages.len();
            self.next += usize::from(is_one);
            is_one.then(|| self.next - 1)
        })
    }

    /// Keeps the session busy, as long as the connection may be used.
    fn submit<W: Wire>(&mut self, link: &mut Lease<Link<W>>) {
        while link.session.wants_mail() && self.has_room() {
            // One message goes in any case, lest connections be made for nothing.
            if link.is_worn() && self.submitted > 0 {
                break;
            }
            let Some(place) = self.take() else { break };
            self.submitted += 1;
            let transfer = transfer(Some(&link.session));
            if let Some((prepared, mail)) = self.prepare(place, transfer) {
                link.count();
                let ticket = link.session.submit(mail);
                self.flight.add(ticket, place, prepared);
            }
        }
    }

    fn has_room(&self) -> bool {
        let fits = self.flight.len() < 2 || self.flight.octets() < MOST_OCTETS;
        fits && !self.server_had_enough()
    }

    /// Renders a message. One that cannot be sent is settled.
    fn prepare(&mut self, place: usize, transfer: Transfer) -> Option<(Prepared<'m>, Mail)> {
        let ready = self.ready.take();
        let is_it = |ready: &Ready<'_>| ready.place == place && ready.transfer == transfer;
        if let Some(ready) = ready.filter(is_it) {
            return Some(ready.prepared);
        }
        let message = self.messages.get(place)?;
        if message.recipients().next().is_none() {
            (self.report)(place, Report::skipped());
            return None;
        }
        self.renderer.renew(&mut self.options);
        self.options.transfer = transfer;
        match Prepared::new(message, &self.options) {
            Ok(prepared) => Some(prepared),
            Err(error) => {
                (self.report)(place, Report::failed(None, error));
                None
            }
        }
    }

    /// Reports an outcome; `false` if the message is to be tried again.
    fn settle(&mut self, ticket: Ticket, outcome: Outcome, proven: bool) -> bool {
        let Some(flying) = self.flight.remove(ticket) else {
            return false;
        };
        if proven && is_tired_of_waiting(&outcome) {
            self.again.push_back(flying.place);
            return false;
        }
        let no_content = Some(FailureKind::NoContent);
        let kind = outcome.failure.as_ref().map(|failure| failure.kind);
        match (outcome.accepted.is_empty(), kind) {
            (false, _) => self.refusals = 0,
            (true, Some(FailureKind::Refused)) => self.refusals += outcome.rejected.len().max(1),
            (true, _) => {}
        }
        let report = match flying.unreadable {
            Some(error) if kind == no_content => flying.prepared.failed(unreadable(error)),
            _ => flying.prepared.report(outcome),
        };
        (self.report)(flying.place, report);
        true
    }

    /// Reports what was lost with a connection, or has it tried again.
    fn lose(&mut self, ended: &Ended, session: &mut Session, proven: bool) {
        let mut again = VecDeque::new();
        for (ticket, unfinished) in session.lost() {
            let Some(flying) = self.flight.remove(ticket) else {
                continue;
            };
            if flying.unreadable.is_none() && ended.may_go_again(&unfinished, proven) {
                again.push_back(flying.place);
                continue;
            }
            let error = match flying.unreadable {
                Some(error) => unreadable(error),
                None => ended.loss(unfinished, &flying.prepared),
            };
            (self.report)(flying.place, flying.prepared.failed(error));
        }
        again.append(&mut self.again);
        self.again = again;
    }
}

/// Whether a message is there already, to a server that answers each command before it takes the next.
fn is_in_no_hurry(session: &Session) -> bool {
    let extensions = session.extensions();
    session.unsettled() == 1 && extensions.is_some_and(|all| !all.pipelining())
}

/// How content goes to this server: as it is where it takes octets beyond ASCII, in 7 bits to any other.
fn transfer(session: Option<&Session>) -> Transfer {
    let extensions = session.and_then(Session::extensions);
    match extensions.is_some_and(Extensions::eight_bit_mime) {
        true => Transfer::EightBit,
        false => Transfer::SevenBit,
    }
}

//! A batch of messages: what is to be sent, what is under way, and who hears of the end.

use std::collections::{BTreeMap, VecDeque};

use posthaste_message::{EmailMessage, RenderOptions, Transfer};
use posthaste_smtp::{Extensions, FailureKind, Mail, Outcome, Session, Ticket, Trust};

use super::depot::Depot;
use super::failure::{Ended, Kind, is_tired_of_waiting, too_much_for_now, unreadable};
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

/// So many refused messages are as many as one connection bears. Each costs one RSET, and Exim hangs up at the eleventh, no
/// matter how many messages were good in between.
const MOST_REFUSED: usize = 9;

/// So often in a row another connection is made because of a kind of refusal, if that does not help.
const MOST_VAIN: usize = 3;

/// After a connection that took messages with it, the next one is trusted when it has carried twice as many, but at least as
/// many, and at most as many.
const CAREFUL: (u32, u32) = (16, 1024);

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
    current: Current,
    /// What the connections before have taught.
    trust: Option<Trust>,
    /// Messages that go over another connection because the last one had enough, and what it said.
    moved: BTreeMap<usize, Kind>,
    /// How often that was in vain since it last was not.
    vain: BTreeMap<Kind, usize>,
}

/// The connection that is in use.
#[derive(Default)]
struct Current {
    /// It is of use: it was good before, or a message has come to its end.
    is_proven: bool,
    /// It has carried a message, now or before, so what it says to the next MAIL may be about the connection.
    has_carried: bool,
    /// The server does not want more over this one.
    is_full: bool,
    /// The recipients that were refused since a message was taken.
    refusals: usize,
    /// The messages that were refused.
    refused: usize,
    /// The messages that were taken.
    taken: u32,
    /// The messages that it was given.
    submitted: usize,
}

impl Current {
    fn note(&mut self, outcome: &Outcome) {
        let kind = outcome.failure.as_ref().map(|failure| failure.kind);
        match (outcome.accepted.is_empty(), kind) {
            (false, _) => {
                self.refusals = 0;
                self.taken = self.taken.saturating_add(1);
                self.has_carried = true;
            }
            (true, Some(FailureKind::Refused)) => {
                self.refusals += outcome.rejected.len().max(1);
                self.refused += 1;
            }
            (true, _) => {}
        }
    }

    /// Whether the server has refused about as much as it bears, or says that it is enough.
    fn has_had_enough(&self) -> bool {
        self.is_full || self.refusals >= MOST_REFUSALS || self.refused >= MOST_REFUSED
    }

    /// How far the next connection is to be trusted if this one has left a message in doubt.
    fn trust_after_doubt(&self) -> Trust {
        let (least, most) = CAREFUL;
        Trust::after(self.taken.saturating_mul(2).clamp(least, most))
    }
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
        trust: Option<Trust>,
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
            current: Current::default(),
            trust,
            moved: BTreeMap::new(),
            vain: BTreeMap::new(),
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
    /// idle. `kept` if it was good before.
    pub(super) async fn send_over<W: Wire>(
        &mut self,
        mut link: Lease<Link<W>>,
        kept: bool,
        depot: &Depot<W>,
    ) -> Option<Lease<Link<W>>> {
        self.current = Current {
            is_proven: kept,
            has_carried: kept,
            ..Current::default()
        };
        // One that was kept has made its own experience.
        if let Some(trust) = self.trust.take().filter(|_| !kept) {
            link.session.set_trust(trust.anew());
        }
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
                    self.settle(ticket, outcome);
                    // The next message has its own time.
                    link.until(depot.deadline());
                }
                Ok(Event::Idle) if self.flight.is_empty() => {
                    self.trust = Some(link.session.trust());
                    // A server that has said more than was asked is not talked to again.
                    return link.session.is_idle().then_some(link);
                }
                Ok(Event::Idle) => break Ended::Closed(None),
                Ok(Event::Closed(reply)) => break Ended::Closed(reply),
                Err(fault) => break Ended::Fault(fault),
            }
        };
        let is_chunking = link.session.is_chunking();
        let phase = link.phase().into();
        link.trace.lost(&ended.error(phase));
        let fault = ended.fault_of_server(phase, is_chunking);
        fault.inspect(|fault| depot.server.faults.note(*fault));
        self.trust = Some(link.session.trust());
        self.lose(&ended, &mut link.session);
        None
    }

    /// Whether the server would soon hang up on this connection.
    pub(super) fn server_had_enough(&self) -> bool {
        self.current.has_had_enough()
    }

    /// What was learnt of the server.
    pub(super) fn trust(&self) -> Option<Trust> {
        self.trust
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
            if link.is_worn() && self.current.submitted > 0 {
                break;
            }
            let Some(place) = self.take() else { break };
            self.current.submitted += 1;
            let transfer = transfer(Some(&link.session));
            if let Some((prepared, mail)) = self.prepare(place, transfer) {
                link.count();
                prepared.tell(&mut link.trace);
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

    /// Reports an outcome, or has the message tried again.
    fn settle(&mut self, ticket: Ticket, outcome: Outcome) {
        let Some(flying) = self.flight.remove(ticket) else {
            return;
        };
        if self.current.is_proven && is_tired_of_waiting(&outcome) {
            self.again.push_back(flying.place);
            return;
        }
        self.current.note(&outcome);
        self.current.is_proven = true;
        if self.may_move(flying.place, &outcome) {
            self.again.push_back(flying.place);
            return;
        }
        let is_unreadable =
            outcome.failure.as_ref().map(|failure| failure.kind) == Some(FailureKind::NoContent);
        let report = match flying.unreadable {
            Some(error) if is_unreadable => flying.prepared.failed(unreadable(error)),
            _ => flying.prepared.report(outcome),
        };
        (self.report)(flying.place, report);
    }

    /// Whether a message goes over another connection, because this one has carried messages and now refuses MAIL for now.
    /// There is no end to it only as long as each connection carries one.
    fn may_move(&mut self, place: usize, outcome: &Outcome) -> bool {
        let refusal = too_much_for_now(outcome);
        if let Some(kind) = refusal.clone().filter(|_| self.current.has_carried) {
            let vain = self.vain.get(&kind).copied().unwrap_or_default();
            if vain < MOST_VAIN {
                self.moved.insert(place, kind);
                self.current.is_full = true;
                return true;
            }
        }
        if let Some(kind) = self.moved.remove(&place) {
            let vain = self.vain.entry(kind).or_default();
            *vain = if refusal.is_some() { *vain + 1 } else { 0 };
        }
        false
    }

    /// Reports what was lost with a connection, or has it tried again.
    fn lose(&mut self, ended: &Ended, session: &mut Session) {
        let mut again = VecDeque::new();
        for (ticket, unfinished) in session.lost() {
            let Some(flying) = self.flight.remove(ticket) else {
                continue;
            };
            let is_proven = self.current.is_proven;
            if flying.unreadable.is_none() && ended.may_go_again(&unfinished, is_proven) {
                again.push_back(flying.place);
                continue;
            }
            if unfinished.in_doubt {
                self.trust = Some(self.current.trust_after_doubt());
            }
            self.moved.remove(&flying.place);
            let prepared = &flying.prepared;
            let report = match flying.unreadable {
                Some(error) => prepared.failed(unreadable(error)),
                None if !unfinished.replies.is_empty() => prepared.partly(unfinished),
                None => prepared.failed(ended.loss(unfinished, prepared)),
            };
            (self.report)(flying.place, report);
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

//! The messages that are submitted to a session and have no outcome yet.

use std::collections::VecDeque;

use posthaste_message::{Position, RenderError};
use posthaste_smtp::Ticket;

use super::prepared::Prepared;
use crate::net::{Contents, Piece};

/// All messages under way, in the order of their tickets.
#[derive(Default)]
pub(super) struct Flight<'m> {
    flying: VecDeque<Flying<'m>>,
    octets: u64,
}

/// A message under way.
pub(super) struct Flying<'m> {
    ticket: Ticket,
    /// Its place in the batch.
    pub(super) place: usize,
    pub(super) prepared: Prepared<'m>,
    position: Position,
    /// Why its content cannot be had.
    pub(super) unreadable: Option<RenderError>,
}

impl<'m> Flight<'m> {
    pub(super) fn is_empty(&self) -> bool {
        self.flying.is_empty()
    }

    /// How many octets are under way.
    pub(super) fn octets(&self) -> u64 {
        self.octets
    }

    pub(super) fn len(&self) -> usize {
        self.flying.len()
    }

    pub(super) fn add(&mut self, ticket: Ticket, place: usize, prepared: Prepared<'m>) {
        self.octets += prepared.rendered.len();
        self.flying.push_back(Flying {
            ticket,
            place,
            prepared,
            position: Position::default(),
            unreadable: None,
        });
    }

    /// Takes a message out that has come to an end.
    pub(super) fn remove(&mut self, ticket: Ticket) -> Option<Flying<'m>> {
        let at = self.find(ticket)?;
        let flying = self.flying.remove(at)?;
        self.octets = self.octets.saturating_sub(flying.prepared.rendered.len());
        Some(flying)
    }

    fn find(&self, ticket: Ticket) -> Option<usize> {
        let found = self.flying.binary_search_by_key(&ticket, |one| one.ticket);
        found.ok()
    }
}

impl Contents for Flight<'_> {
    fn next(&mut self, ticket: Ticket) -> Piece<'_> {
        let at = self.find(ticket);
        let Some(flying) = at.and_then(|at| self.flying.get_mut(at)) else {
            return Piece::Unreadable;
        };
        match flying.prepared.rendered.next_chunk(&mut flying.position) {
            Ok(Some(bytes)) => Piece::Some(bytes),
            Ok(None) => Piece::End,
            Err(error) => {
                flying.unreadable = Some(error);
                Piece::Unreadable
            }
        }
    }
}

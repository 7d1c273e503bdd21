//! Faults on order.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;

use super::problem::Problem;
use crate::fault::{InvalidRule, Listed, Rule};
use crate::inbox::Shared;

/// The rules, in order, and how often each had its turn.
pub(super) async fn list(State(shared): State<Arc<Shared>>) -> Json<Vec<Listed>> {
    Json(shared.faults.list())
}

/// Takes these rules in place of those there are.
pub(super) async fn replace(
    State(shared): State<Arc<Shared>>,
    rules: Result<Json<Vec<Rule>>, JsonRejection>,
) -> Result<Json<Vec<Listed>>, Problem> {
    let Json(rules) = rules?;
    shared.faults.replace(rules)?;
    Ok(Json(shared.faults.list()))
}

/// Adds a rule behind the others.
pub(super) async fn push(
    State(shared): State<Arc<Shared>>,
    rule: Result<Json<Rule>, JsonRejection>,
) -> Result<(StatusCode, Json<Vec<Listed>>), Problem> {
    let Json(rule) = rule?;
    shared.faults.push(rule)?;
    Ok((StatusCode::CREATED, Json(shared.faults.list())))
}

/// Takes all rules away.
pub(super) async fn delete(
    State(shared): State<Arc<Shared>>,
) -> Result<Json<Vec<Listed>>, Problem> {
    shared.faults.replace(Vec::new())?;
    Ok(Json(Vec::new()))
}

impl From<InvalidRule> for Problem {
    fn from(error: InvalidRule) -> Self {
        Self::bad_request(error.to_string())
    }
}

//! The web side's own listener. An application that mounts the router does without.

use std::sync::Arc;

use tokio::net::TcpListener;

use crate::inbox::Shared;

/// Answers requests until the inbox stops.
pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let router = super::router(Arc::clone(&shared));
    tokio::select! {
        // It goes on for ever: what goes wrong with one connection ends that one.
        _ = axum::serve(listener, router) => {}
        () = shared.stopped() => {}
    }
}

//! A small HTTP server for those who watch: `/metrics`, `/healthz`, `/readyz`.

use core::convert::Infallible;
use core::time::Duration;
use std::io;
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::metrics::Observed;

/// Who watches is one or two. More than this wait to be accepted.
const CONNECTIONS_MAX: usize = 256;

/// Time for a request's header.
const HEADER_DEADLINE: Duration = Duration::from_secs(2);

/// Time for a connection, requests and all.
const CONNECTION_DEADLINE: Duration = Duration::from_mins(1);

/// Pause after a failed `accept`.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Text as Prometheus wants it.
const METRICS: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// Answers until it is dropped. `stopping` makes the server unready.
pub(crate) async fn watch(
    socket: std::net::TcpListener,
    observed: Observed,
    stopping: CancellationToken,
) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    let listener = TcpListener::from_std(socket)?;
    let (observed, places) = (Arc::new(observed), Arc::new(Semaphore::new(CONNECTIONS_MAX)));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return Ok(()) };
        match listener.accept().await {
            Ok((stream, _)) => {
                let (observed, stopping) = (Arc::clone(&observed), stopping.clone());
                tokio::spawn(async move {
                    let _place = place;
                    let _ = timeout(CONNECTION_DEADLINE, serve(stream, &observed, &stopping)).await;
                });
            }
            Err(error) => {
                tracing::warn!(%error, "accept failed for who watches");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, observed: &Observed, stopping: &CancellationToken) {
    let answer = |request: Request<Incoming>| {
        let response = answer(&request, observed, stopping.is_cancelled());
        async { Ok::<_, Infallible>(response) }
    };
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_DEADLINE)
        .serve_connection(TokioIo::new(stream), service_fn(answer))
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "who watches");
    }
}

fn answer(
    request: &Request<Incoming>,
    observed: &Observed,
    stopping: bool,
) -> Response<Full<Bytes>> {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let (status, kind, text) = match request.uri().path() {
        _ if !is_read => (StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET\n".to_owned()),
        "/metrics" => (StatusCode::OK, METRICS, observed.page()),
        "/healthz" => (StatusCode::OK, TEXT, "ok\n".to_owned()),
        "/readyz" if stopping => (StatusCode::SERVICE_UNAVAILABLE, TEXT, "stopping\n".to_owned()),
        "/readyz" => (StatusCode::OK, TEXT, "ready\n".to_owned()),
        _ => (StatusCode::NOT_FOUND, TEXT, "/metrics, /healthz and /readyz are here\n".to_owned()),
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

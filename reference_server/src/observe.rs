//! A small HTTP server for those who watch: `/metrics`, `/sessions`, `/healthz`, `/readyz`; and for those who may end a session.

use core::convert::Infallible;
use core::time::Duration;
use std::io;
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::metrics::Observed;
use crate::{Token, operator, sessions};

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

const ELSEWHERE: &str = "/metrics, /sessions, /healthz and /readyz are here\n";

const JSON: HeaderValue = HeaderValue::from_static("application/json");

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// What is shown, and to whom more is allowed.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) observed: Observed,
    /// Who has it may end sessions; without one nobody may.
    pub(crate) token: Option<Token>,
    /// Makes the server unready.
    pub(crate) stopping: CancellationToken,
}

/// Answers until it is dropped.
pub(crate) async fn watch(socket: std::net::TcpListener, watched: Watched) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    let listener = TcpListener::from_std(socket)?;
    let (watched, places) = (Arc::new(watched), Arc::new(Semaphore::new(CONNECTIONS_MAX)));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return Ok(()) };
        match listener.accept().await {
            Ok((stream, _)) => {
                let watched = Arc::clone(&watched);
                tokio::spawn(async move {
                    let _place = place;
                    let _ = timeout(CONNECTION_DEADLINE, serve(stream, &watched)).await;
                });
            }
            Err(error) => {
                tracing::warn!(%error, "accept failed for who watches");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, watched: &Watched) {
    let answer = |request: Request<Incoming>| {
        let response = answer(&request, watched);
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

fn answer(request: &Request<Incoming>, watched: &Watched) -> Response<Full<Bytes>> {
    let (method, path) = (request.method(), request.uri().path());
    let Watched { observed, token, .. } = watched;
    if let Some(session) = operator::session_of(path) {
        let (headers, roster) = (request.headers(), &observed.roster);
        let (status, text) = operator::end(session, method, headers, token.as_ref(), roster);
        return response(status, TEXT, text, "POST");
    }
    let (status, kind, text) = if matches!(*method, Method::GET | Method::HEAD) {
        page(path, watched)
    } else {
        (StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET\n".to_owned())
    };
    response(status, kind, text, "GET, HEAD")
}

fn page(path: &str, watched: &Watched) -> (StatusCode, HeaderValue, String) {
    let Watched { observed, token, stopping } = watched;
    match path {
        "/metrics" => (StatusCode::OK, METRICS, observed.page()),
        "/sessions" => (StatusCode::OK, JSON, sessions::gather(observed, token.is_some()).json()),
        "/healthz" => (StatusCode::OK, TEXT, "ok\n".to_owned()),
        "/readyz" if stopping.is_cancelled() => {
            (StatusCode::SERVICE_UNAVAILABLE, TEXT, "stopping\n".to_owned())
        }
        "/readyz" => (StatusCode::OK, TEXT, "ready\n".to_owned()),
        _ => (StatusCode::NOT_FOUND, TEXT, ELSEWHERE.to_owned()),
    }
}

fn response(
    status: StatusCode,
    kind: HeaderValue,
    text: String,
    allowed: &'static str,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, kind);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    match status {
        StatusCode::METHOD_NOT_ALLOWED => {
            headers.insert(ALLOW, HeaderValue::from_static(allowed));
        }
        StatusCode::UNAUTHORIZED => {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        _ => {}
    }
    response
}

//! Asks the server: a connection for each question, so that nothing has to be remembered of one that is lost.

use std::io;
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, HOST};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use lockproof_reference_server::sessions::{SCHEMA, Sessions};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

/// For a question and its answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A thousand sessions with all that they hold are about one megabyte.
const ANSWER_MAX: usize = 64 << 20;

/// Where the server is, and what may be done there.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) address: String,
    pub(super) token: Option<String>,
}

impl Client {
    /// What the server tells of its sessions, as it says it.
    pub(super) async fn page(&self) -> Result<Value, String> {
        let (status, text) = self.ask(Method::GET, "/sessions").await?;
        if status != StatusCode::OK {
            return Err(self.stranger(&format!("GET /sessions is answered by {status}")));
        }
        let page: Value =
            serde_json::from_str(&text).map_err(|_| self.stranger("no JSON at /sessions"))?;
        match page["schema"].as_str() {
            Some(SCHEMA) => Ok(page),
            Some(other) => Err(self.stranger(&format!("it tells {other}, and {SCHEMA} is known"))),
            None => Err(self.stranger("another JSON at /sessions")),
        }
    }

    /// The same, understood.
    pub(super) async fn sessions(&self) -> Result<Sessions, String> {
        self.understand(self.page().await?)
    }

    pub(super) fn understand(&self, page: Value) -> Result<Sessions, String> {
        serde_json::from_value(page).map_err(|error| self.stranger(&error.to_string()))
    }

    /// Ends a session; says what came of it.
    pub(super) async fn end(&self, id: u64) -> String {
        match self.ask(Method::POST, &format!("/sessions/{id}/end")).await {
            Ok((_, text)) => text.trim().to_owned(),
            Err(problem) => problem,
        }
    }

    async fn ask(&self, method: Method, path: &str) -> Result<(StatusCode, String), String> {
        let mut request = Request::builder().method(method).uri(path).header(HOST, &self.address);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Empty::new()).map_err(|error| error.to_string())?;
        match timeout(PATIENCE, self.send(request)).await {
            Ok(answer) => answer.map_err(|error| format!("{}: {error}", self.address)),
            Err(_) => Err(format!("{}: no answer in {} s", self.address, PATIENCE.as_secs())),
        }
    }

    async fn send(&self, request: Request<Empty<Bytes>>) -> io::Result<(StatusCode, String)> {
        let stream = TcpStream::connect(&self.address).await?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
        let response = sender.send_request(request).await.map_err(io::Error::other)?;
        let (status, body) = (response.status(), Limited::new(response.into_body(), ANSWER_MAX));
        let text = body.collect().await.map_err(io::Error::other)?.to_bytes();
        Ok((status, String::from_utf8_lossy(&text).into_owned()))
    }

    /// Somebody answers who is not what was looked for.
    fn stranger(&self, why: &str) -> String {
        format!("{}: that is no --http of `lockproof serve`: {why}", self.address)
    }
}

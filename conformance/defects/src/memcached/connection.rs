//! One connection: reads a frame, has it judged and executed, answers, and so on until it ends.

use std::io;
use std::rc::Rc;

use super::Memcached;
use super::defect::Switch;
use super::frame::{HEADER_BYTES, Header, Reply, Request, Status};
use super::opcode::{self, Command, Verb};
use super::sasl::Session;
use super::shape::{self, Judgement};
use super::socket::Socket;
use super::text::Talk;
use crate::{Setup, Stream};

/// How many connections may end by a reset, with the defect that does not forget them.
const LEAKED_MAX: u32 = 50;

/// Whether there is a next frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Next {
    Frame,
    Close,
}

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) server: Rc<Memcached>,
    pub(super) socket: Socket,
    previous_opaque: u32,
    pub(super) session: Session,
}

impl Connection {
    pub(super) fn new(server: Rc<Memcached>, stream: Box<dyn Stream>) -> Self {
        let socket = Socket::new(server.clone(), stream);
        Self { server, socket, previous_opaque: 0, session: Session::default() }
    }

    pub(super) fn wrong(&self, switch: Switch) -> bool {
        self.server.active.is(switch)
    }

    /// Serves until one of both sides has had enough.
    pub(super) async fn serve(mut self) -> io::Result<()> {
        if self.server.leaked.get() > LEAKED_MAX {
            return Ok(());
        }
        self.count_connection(true);
        let served = self.talk().await;
        self.count_connection(false);
        if served.is_err() && self.wrong(Switch::ConnectionsLeak) {
            self.server.leaked.set(self.server.leaked.get() + 1);
        }
        served?;
        self.socket.close().await
    }

    fn count_connection(&self, opens: bool) {
        let statistics = &mut self.server.store.borrow_mut().statistics;
        if opens {
            statistics.count("curr_connections");
            statistics.count("total_connections");
        } else if !self.wrong(Switch::StatNeverForgetsConnections) {
            statistics.uncount("curr_connections");
        }
    }

    async fn talk(&mut self) -> io::Result<()> {
        if self.speaks_in_lines().await? {
            return Talk::new(self.server.clone(), &mut self.socket).serve().await;
        }
        self.frames().await
    }

    /// The first byte tells frames from lines. Who has to authenticate does so in frames.
    async fn speaks_in_lines(&mut self) -> io::Result<bool> {
        if self.server.setup == Setup::Sasl || !self.socket.wait_for(1).await? {
            return Ok(false);
        }
        let first = self.socket.input[0];
        Ok(first != 0x80 && !self.accepts_magic(first))
    }

    async fn frames(&mut self) -> io::Result<()> {
        while let Some(header) = self.header().await? {
            if self.frame(header).await? == Next::Close {
                return Ok(());
            }
            if self.wrong(Switch::SecondFrameIsLost) {
                self.socket.input.clear();
            }
            if self.wrong(Switch::SecondFrameWaits) && !self.socket.input.is_empty() {
                self.socket.more().await?;
            }
        }
        Ok(())
    }

    /// The next header; nothing where the connection ends, by its stream or by a bad magic.
    async fn header(&mut self) -> io::Result<Option<Header>> {
        if !self.socket.wait_for(1).await? {
            return Ok(None);
        }
        let magic = self.socket.input[0];
        if magic != 0x80 && !self.accepts_magic(magic) {
            return self.bad_magic().await;
        }
        let split = self.socket.input.len() < HEADER_BYTES;
        if split && self.wrong(Switch::SplitHeaderIsDropped) {
            return Ok(None);
        }
        if !self.socket.wait_for(HEADER_BYTES).await? {
            return Ok(None);
        }
        Ok(Some(self.take_header()))
    }

    fn take_header(&mut self) -> Header {
        let mut header = Header::parse(&self.socket.take(HEADER_BYTES));
        if self.wrong(Switch::ShortBodyIsWaitedFor) {
            header.body = header.body.max(header.extras + header.key);
        }
        self.server.last_opaque.set(header.opaque);
        header
    }

    fn accepts_magic(&self, magic: u8) -> bool {
        self.wrong(Switch::MagicIsNotChecked)
            || self.wrong(Switch::BadMagicIsSkipped)
            || magic == 0x81 && self.wrong(Switch::ReplyMagicIsAccepted)
    }

    /// Nothing is sent in answer to a bad magic.
    async fn bad_magic(&mut self) -> io::Result<Option<Header>> {
        if self.wrong(Switch::BadMagicLosesReplies) {
            self.socket.output.clear();
        }
        if self.wrong(Switch::BadMagicIsAnswered) {
            let header = Header::parse(&[0; HEADER_BYTES]);
            self.reply_error(&header, Status::Invalid).await?;
        }
        Ok(None)
    }

    async fn frame(&mut self, header: Header) -> io::Result<Next> {
        if header.magic != 0x80 && self.wrong(Switch::BadMagicIsSkipped) {
            return Ok(Next::Frame);
        }
        if self.wrong(Switch::HugeBodyIsWaitedFor) && !self.socket.wait_for(header.body).await? {
            return Ok(Next::Close);
        }
        if let Some(next) = self.authenticate(header).await? {
            return Ok(next);
        }
        match self.judge(&header) {
            Judgement::Run(command) => self.run(command, header).await,
            Judgement::TooLarge(command) => self.too_large(command, header).await,
            Judgement::Refuse(status) => self.refuse(header, status).await,
            Judgement::Fatal(status) => self.fatal(header, status).await,
        }
    }

    fn judge(&self, header: &Header) -> Judgement {
        shape::judge(header, self.server.active, self.server.setup)
    }

    async fn run(&mut self, command: Command, header: Header) -> io::Result<Next> {
        let server = self.server.clone();
        let held = server.hold(command, Switch::ReadsInsideItsLock).await;
        let Some(request) = self.body(command, header).await? else {
            return Ok(Next::Close);
        };
        drop(held);
        let held = server.hold(command, Switch::SendsInsideItsLock).await;
        if self.drops_before_quitq(command) {
            return Ok(Next::Frame);
        }
        let replies = server.execute(command, &request).await;
        let failed = |status| replies.iter().any(|reply| reply.error == Some(status));
        let ends_by_error = self.wrong(Switch::TextEndsTheConnection) && failed(Status::NotANumber)
            || self.wrong(Switch::FullServerCloses) && failed(Status::OutOfMemory);
        self.reply_to(command, &header, &replies).await?;
        if self.wrong(Switch::SendsInsideItsLock) {
            self.socket.flush().await?;
        }
        drop(held);
        Ok(if self.quits(command) || ends_by_error { Next::Close } else { Next::Frame })
    }

    /// The request, when all of its body has come; nothing if the stream ends before.
    async fn body(&mut self, command: Command, header: Header) -> io::Result<Option<Request>> {
        let head = header.extras + header.key;
        if self.wrong(Switch::SplitBodyIsFilledUp) {
            return self.filled_up_body(header).await.map(Some);
        }
        if self.wrong(Switch::UnfinishedStoreIsVisible)
            && command.verb.stores()
            && self.socket.wait_for(head).await?
        {
            self.run_unfinished(command, header);
        }
        if self.socket.wait_for(header.body).await? {
            return Ok(Some(Request::new(header, self.socket.take(header.body))));
        }
        let has_key = self.socket.input.len() >= head;
        if has_key && command.verb.stores() && self.wrong(Switch::TruncatedStoreIsStored) {
            self.run_unfinished(command, header);
        }
        Ok(None)
    }

    async fn filled_up_body(&mut self, header: Header) -> io::Result<Request> {
        if header.body > 0 && self.socket.input.is_empty() {
            self.socket.more().await?;
        }
        let mut body = self.socket.take(header.body);
        body.resize(header.body, 0);
        Ok(Request::new(header, body))
    }

    /// Executes a store with what there is of its value, and answers nothing.
    fn run_unfinished(&self, command: Command, header: Header) {
        let there = header.body.min(self.socket.input.len());
        let request = Request::new(header, self.socket.input[..there].to_vec());
        self.server.store.borrow_mut().answer(command, &request);
    }

    fn drops_before_quitq(&self, command: Command) -> bool {
        let input = &self.socket.input;
        let quitq = input.len().checked_sub(HEADER_BYTES).map(|at| &input[at..at + 2]);
        command.quiet
            && command.verb.stores()
            && quitq == Some(&[0x80, 0x17])
            && self.wrong(Switch::QuitqDropsQuietStores)
    }

    fn quits(&self, command: Command) -> bool {
        let stays_open = if command.quiet { Switch::QuitqStaysOpen } else { Switch::QuitStaysOpen };
        command.verb == Verb::Quit && !self.wrong(stays_open)
    }

    async fn too_large(&mut self, command: Command, header: Header) -> io::Result<Next> {
        let head = header.extras + header.key;
        if !self.socket.wait_for(head).await? {
            return Ok(Next::Close);
        }
        let request = Request::new(header, self.socket.take(head));
        if !self.wrong(Switch::TooLargeIsNotSkipped) && !self.socket.skip(header.value()).await? {
            return Ok(Next::Close);
        }
        let replies = self.server.store.borrow_mut().refuse_too_large(command, &request);
        self.reply_to(command, &header, &replies).await?;
        let ends = self.wrong(Switch::TooLargeEndsTheConnection);
        Ok(if ends { Next::Close } else { Next::Frame })
    }

    /// An error that leaves the connection in use.
    async fn refuse(&mut self, header: Header, status: Status) -> io::Result<Next> {
        let unknown = opcode::command(header.opcode).is_none();
        let skipped = match self.server.active.0 {
            Some(Switch::UnknownBodyIsNotSkipped) if unknown => 0,
            Some(Switch::UnknownKeyIsSkippedTwice) if unknown => {
                header.body + header.extras + header.key
            }
            _ => header.body,
        };
        if !self.socket.skip(skipped).await? {
            return Ok(Next::Close);
        }
        let silent = match self.server.active.0 {
            Some(Switch::UnknownIsNotAnswered) => unknown,
            Some(Switch::RangeOperationsAreSilent) => (0x30..=0x3c).contains(&header.opcode),
            _ => false,
        };
        if !silent {
            self.reply_error(&header, status).await?;
        }
        let ends = unknown && self.wrong(Switch::UnknownEndsTheConnection);
        Ok(if ends { Next::Close } else { Next::Frame })
    }

    /// An error behind which nothing is executed.
    pub(super) async fn fatal(&mut self, header: Header, status: Status) -> io::Result<Next> {
        self.server.fatal_errors.set(self.server.fatal_errors.get() + 1);
        if self.wrong(Switch::InvalidLosesReplies) {
            self.socket.output.clear();
        }
        let quiet = opcode::loud(header.opcode) != header.opcode;
        let silent = self.wrong(Switch::InvalidIsNotAnswered)
            || quiet && self.wrong(Switch::InvalidQuietIsNotAnswered)
            || quiet && status == Status::Auth && self.wrong(Switch::QuietStrangersHearNothing);
        if !silent {
            self.reply_error(&header, status).await?;
        }
        if self.wrong(Switch::InvalidGoesOn) && self.socket.skip(header.body).await? {
            return Ok(Next::Frame);
        }
        if self.wrong(Switch::FramesBehindAnErrorRun) {
            self.socket.take(header.body);
            self.run_what_waits();
        }
        Ok(Next::Close)
    }

    /// Executes the complete frames of the input, and answers nothing.
    fn run_what_waits(&mut self) {
        while self.socket.input.len() >= HEADER_BYTES {
            let header = self.take_header();
            let Judgement::Run(command) = self.judge(&header) else { return };
            let request = Request::new(header, self.socket.take(header.body));
            self.server.store.borrow_mut().answer(command, &request);
        }
    }

    pub(super) async fn reply_error(&mut self, header: &Header, status: Status) -> io::Result<()> {
        let bytes = self.encode(header, &Reply::error(status, self.server.active));
        self.socket.queue(&bytes).await
    }

    async fn reply_to(
        &mut self,
        command: Command,
        header: &Header,
        replies: &[Reply],
    ) -> io::Result<()> {
        if command.verb == Verb::Quit {
            if self.wrong(Switch::QuitLosesReplies) {
                self.socket.output.clear();
            }
            if self.wrong(Switch::QuitIsNotAnswered) {
                return Ok(());
            }
        }
        for reply in replies {
            let bytes = self.encode(header, reply);
            let ends_stat = command.verb == Verb::Stat && reply.key.is_empty();
            match self.server.active.0 {
                Some(Switch::ErrorsOvertakeHits) if reply.error.is_some() => {
                    self.socket.send(&bytes).await?;
                }
                Some(Switch::NoopOvertakesHits) if command.quiet => self.socket.late.extend(bytes),
                Some(Switch::StatEndComesLate) if ends_stat => self.socket.late.extend(bytes),
                Some(Switch::NoopOvertakesHits | Switch::StatEndComesLate)
                    if command.verb != Verb::Stat =>
                {
                    self.socket.queue(&bytes).await?;
                    self.socket.output.append(&mut self.socket.late);
                }
                _ => self.socket.queue(&bytes).await?,
            }
        }
        Ok(())
    }

    pub(super) fn encode(&mut self, header: &Header, reply: &Reply) -> Vec<u8> {
        let opaque = match self.server.active.0 {
            Some(Switch::OpaqueIsThePreviousOne) => self.previous_opaque,
            Some(Switch::OpaqueIsShared) => self.server.last_opaque.get(),
            _ => header.opaque,
        };
        self.previous_opaque = header.opaque;
        reply.encode(&Header { opaque, ..*header }, self.server.active)
    }
}

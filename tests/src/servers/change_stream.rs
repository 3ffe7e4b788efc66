//! A change stream: the states and errors of the bootstrap protocol, and nothing else.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpListener;
use tonic::codegen::tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

use protocol::change_stream_server::{ChangeStream, ChangeStreamServer};
use protocol::{CompleteRequest, StartRequest, StatusReply, StatusRequest, StepReply};

#[allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all, reason = "generated")]
mod protocol {
    tonic::include_proto!("change_stream");
}

/// Its state, and the calls that it received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamState {
    /// `WAITING`, `ACCUMULATING` or `STREAMING`.
    pub state: String,
    /// What StartBootstrap named.
    pub start_position: String,
    /// What StartBootstrap named.
    pub snapshot_name: String,
    /// The calls that changed something, in order.
    pub calls: Vec<&'static str>,
    /// How many clients it says it has.
    pub clients: i32,
    /// So many calls are answered by Unavailable.
    pub away: u32,
    /// So many calls do what they should, and their reply is lost.
    pub forgetful: u32,
}

/// A running one. Dropping it closes its port.
#[derive(Debug)]
pub struct Stream {
    address: SocketAddr,
    state: Arc<Mutex<StreamState>>,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Stream {
    /// One that waits.
    pub fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("start a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("bind the change stream");
        let address = listener.local_addr().expect("its address");
        let state = StreamState {
            state: "WAITING".to_owned(),
            start_position: String::new(),
            snapshot_name: String::new(),
            calls: Vec::new(),
            clients: 1,
            away: 0,
            forgetful: 0,
        };
        let state = Arc::new(Mutex::new(state));
        let service = ChangeStreamServer::new(Service(Arc::clone(&state)));
        let server = tonic::transport::Server::builder().add_service(service);
        runtime.spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        Self { address, state, runtime: Some(runtime) }
    }

    /// `127.0.0.1:port`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Where it is.
    pub fn now(&self) -> StreamState {
        self.lock().clone()
    }

    /// Makes it something else.
    pub fn set(&self, edit: impl FnOnce(&mut StreamState)) {
        edit(&mut self.lock());
    }

    fn lock(&self) -> MutexGuard<'_, StreamState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

struct Service(Arc<Mutex<StreamState>>);

impl Service {
    fn lock(&self) -> Result<MutexGuard<'_, StreamState>, Status> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match state.away.checked_sub(1) {
            Some(left) => {
                state.away = left;
                Err(Status::unavailable("it restarts"))
            }
            None => Ok(state),
        }
    }

    /// One step, allowed in one state only.
    fn step(
        mut state: MutexGuard<'_, StreamState>,
        call: &'static str,
        from: &str,
        to: &str,
    ) -> Result<Response<StepReply>, Status> {
        if state.state != from {
            return Err(Status::unknown(format!("cannot {call} in state {}", state.state)));
        }
        state.state = to.to_owned();
        state.calls.push(call);
        if let Some(left) = state.forgetful.checked_sub(1) {
            state.forgetful = left;
            return Err(Status::unavailable("the reply was lost"));
        }
        Ok(Response::new(StepReply {
            status: "ok".to_owned(),
            previous_state: from.to_owned(),
            current_state: to.to_owned(),
            accumulated_changes: 0,
            ready_to_stream: to == "STREAMING",
        }))
    }
}

#[tonic::async_trait]
impl ChangeStream for Service {
    async fn get_status(&self, _: Request<StatusRequest>) -> Result<Response<StatusReply>, Status> {
        let state = self.lock()?;
        Ok(Response::new(StatusReply {
            state: state.state.clone(),
            start_position: state.start_position.clone(),
            connected_clients: state.clients,
            uptime_seconds: 1,
            ..StatusReply::default()
        }))
    }

    async fn start_bootstrap(&self, request: Request<StartRequest>) -> Result<Response<StepReply>, Status> {
        let mut state = self.lock()?;
        if state.state == "WAITING" {
            let request = request.into_inner();
            (state.start_position, state.snapshot_name) = (request.start_position, request.snapshot_name);
        }
        Self::step(state, "start", "WAITING", "ACCUMULATING")
    }

    async fn complete_bootstrap(&self, _: Request<CompleteRequest>) -> Result<Response<StepReply>, Status> {
        Self::step(self.lock()?, "complete", "ACCUMULATING", "STREAMING")
    }
}

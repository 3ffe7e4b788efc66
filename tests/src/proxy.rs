//! A TCP proxy that breaks connections at the moment that a test chooses.
//!
//! Caveat: it counts bytes that were written to the other side's socket. The program there may not have read them.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::meter::Meter;

const POLL: Duration = Duration::from_millis(2);
/// Of `budget`: no limit.
const UNLIMITED: i64 = i64::MAX;

/// A direction of traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server: commands.
    Up,
    /// From the server to the client: replies.
    Down,
}

#[derive(Debug)]
struct Lane {
    /// Bytes that may pass before all connections are cut.
    budget: AtomicI64,
    delay_ms: AtomicU64,
    held: AtomicBool,
    passed: AtomicU64,
}

impl Lane {
    fn new() -> Self {
        Self {
            budget: AtomicI64::new(UNLIMITED),
            delay_ms: AtomicU64::new(0),
            held: AtomicBool::new(false),
            passed: AtomicU64::new(0),
        }
    }
}

#[derive(Debug)]
struct Shared {
    upstream: Mutex<SocketAddr>,
    connections: Mutex<Vec<(TcpStream, TcpStream)>>,
    lanes: [Lane; 2],
    accepted: AtomicU64,
    cuts: AtomicU64,
    open: AtomicBool,
    ended: AtomicBool,
    meter: Option<Meter>,
}

/// A listening proxy. Dropping it cuts everything.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

impl Proxy {
    /// A proxy on its own port in front of a port of 127.0.0.1.
    pub fn start(upstream_port: u16) -> Self {
        Self::start_with(upstream_port, None)
    }

    /// The same in front of a Redis. It counts the members that are written into sorted sets.
    pub fn metered(upstream_port: u16, meter: &Meter) -> Self {
        Self::start_with(upstream_port, Some(meter.clone()))
    }

    fn start_with(upstream_port: u16, meter: Option<Meter>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind the proxy");
        let address = listener.local_addr().expect("the proxy's address");
        let shared = Arc::new(Shared {
            upstream: Mutex::new(([127, 0, 0, 1], upstream_port).into()),
            connections: Mutex::default(),
            lanes: [Lane::new(), Lane::new()],
            accepted: AtomicU64::new(0),
            cuts: AtomicU64::new(0),
            open: AtomicBool::new(true),
            ended: AtomicBool::new(false),
            meter,
        });
        let acceptor = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept_all(&shared, listener, address)
        });
        Self { address, shared, acceptor: Some(acceptor) }
    }

    /// The port that clients connect to.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Cuts all connections now; new ones are taken.
    pub fn cut(&self) {
        self.shared.cut();
    }

    /// Lets exactly this many more bytes pass in that direction, then cuts all connections, once.
    pub fn cut_after(&self, direction: Direction, bytes: u64) {
        self.lane(direction).budget.store(i64::try_from(bytes).unwrap_or(UNLIMITED - 1), SeqCst);
    }

    /// Refuses new connections like a closed port; existing ones continue.
    pub fn refuse(&self) {
        self.shared.open.store(false, SeqCst);
        // Until the port is closed.
        std::thread::sleep(POLL * 10);
    }

    /// Ends [`Proxy::refuse`].
    pub fn accept(&self) {
        self.shared.open.store(true, SeqCst);
        std::thread::sleep(POLL * 10);
    }

    /// Waits so long before each piece that passes in that direction.
    pub fn delay(&self, direction: Direction, time: Duration) {
        self.lane(direction).delay_ms.store(u64::try_from(time.as_millis()).unwrap_or(u64::MAX), SeqCst);
    }

    /// Holds everything in that direction back, without closing anything: with [`Direction::Down`] the server
    /// works on and the client never hears of it.
    pub fn hold(&self, direction: Direction) {
        self.lane(direction).held.store(true, SeqCst);
    }

    /// Ends [`Proxy::hold`]: the bytes that were held back pass.
    pub fn release(&self, direction: Direction) {
        self.lane(direction).held.store(false, SeqCst);
    }

    /// New connections go to another port of 127.0.0.1; cut the existing ones yourself.
    pub fn set_upstream(&self, port: u16) {
        *lock(&self.shared.upstream) = ([127, 0, 0, 1], port).into();
    }

    /// Connections taken so far.
    pub fn accepted(&self) -> u64 {
        self.shared.accepted.load(SeqCst)
    }

    /// How often connections were cut, by [`Proxy::cut`] or at the end of a budget.
    pub fn cuts(&self) -> u64 {
        self.shared.cuts.load(SeqCst)
    }

    /// Bytes that have passed in that direction.
    pub fn passed(&self, direction: Direction) -> u64 {
        self.lane(direction).passed.load(SeqCst)
    }

    fn lane(&self, direction: Direction) -> &Lane {
        &self.shared.lanes[direction as usize]
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, SeqCst);
        self.shared.cut();
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
        self.shared.cut();
    }
}

impl Shared {
    fn cut(&self) {
        self.cuts.fetch_add(1, SeqCst);
        for (client, server) in lock(&self.connections).drain(..) {
            let _ = client.shutdown(Shutdown::Both);
            let _ = server.shutdown(Shutdown::Both);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Accepts while open; closes the port while not, so that a client sees what a stopped server shows.
fn accept_all(shared: &Arc<Shared>, listener: TcpListener, address: SocketAddr) {
    let mut listener = Some(listener);
    while !shared.ended.load(SeqCst) {
        let open = shared.open.load(SeqCst);
        if open && listener.is_none() {
            listener = TcpListener::bind(address).ok();
        }
        let client = listener.as_ref().and_then(|l| l.set_nonblocking(true).and_then(|()| l.accept()).ok());
        match client {
            Some((client, _)) => {
                shared.accepted.fetch_add(1, SeqCst);
                // A server that is away: the client's connection is closed at once.
                let _ = connect(shared, client);
            }
            // Closed only if nobody is waiting: a client that has connected stays connected.
            None if !open => {
                listener = None;
                std::thread::sleep(POLL);
            }
            None => std::thread::sleep(POLL),
        }
    }
}

fn connect(shared: &Arc<Shared>, client: TcpStream) -> io::Result<()> {
    client.set_nonblocking(false)?;
    let server = TcpStream::connect(*lock(&shared.upstream))?;
    for stream in [&client, &server] {
        stream.set_nodelay(true)?;
    }
    lock(&shared.connections).push((client.try_clone()?, server.try_clone()?));
    let pipes =
        [(Direction::Up, client.try_clone()?, server.try_clone()?), (Direction::Down, server, client)];
    for (direction, from, to) in pipes {
        let shared = Arc::clone(shared);
        std::thread::spawn(move || pump(&shared, direction, from, to));
    }
    Ok(())
}

fn pump(shared: &Shared, direction: Direction, mut from: TcpStream, mut to: TcpStream) {
    let lane = &shared.lanes[direction as usize];
    let mut buffer = vec![0; 1 << 16];
    let meter = shared.meter.as_ref().filter(|_| direction == Direction::Up);
    let mut commands = meter.map(Meter::reader);
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        std::thread::sleep(Duration::from_millis(lane.delay_ms.load(SeqCst)));
        while lane.held.load(SeqCst) && !shared.ended.load(SeqCst) {
            std::thread::sleep(POLL);
        }
        let (allowed, spent) = take_budget(lane, length);
        // First: what the server has done is counted already.
        if let Some(commands) = &mut commands {
            commands.pass(&buffer[..allowed]);
        }
        let written = to.write_all(&buffer[..allowed]);
        lane.passed.fetch_add(allowed as u64, SeqCst);
        if spent {
            shared.cut();
        }
        if spent || written.is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

/// How much of a piece may pass, and whether that was the last byte of the budget.
fn take_budget(lane: &Lane, length: usize) -> (usize, bool) {
    let wanted = i64::try_from(length).unwrap_or(UNLIMITED);
    let mut allowed = wanted;
    let mut spent = false;
    let _ = lane.budget.fetch_update(SeqCst, SeqCst, |budget| {
        (allowed, spent) = (wanted, false);
        if budget == UNLIMITED {
            return None;
        }
        spent = budget <= wanted;
        allowed = wanted.min(budget);
        Some(if spent { UNLIMITED } else { budget - wanted })
    });
    (usize::try_from(allowed).unwrap_or(length), spent)
}

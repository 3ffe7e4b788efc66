//! A separate PostgreSQL cluster.

use std::fs::File;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tempfile::TempDir;

use super::reaper::Reaper;
use super::{free_port, signal, wait_until};
use crate::pgwire::{Connection, Target};

mod restore;

pub use restore::{Restore, RestoreError};

const START_LIMIT: Duration = Duration::from_secs(60);
/// The superuser of every cluster.
const USER: &str = "postgres";

/// The options of a cluster.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// The encoding of the cluster's own databases.
    pub encoding: String,
    /// Settings for the command line, `("wal_level", "logical")`. They win over ours.
    pub settings: Vec<(String, String)>,
    /// The folder with initdb and postgres; `None`: see [`PostgresServer::bin_dir`].
    pub bin_dir: Option<PathBuf>,
    /// The folder with psql, pg_dump and the like; `None`: the server's own.
    pub clients: Option<PathBuf>,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self { encoding: "UTF8".into(), settings: Vec::new(), bin_dir: None, clients: None }
    }
}

/// A running cluster: Unix socket and a port of 127.0.0.1, `trust` for everybody.
#[derive(Debug)]
pub struct PostgresServer {
    options: PostgresOptions,
    bin_dir: PathBuf,
    owner: Option<(u32, u32)>,
    port: u16,
    next_database: AtomicU32,
    child: Option<Child>,
    // Dropped in this order: the reaper deletes the folder, after that there is nothing left for TempDir.
    reaper: Reaper,
    folder: TempDir,
}

/// One database of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    /// Its name.
    pub name: String,
}

impl PostgresServer {
    /// A cluster with the defaults.
    pub fn start() -> Self {
        Self::start_with(PostgresOptions::default())
    }

    /// The cluster that the tests of this process share: made at the first call, each test takes databases of
    /// its own ([`PostgresServer::fresh_database`]). Roles and tablespaces are common to all of them, so a test
    /// that makes some needs a cluster of its own.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<PostgresServer> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// A cluster with these options, ready for connections.
    pub fn start_with(options: PostgresOptions) -> Self {
        let owner = server_owner();
        // Short, since a socket's path may have 107 bytes; and where another user may go.
        let folder = tempfile::Builder::new().prefix("pg-").tempdir_in("/tmp").expect("make a folder");
        if let Some((uid, gid)) = owner {
            chown(folder.path(), Some(uid), Some(gid)).expect("give the folder to the server's user");
        }
        let reaper = Reaper::watch(folder.path());
        let bin_dir = match &options.bin_dir {
            // The server's user may not have access to the folder.
            Some(bin_dir) => {
                let installed = bin_dir.parent().expect("a folder above bin");
                check(Command::new("cp").arg("-a").arg(installed).arg(folder.path().join("postgres")));
                folder.path().join("postgres/bin")
            }
            None => Self::bin_dir(),
        };
        let next_database = AtomicU32::new(1);
        let mut server =
            Self { options, bin_dir, owner, port: 0, next_database, child: None, reaper, folder };
        server.init();
        for _ in 0..5 {
            server.port = free_port();
            if server.launch() {
                return server;
            }
        }
        panic!("postgres does not start: {}", server.log());
    }

    /// Where the programs are: `PG_BINDIR`, else the newest `/usr/lib/postgresql/*/bin`, else where `PATH` finds
    /// `initdb`.
    pub fn bin_dir() -> PathBuf {
        if let Some(dir) = std::env::var_os("PG_BINDIR") {
            return dir.into();
        }
        let packaged = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let newest = packaged
            .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
            .filter(|version| Path::new(&format!("/usr/lib/postgresql/{version}/bin/initdb")).exists())
            .max();
        if let Some(version) = newest {
            return format!("/usr/lib/postgresql/{version}/bin").into();
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path)
            .find(|dir| dir.join("initdb").exists())
            .expect("PostgreSQL's initdb: set PG_BINDIR, or install a server")
    }

    /// The folder of the socket: the `host` for libpq.
    pub fn host(&self) -> &Path {
        self.folder.path()
    }

    /// The port, on 127.0.0.1 and in the socket's name.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A connection URL over TCP.
    pub fn url(&self, database: &Database) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/{}?sslmode=disable", self.port, database.name)
    }

    /// The major version of the programs.
    pub fn major_version(&self) -> u32 {
        let out =
            Command::new(self.bin_dir.join("postgres")).arg("--version").output().expect("run postgres");
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        let digits: String =
            text.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
        digits.parse().expect("a version of PostgreSQL")
    }

    /// A client program of the same version (`psql`, `pg_dump`, …), set to connect to this cluster.
    pub fn program(&self, name: &str) -> Command {
        let clients = self.options.clients.as_ref().unwrap_or(&self.bin_dir);
        let mut command = Command::new(clients.join(name));
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("PGHOST", self.host()).env("PGPORT", self.port.to_string()).env("PGUSER", USER);
        command.env("LC_ALL", "C").stdin(Stdio::null());
        command
    }

    /// An empty database with a unique name, in UTF-8.
    pub fn fresh_database(&self) -> Database {
        self.fresh_database_in("UTF8")
    }

    /// The same in another encoding.
    pub fn fresh_database_in(&self, encoding: &str) -> Database {
        let name = format!("test_{}", self.next_database.fetch_add(1, Ordering::Relaxed));
        self.create_database(&name, encoding)
    }

    /// An empty database from `template0`. Encodings other than UTF8 need the locale C.
    pub fn create_database(&self, name: &str, encoding: &str) -> Database {
        let locale = if encoding == "UTF8" { "C.UTF-8" } else { "C" };
        let mut command = self.program("createdb");
        command.args(["--template=template0", "--encoding", encoding, "--locale", locale, name]);
        check(&mut command);
        Database { name: name.to_owned() }
    }

    /// Drops a database, even if it has connections.
    pub fn drop_database(&self, database: &Database) {
        check(self.program("dropdb").args(["--force", &database.name]));
    }

    /// What `pg_dump ARGS DATABASE` prints; a panic with its message when it fails.
    pub fn pg_dump(&self, database: &Database, args: &[&str]) -> Vec<u8> {
        check(self.program("pg_dump").args(args).arg(&database.name)).stdout
    }

    /// How to connect by [`Connection`].
    pub fn target(&self, database: &Database) -> Target {
        Target {
            socket: self.host().join(format!(".s.PGSQL.{}", self.port)),
            user: USER.into(),
            database: database.name.clone(),
            parameters: vec![("client_encoding".into(), "UTF8".into())],
        }
    }

    /// A separate connection.
    pub fn connect(&self, database: &Database) -> Connection {
        Connection::open(&self.target(database)).expect("connect to postgres")
    }

    /// `kill -9` of the postmaster, and waits until its children are gone too.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
            self.wait_for_children();
        }
        self.reaper.process(None);
    }

    /// An immediate shutdown: as after a crash, but nothing of it is left.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            signal(child.id(), "QUIT");
            let _ = child.wait();
        }
        self.reaper.process(None);
    }

    /// Stops the cluster if it runs and starts it again on the same port.
    pub fn restart(&mut self) {
        self.stop();
        assert!(self.launch(), "postgres does not start again: {}", self.log());
    }

    /// What the server has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn data_folder(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A server program, as the user that may run it.
    fn server_program(&self, name: &str) -> Command {
        let mut command = Command::new(self.bin_dir.join(name));
        if let Some((uid, gid)) = self.owner {
            command.uid(uid).gid(gid);
        }
        command.current_dir(self.folder.path()).env_clear().env("LC_ALL", "C").stdin(Stdio::null());
        command
    }

    fn init(&self) {
        let mut command = self.server_program("initdb");
        command.arg("--pgdata").arg(self.data_folder());
        command.args(["--no-sync", "--auth=trust", "--username", USER, "--encoding", &self.options.encoding]);
        command.arg(if self.options.encoding == "UTF8" { "--locale=C.UTF-8" } else { "--locale=C" });
        check(&mut command);
    }

    fn launch(&mut self) -> bool {
        let log = File::options().create(true).append(true).open(self.log_file()).expect("open the log");
        let errors = log.try_clone().expect("share the log");
        let mut command = self.server_program("postgres");
        command.arg("-D").arg(self.data_folder()).args(["-p", &self.port.to_string()]);
        command.arg("-k").arg(self.host());
        let ours = [
            ("listen_addresses", "127.0.0.1"),
            ("fsync", "off"),
            ("full_page_writes", "off"),
            ("wal_level", "logical"),
            ("max_wal_size", "4GB"),
            ("jit", "off"),
            // Nothing may happen in a database that no statement asked for.
            ("autovacuum", "off"),
            ("timezone", "Etc/UTC"),
            ("max_connections", "200"),
        ];
        let given = self.options.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in ours.into_iter().chain(given) {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        let child = command.stdout(log).stderr(errors).spawn().expect("start postgres");
        self.reaper.process(Some(child.id()));
        self.child = Some(child);
        let target = self.target(&Database { name: "postgres".into() });
        let mut ended = false;
        let ready = wait_until(START_LIMIT, || {
            ended = self.child.as_mut().is_none_or(|child| matches!(child.try_wait(), Ok(Some(_))));
            ended || Connection::open(&target).is_ok()
        });
        if ended || !ready {
            self.stop();
            return false;
        }
        true
    }

    /// After `kill -9` the backends notice the end of the postmaster by themselves; the shared memory block in
    /// `postmaster.pid` stays in use until then and would refuse a restart.
    fn wait_for_children(&self) {
        let data = self.data_folder();
        let uses_data =
            |entry: std::fs::DirEntry| std::fs::read_link(entry.path().join("cwd")).is_ok_and(|c| c == data);
        wait_until(Duration::from_secs(10), || {
            !std::fs::read_dir("/proc").into_iter().flatten().flatten().any(uses_data)
        });
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        // Not `stop`, whose panic would be a second one.
        if let Some(mut child) = self.child.take() {
            let _ = Command::new("kill").args(["-QUIT", &child.id().to_string()]).status();
            let _ = child.wait();
            self.reaper.process(None);
        }
    }
}

/// postgres refuses to run as root: then it runs as `postgres`, or else as `nobody`. `None`: as the current user.
fn server_owner() -> Option<(u32, u32)> {
    let out = Command::new("id").arg("-u").output().expect("run id");
    if String::from_utf8_lossy(&out.stdout).trim() != "0" {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").expect("read /etc/passwd");
    let ids = |wanted: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(wanted))?;
        let mut fields = line.split(':').skip(2).map(str::parse::<u32>);
        Some((fields.next()?.ok()?, fields.next()?.ok()?))
    };
    Some(ids("postgres").or_else(|| ids("nobody")).expect("a user postgres or nobody"))
}

fn check(command: &mut Command) -> Output {
    let out = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    assert!(out.status.success(), "{command:?}: {}\n{}", out.status, String::from_utf8_lossy(&out.stderr));
    out
}

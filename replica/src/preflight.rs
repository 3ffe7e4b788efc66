//! Whether the database can be filled: all that is wrong with it, before the first statement.

use std::fmt;

use crate::error::{Error, ErrorKind};
use crate::name::quoted;
use crate::record;
use crate::session::Session;

/// The oldest major version that is supported.
const OLDEST: u32 = 13;
/// So many objects of a database that is not empty are named.
const NAMED: usize = 5;
const ACTION: &str = "look at the database";

/// What a dump needs of the server and the database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// Roles that statements name.
    pub roles: Vec<String>,
    /// Roles that are to own something.
    pub owners: Vec<String>,
    /// Extensions.
    pub extensions: Vec<String>,
    /// Tablespaces.
    pub tablespaces: Vec<String>,
    /// Procedural languages.
    pub languages: Vec<String>,
    /// Providers of collations, as `CREATE COLLATION` names them: `icu`, `builtin`.
    pub providers: Vec<String>,
    /// The encoding of the dumped database, by PostgreSQL's name.
    pub encoding: Option<String>,
    /// The major version of the dumped server.
    pub version: Option<u32>,
    /// The database may hold something already.
    pub into_existing: bool,
}

/// What stands in the way, and what should be known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Nothing is loaded before all of these are gone.
    pub faults: Vec<Fault>,
    /// These do not stop a load.
    pub warnings: Vec<Warning>,
}

impl Report {
    /// SQL that removes what SQL can remove, to be run by an administrator.
    #[must_use]
    pub fn sql(&self) -> Vec<String> {
        self.faults.iter().filter_map(Fault::sql).collect()
    }
}

/// Something that stands in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The server is older than what is supported.
    TooOld(u32),
    /// The server is a standby, or the database is read-only.
    ReadOnly,
    /// Another run has begun to fill the database.
    Unfinished(String),
    /// The database holds something: some of it.
    NotEmpty(Vec<String>),
    /// The database cannot hold every character of the dump.
    Encoding {
        /// The database's.
        database: String,
        /// The dump's.
        dump: String,
    },
    /// The server was built without a provider of collations, or is too old for it.
    Provider(String),
    /// A role is missing.
    Role(String),
    /// The role that loads cannot give anything to this one.
    Owner {
        /// The role that is to own something.
        role: String,
        /// The role that loads.
        user: String,
    },
    /// The server does not have the files of an extension.
    Extension(String),
    /// Only a superuser can create the extension.
    ExtensionRight(String),
    /// A tablespace is missing.
    Tablespace(String),
    /// A procedural language is missing.
    Language(String),
    /// No right to create in the database.
    Create {
        /// The database.
        database: String,
        /// The role that loads.
        user: String,
    },
    /// No right to create in the schema `public`.
    CreateInPublic(String),
    /// No right to set `session_replication_role`.
    ReplicationRole {
        /// The role that loads.
        user: String,
        /// Whether the server can grant it: since PostgreSQL 15.
        grantable: bool,
    },
}

/// Something to know before a load.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// The role that loads is a superuser.
    Superuser(String),
    /// The server is older than the one that was dumped.
    Older {
        /// The major version of the server.
        server: u32,
        /// The major version of the dumped one.
        dump: u32,
    },
}

/// What the server says of itself and of us.
struct Facts {
    version: u32,
    user: String,
    database: String,
    encoding: String,
    superuser: bool,
    read_only: bool,
    create: bool,
    create_in_public: bool,
}

const FACTS: &str = "SELECT pg_catalog.current_setting('server_version_num')::int4, session_user::text, \
    pg_catalog.current_database()::text, pg_catalog.current_setting('server_encoding'), \
    (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) session_user), \
    pg_catalog.current_setting('transaction_read_only') OPERATOR(pg_catalog.=) 'on', \
    pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE'), \
    COALESCE((SELECT pg_catalog.has_schema_privilege(oid, 'CREATE') FROM pg_catalog.pg_namespace \
        WHERE nspname OPERATOR(pg_catalog.=) 'public'), true)";

/// What users have made, but for what extensions have: an administrator may have created those for us.
const OBJECTS: &str = "SELECT what FROM (
    SELECT 'schema ' || pg_catalog.quote_ident(nspname) AS what, oid, 'pg_catalog.pg_namespace'::regclass AS class
        FROM pg_catalog.pg_namespace WHERE nspname NOT IN ('public', 'kasho_bootstrap') AND nspname !~ '^pg_(temp|toast)'
    UNION ALL SELECT 'relation ' || c.oid::regclass::text, c.oid, 'pg_catalog.pg_class'::regclass
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND n.nspname NOT IN ('kasho_bootstrap') AND n.nspname !~ '^pg_'
    UNION ALL SELECT 'routine ' || oid::regprocedure::text, oid, 'pg_catalog.pg_proc'::regclass FROM pg_catalog.pg_proc
    UNION ALL SELECT 'type ' || oid::regtype::text, oid, 'pg_catalog.pg_type'::regclass
        FROM pg_catalog.pg_type WHERE typtype IN ('d', 'e', 'r')
    UNION ALL SELECT 'event trigger ' || pg_catalog.quote_ident(evtname), oid, 'pg_catalog.pg_event_trigger'::regclass
        FROM pg_catalog.pg_event_trigger
    UNION ALL SELECT 'publication ' || pg_catalog.quote_ident(pubname), oid, 'pg_catalog.pg_publication'::regclass
        FROM pg_catalog.pg_publication
    UNION ALL SELECT 'large object ' || oid::text, oid, 'pg_catalog.pg_largeobject'::regclass
        FROM pg_catalog.pg_largeobject_metadata
) AS o WHERE (o.oid >= 16384 OR o.what LIKE 'large object %') AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_depend d WHERE d.classid = o.class AND d.objid = o.oid AND d.deptype = 'e'
) ORDER BY what LIMIT $1";

/// Looks at the database, and finds all that is wrong at once.
pub(crate) async fn look(session: &Session, run: &str, needs: &Needs) -> Result<Report, Error> {
    // Names are found as PostgreSQL's own, whatever the database holds.
    session.run(ACTION, "BEGIN; SET LOCAL search_path = pg_catalog").await?;
    let looked = Look { session, needs, report: Report::default() }.all(run).await;
    session.run(ACTION, "ROLLBACK").await?;
    looked
}

struct Look<'a> {
    session: &'a Session,
    needs: &'a Needs,
    report: Report,
}

impl Look<'_> {
    async fn all(mut self, run: &str) -> Result<Report, Error> {
        let facts = self.facts().await?;
        self.server(&facts);
        self.contents(run).await?;
        self.roles(&facts).await?;
        self.extensions(&facts).await?;
        self.names().await?;
        self.rights(&facts).await?;
        Ok(self.report)
    }

    fn fault(&mut self, fault: Fault) {
        self.report.faults.push(fault);
    }

    async fn facts(&self) -> Result<Facts, Error> {
        let rows = self.session.rows(ACTION, FACTS, &[]).await?;
        let row = rows.first().ok_or_else(|| self.session.error(ErrorKind::Protocol, ACTION))?;
        let text = |column| self.session.value::<String>(ACTION, row, column);
        let is = |column| self.session.value::<bool>(ACTION, row, column);
        let version: i32 = self.session.value(ACTION, row, 0)?;
        Ok(Facts {
            version: u32::try_from(version).unwrap_or(0) / 10_000,
            user: text(1)?,
            database: text(2)?,
            encoding: text(3)?,
            superuser: is(4)?,
            read_only: is(5)?,
            create: is(6)?,
            create_in_public: is(7)?,
        })
    }

    fn server(&mut self, facts: &Facts) {
        if facts.version < OLDEST {
            self.fault(Fault::TooOld(facts.version));
        }
        if facts.read_only {
            self.fault(Fault::ReadOnly);
        }
        if let Some(dump) = self.needs.version.filter(|dump| *dump > facts.version) {
            self.report.warnings.push(Warning::Older { server: facts.version, dump });
        }
        if facts.superuser {
            self.report.warnings.push(Warning::Superuser(facts.user.clone()));
        }
        if let Some(dump) = self.needs.encoding.clone()
            && facts.encoding != "UTF8"
            && !facts.encoding.eq_ignore_ascii_case(&dump)
        {
            self.fault(Fault::Encoding { database: facts.encoding.clone(), dump });
        }
    }

    async fn contents(&mut self, run: &str) -> Result<(), Error> {
        for (other, finished) in record::others(self.session, run).await? {
            if !finished {
                self.fault(Fault::Unfinished(other));
            }
        }
        if self.needs.into_existing {
            return Ok(());
        }
        let limit = NAMED as i64 + 1;
        let mut found = self.list(OBJECTS, &[&limit]).await?;
        if found.len() > NAMED {
            found[NAMED] = "and others".to_owned();
        }
        if !found.is_empty() {
            self.fault(Fault::NotEmpty(found));
        }
        Ok(())
    }

    async fn roles(&mut self, facts: &Facts) -> Result<(), Error> {
        let missing = "SELECT name FROM unnest($1::text[]) AS name WHERE NOT EXISTS \
            (SELECT FROM pg_roles WHERE rolname = name) ORDER BY name";
        let mut all: Vec<&str> =
            self.needs.roles.iter().chain(&self.needs.owners).map(String::as_str).collect();
        all.sort_unstable();
        all.dedup();
        let missing = self.list(missing, &[&all]).await?;
        missing.into_iter().for_each(|role| self.fault(Fault::Role(role)));
        // Since PostgreSQL 16 a member needs the option SET.
        let right = if facts.version >= 16 { "SET" } else { "MEMBER" };
        let foreign = "SELECT rolname::text FROM pg_roles WHERE rolname = ANY($1::text[]) \
            AND NOT pg_has_role(session_user, oid, $2) ORDER BY 1";
        for role in self.list(foreign, &[&self.needs.owners, &right]).await? {
            self.fault(Fault::Owner { role, user: facts.user.clone() });
        }
        Ok(())
    }

    async fn extensions(&mut self, facts: &Facts) -> Result<(), Error> {
        let missing = "SELECT name FROM unnest($1::text[]) AS name WHERE NOT EXISTS \
            (SELECT FROM pg_available_extensions e WHERE e.name = name.name) ORDER BY name";
        for name in self.list(missing, &[&self.needs.extensions]).await? {
            self.fault(Fault::Extension(name));
        }
        let refused = "SELECT e.name::text FROM pg_available_extensions e JOIN pg_available_extension_versions v \
            ON v.name = e.name AND v.version = e.default_version WHERE e.name = ANY($1::text[]) \
            AND e.installed_version IS NULL AND v.superuser AND NOT v.trusted ORDER BY 1";
        if !facts.superuser {
            for name in self.list(refused, &[&self.needs.extensions]).await? {
                self.fault(Fault::ExtensionRight(name));
            }
        }
        Ok(())
    }

    async fn names(&mut self) -> Result<(), Error> {
        let spaces = "SELECT name FROM unnest($1::text[]) AS name WHERE NOT EXISTS \
            (SELECT FROM pg_tablespace WHERE spcname = name) ORDER BY name";
        let missing = self.list(spaces, &[&self.needs.tablespaces]).await?;
        missing.into_iter().for_each(|name| self.fault(Fault::Tablespace(name)));
        let languages = "SELECT name FROM unnest($1::text[]) AS name WHERE NOT EXISTS \
            (SELECT FROM pg_language WHERE lanname = name) AND name <> ALL($2::text[]) ORDER BY name";
        let missing = self.list(languages, &[&self.needs.languages, &self.needs.extensions]).await?;
        missing.into_iter().for_each(|name| self.fault(Fault::Language(name)));
        // Every provider that a server has comes with collations of its own.
        for name in &self.needs.providers {
            let letter = match name.as_str() {
                "libc" => "c",
                "icu" => "i",
                "builtin" => "b",
                _ => "",
            };
            let has = "SELECT collname::text FROM pg_collation WHERE collprovider::text = $1 LIMIT 1";
            if self.list(has, &[&letter]).await?.is_empty() {
                self.report.faults.push(Fault::Provider(name.clone()));
            }
        }
        Ok(())
    }

    async fn rights(&mut self, facts: &Facts) -> Result<(), Error> {
        if !facts.create {
            self.fault(Fault::Create { database: facts.database.clone(), user: facts.user.clone() });
        }
        if !facts.create_in_public {
            self.fault(Fault::CreateInPublic(facts.user.clone()));
        }
        // Services have their own ways of granting it: only the attempt tells.
        match self.session.run(ACTION, "SET LOCAL session_replication_role = replica").await {
            Ok(()) => Ok(()),
            Err(error) if error.server().is_some_and(|error| error.code == "42501") => {
                let grantable = facts.version >= 15;
                self.fault(Fault::ReplicationRole { user: facts.user.clone(), grantable });
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    async fn list(
        &self,
        query: &str,
        values: &[&(dyn tokio_postgres::types::ToSql + Sync)],
    ) -> Result<Vec<String>, Error> {
        let rows = self.session.rows(ACTION, query, values).await?;
        rows.iter().map(|row| self.session.value(ACTION, row, 0)).collect()
    }
}

impl Fault {
    /// What an administrator can run to remove it.
    #[must_use]
    pub fn sql(&self) -> Option<String> {
        Some(match self {
            Self::Role(role) => format!("CREATE ROLE {};", quoted(role)),
            Self::Owner { role, user } => format!("GRANT {} TO {};", quoted(role), quoted(user)),
            Self::ExtensionRight(name) | Self::Language(name) => {
                format!("CREATE EXTENSION {};", quoted(name))
            }
            Self::Tablespace(name) => {
                format!("CREATE TABLESPACE {} LOCATION '/a/folder/of/the/server';", quoted(name))
            }
            Self::Create { database, user } => {
                format!("GRANT CREATE ON DATABASE {} TO {};", quoted(database), quoted(user))
            }
            Self::CreateInPublic(user) => format!("GRANT CREATE ON SCHEMA public TO {};", quoted(user)),
            Self::ReplicationRole { user, grantable: true } => {
                format!("GRANT SET ON PARAMETER session_replication_role TO {};", quoted(user))
            }
            _ => return None,
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooOld(version) => {
                write!(f, "PostgreSQL {version} is too old: {OLDEST} or newer is needed")
            }
            Self::ReadOnly => {
                f.write_str("the server is a standby, or transactions are read-only; connect to the primary")
            }
            Self::Unfinished(run) => {
                write!(
                    f,
                    "run {run} has begun to fill this database and is not finished; go on with it, or use an empty database"
                )
            }
            Self::NotEmpty(objects) => write!(f, "the database is not empty: {}", objects.join(", ")),
            Self::Encoding { database, dump } => {
                write!(
                    f,
                    "the database's encoding {database} cannot hold all that a dump in {dump} may; create it with ENCODING 'UTF8'"
                )
            }
            Self::Provider(name) => write!(
                f,
                "the server has no collations of the provider {name}; use one that was built with it"
            ),
            Self::Role(role) => write!(f, "role {role} is missing"),
            Self::Owner { role, user } => {
                write!(f, "{user} cannot make {role} an owner, as it is no member of that role")
            }
            Self::Extension(name) => {
                write!(f, "the server has no extension {name}; install its package there")
            }
            Self::ExtensionRight(name) => write!(f, "only a superuser can create the extension {name}"),
            Self::Tablespace(name) => write!(f, "tablespace {name} is missing"),
            Self::Language(name) => write!(f, "language {name} is missing"),
            Self::Create { database, user } => {
                write!(f, "{user} may not create schemas in the database {database}")
            }
            Self::CreateInPublic(user) => write!(f, "{user} may not create anything in the schema public"),
            Self::ReplicationRole { user, grantable: true } => {
                write!(
                    f,
                    "{user} may not set session_replication_role, which keeps triggers from firing for rows"
                )
            }
            Self::ReplicationRole { user, grantable: false } => {
                write!(
                    f,
                    "{user} may not set session_replication_role, which keeps triggers from firing for rows; \
                     before PostgreSQL 15 only a superuser may"
                )
            }
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Superuser(user) => {
                write!(
                    f,
                    "{user} is a superuser, and a dump is code: whoever made it can do anything on this server"
                )
            }
            Self::Older { server, dump } => {
                write!(
                    f,
                    "the server is PostgreSQL {server}, the dumped one was {dump}: some statements may be unknown to it"
                )
            }
        }
    }
}

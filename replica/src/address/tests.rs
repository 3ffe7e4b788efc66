use super::*;

fn nothing(_: &str) -> Option<String> {
    None
}

fn parse(text: &str) -> Address {
    Address::parse(text, &nothing).unwrap()
}

fn refused(text: &str) -> String {
    Address::parse(text, &nothing).unwrap_err().to_string()
}

#[test]
fn both_forms_mean_the_same() {
    let url = "postgresql://ann:p%40ss@db.example:6000/my%20shop?sslmode=disable&connect_timeout=3";
    let pairs = "host = db.example port=6000 user=ann password='p@ss' dbname='my shop' sslmode=disable connect_timeout=3";
    assert_eq!(parse(url), parse(pairs));
    let address = parse(url);
    assert_eq!(address.to_string(), "ann@db.example:6000/my shop");
    assert_eq!(address.password, Some(Secret::new("p@ss")));
    assert_eq!(address.connect_timeout, Duration::from_secs(3));
}

#[test]
fn values_may_be_quoted_and_escaped() {
    let address = parse(r"user=a\'b password='it\'s \\ = mine' dbname = d host=/run/pg");
    assert_eq!(address.user, "a'b");
    assert_eq!(address.password, Some(Secret::new(r"it's \ = mine")));
    assert!(address.hosts[0].is_socket());
}

#[test]
fn several_hosts_have_their_ports() {
    let address = parse("postgres://u@[::1]:1,b,c:3/d?target_session_attrs=read-write");
    let places: Vec<_> = address.hosts.iter().map(|host| (host.name.as_str(), host.port)).collect();
    assert_eq!(places, [("::1", 1), ("b", 5432), ("c", 3)]);
    assert!(address.read_write);
    assert_eq!(address.to_string(), "u@[::1]:1,b:5432,c:3/d");
    let address = parse("host=a,b hostaddr=10.0.0.1,::2 port=7 user=u dbname=d");
    assert_eq!(address.hosts[1], Host { name: "b".into(), ip: Some("::2".parse().unwrap()), port: 7 });
    assert!(parse("postgres://u@%2Frun%2Fpg/d").hosts[0].is_socket());
}

#[test]
fn the_environment_completes_what_the_address_leaves_open() {
    let variable = |name: &str| {
        let value = match name {
            "PGHOST" => "from-env",
            "PGUSER" => "eve",
            "PGPASSWORD" => "secret-env",
            "PGDATABASE" => "shop",
            "PGSSLMODE" => "disable",
            "HOME" => "/home/eve",
            _ => return None,
        };
        Some(value.to_owned())
    };
    let address = Address::parse("", &variable).unwrap();
    assert_eq!(address.to_string(), "eve@from-env:5432/shop");
    assert_eq!(address.password, Some(Secret::new("secret-env")));
    assert_eq!(address.ssl_mode(), SslMode::Disable);
    assert_eq!(address.passfile, Some(PathBuf::from("/home/eve/.pgpass")));
    let address = Address::parse("postgres://ann:own@db/d", &variable).unwrap();
    assert_eq!(address.to_string(), "ann@db:5432/d");
    assert_eq!(address.password, Some(Secret::new("own")));
}

#[test]
fn nothing_shows_the_password() {
    let address = parse("postgres://ann:hunter2@db/d?sslmode=prefer");
    assert!(!format!("{address:?} {address}").contains("hunter2"));
    for text in [
        "postgres://ann:hunter2?x@db/d",
        "postgres://ann:1/hunter2@db/d",
        "postgres://ann:hunter2%zz@db/d",
        "postgres://ann:x@db/d?hunter2=1",
        "password=x hunter2=y user=u dbname=d",
        "password=x hunter2 user=u",
        "password='hunter2",
        "postgres://ann:hunter2@db:port/d",
        "hunter2",
    ] {
        let error = Address::parse(text, &nothing).unwrap_err();
        assert!(!format!("{error:?} {error}").contains("hunter2"), "{error:?}");
    }
}

#[test]
fn what_is_not_supported_is_refused_by_name() {
    assert!(refused("service=shop").starts_with("service is not supported"));
    assert!(
        refused("postgres://u@h/d?gssencmode=require").starts_with("gssencmode=require is not supported")
    );
    assert!(refused("postgres://u@h/d?krbsrvname=x").starts_with("krbsrvname is not supported"));
    assert!(refused("postgres://u@h/d?sslcrl=x").starts_with("sslcrl is not supported"));
    assert!(refused("postgres://u@h/d?sslpassword=x").starts_with("sslpassword is not supported"));
    assert!(refused("postgres://u@h/d?target_session_attrs=standby").starts_with("target_session_attrs: "));
    let service = |name: &str| (name == "PGSERVICE").then(|| "shop".to_owned());
    let error = Address::parse("postgres://u@h/d", &service).unwrap_err();
    assert!(error.to_string().starts_with("PGSERVICE is not supported"));
    let prefer = |name: &str| (name == "PGGSSENCMODE").then(|| "prefer".to_owned());
    assert!(Address::parse("postgres://u@h/d?gssencmode=disable", &prefer).is_ok());
}

#[test]
fn user_and_database_have_no_default() {
    assert!(refused("postgres://h/d").contains("names no user"));
    assert!(refused("postgres://u@h").contains("names no database"));
    assert_eq!(parse("user=u dbname=d").hosts[0].name, "localhost");
}

#[test]
fn certificates_and_modes_belong_together() {
    let mode = |query: &str| parse(&format!("postgres://u@h/d?{query}")).ssl_mode();
    assert_eq!(mode(""), SslMode::Prefer);
    assert_eq!(mode("sslmode=require"), SslMode::Require);
    assert_eq!(mode("sslmode=require&sslrootcert=ca.pem"), SslMode::VerifyCa);
    assert_eq!(mode("sslrootcert=system"), SslMode::VerifyFull);
    assert!(refused("postgres://u@h/d?sslmode=verify-full").starts_with("sslrootcert: "));
    assert!(refused("postgres://u@h/d?sslmode=require&sslrootcert=system").starts_with("sslmode: "));
    assert!(refused("postgres://u@h/d?sslcert=x").starts_with("sslcert: "));
    assert!(refused("postgres://u@h/d?sslmode=maybe").starts_with("sslmode: "));
    assert!(refused("postgres://u@h/d?sslnegotiation=direct").starts_with("sslnegotiation: "));
}

#[test]
fn keepalives_are_on() {
    let ours = parse("postgres://u@h/d").keepalive.unwrap();
    assert_eq!((ours.idle.as_secs(), ours.interval.as_secs(), ours.count), (30, 10, 6));
    assert_eq!(parse("postgres://u@h/d?keepalives=0").keepalive, None);
    let given = parse("postgres://u@h/d?keepalives_idle=5&keepalives_count=2").keepalive.unwrap();
    assert_eq!((given.idle.as_secs(), given.interval.as_secs(), given.count), (5, 10, 2));
    assert!(refused("postgres://u@h/d?keepalives_idle=soon").starts_with("keepalives_idle: "));
}

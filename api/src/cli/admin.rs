//! `fixstream admin`: what operators register. Works beside a running hub, which follows within a second.

use clap::{Args, Subcommand, ValueEnum};
use fixstream_core::clock;
use fixstream_core::model::{ClientId, DeviceId, LinkId, TimeMs, TrackerId};
use fixstream_core::registry::{
    ApiKeyInfo, Contact, NewApiKey, NewDevice, NewTracker, Registry, Role, Scope, UnknownTracker,
};

use super::{Common, Failure};
use crate::plugins::Store;

const DAY_MS: i64 = 86_400_000;

/// `fixstream admin …`
#[derive(Debug, Args)]
pub struct AdminArgs {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print everything that is registered (no secrets)
    List,
    /// Register a client (tenant)
    Client {
        /// Name
        name: String,
    },
    /// Register a vendor (the name of its plugin)
    Vendor {
        /// Name
        name: String,
    },
    /// Tie a client to a vendor
    Link {
        /// Client id
        #[arg(long)]
        client: u32,
        /// Vendor name
        #[arg(long)]
        vendor: String,
        /// What happens with messages of trackers that are not registered
        #[arg(long, value_enum, default_value_t = Unknown::Reject)]
        unknown: Unknown,
        /// Version of the vendor's plugin that its messages get, whichever is active
        #[arg(long, value_name = "VERSION")]
        pin: Option<String>,
    },
    /// Keep a version of the vendor's plugin for the messages of a link, or with no version give it the active one again
    Pin {
        /// Link id
        #[arg(long)]
        link: u32,
        /// Version that is installed
        version: Option<String>,
    },
    /// Make an API key; the secret is printed once
    Key {
        /// Name of the key
        name: String,
        /// Client id
        #[arg(long)]
        client: u32,
        /// Link id that requests with this key use
        #[arg(long)]
        link: Option<u32>,
        /// What the key may do
        #[arg(long, value_enum, value_delimiter = ',', default_value = "read,write")]
        scopes: Vec<ScopeArg>,
        /// Days until it is refused; without them it does not expire
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
        expires_in: Option<u32>,
        /// E-mail address of who answers for it
        #[arg(long)]
        email: Option<String>,
        /// Phone number of who answers for it
        #[arg(long)]
        phone: Option<String>,
    },
    /// Print API keys with their times, revoked and expired ones too (no secrets)
    Keys {
        /// Client id; without it, of all clients
        #[arg(long)]
        client: Option<u32>,
    },
    /// Take an API key back
    RevokeKey {
        /// Key id
        id: u32,
    },
    /// Make an MQTT credential; the password is printed once
    Credential {
        /// MQTT user name
        username: String,
        /// Client id
        #[arg(long)]
        client: u32,
        /// Link id; bounds the vendor
        #[arg(long)]
        link: Option<u32>,
        /// Publishes only as this tracker (id)
        #[arg(long, conflicts_with_all = ["gateway", "app"])]
        tracker: Option<u32>,
        /// Publishes for all trackers of the client
        #[arg(long)]
        gateway: bool,
        /// Subscribes to the client's uplinks and sends downlinks
        #[arg(long, conflicts_with = "gateway")]
        app: bool,
        /// Password, instead of a random one
        #[arg(long, env = "FIXSTREAM_PASSWORD", hide_env_values = true)]
        password: Option<String>,
    },
    /// Add a device type
    DeviceType {
        /// Name
        name: String,
        /// Code
        code: String,
    },
    /// Register a tracker
    Tracker {
        /// Client id
        #[arg(long)]
        client: u32,
        /// IMEI or other identifier that it sends
        #[arg(long)]
        imei: Option<String>,
        /// Setting for the decoder, such as model=NT20
        #[arg(long = "set", value_parser = pair, value_name = "KEY=VALUE")]
        context: Vec<(String, String)>,
        /// Name
        name: String,
    },
    /// Register a device
    Device {
        /// Client id
        #[arg(long)]
        client: u32,
        /// Link id
        #[arg(long)]
        link: u32,
        /// Tracker id
        #[arg(long)]
        tracker: u32,
        /// Device type id
        #[arg(long = "type", default_value_t = 1)]
        device_type: u32,
        /// Plate or other code
        #[arg(long)]
        code: Option<String>,
        /// Chassis number or other unique code
        #[arg(long)]
        uuid: Option<String>,
        /// Name
        name: String,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Unknown {
    /// Keep as a dead letter
    Reject,
    /// Keep as a dead letter until the tracker is registered
    Hold,
    /// Create tracker and device
    AutoRegister,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ScopeArg {
    Read,
    Write,
    Admin,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// Runs it.
pub(super) async fn admin(args: AdminArgs) -> Result<(), Failure> {
    let config = args.common.load()?;
    std::fs::create_dir_all(&config.data)
        .map_err(|error| format!("data folder {}: {error}", config.data.display()))?;
    let registry = Registry::open(&config.registry()).await?;
    let plugins = Store::open(config.plugin_folder())?;
    match args.command {
        Command::List => list(&registry).await?,
        Command::Client { name } => {
            let client = registry.create_client(&name).await?;
            println!(
                "client {} {:?} instance {}",
                client.id, client.name, client.instance
            );
        }
        Command::Vendor { name } => {
            registry.create_vendor(&name).await?;
            println!("vendor {name}");
        }
        Command::Link {
            client,
            vendor,
            unknown,
            pin,
        } => {
            let unknown = match unknown {
                Unknown::Reject => UnknownTracker::Reject,
                Unknown::Hold => UnknownTracker::Hold,
                Unknown::AutoRegister => UnknownTracker::AutoRegister,
            };
            if let Some(version) = &pin {
                plugins.is_kept(&vendor, version)?;
            }
            let mut link = registry.create_link(ClientId(client), &vendor, unknown).await?;
            if pin.is_some() {
                link = registry.pin_link(link.client, link.id, pin.as_deref()).await?;
            }
            println!("link {} client {} vendor {}", link.id, link.client, link.vendor);
        }
        Command::Pin { link, version } => {
            let known = registry
                .link(LinkId(link))
                .ok_or_else(|| format!("there is no link {link}"))?;
            if let Some(version) = &version {
                plugins.is_kept(&known.vendor, version)?;
            }
            registry
                .pin_link(known.client, known.id, version.as_deref())
                .await?;
            match version {
                Some(version) => println!("link {link} keeps {} {version}", known.vendor),
                None => println!("link {link} gets the active version of {}", known.vendor),
            }
        }
        Command::Key {
            name,
            client,
            link,
            scopes,
            expires_in,
            email,
            phone,
        } => {
            let scopes: Vec<Scope> = scopes
                .into_iter()
                .map(|scope| match scope {
                    ScopeArg::Read => Scope::Read,
                    ScopeArg::Write => Scope::Write,
                    ScopeArg::Admin => Scope::Admin,
                })
                .collect();
            let new = NewApiKey {
                name,
                link: link.map(LinkId),
                scopes,
                expires: expires_in.map(|days| TimeMs(clock::now().0 + i64::from(days) * DAY_MS)),
                contact: Contact { email, phone },
            };
            let (ApiKeyInfo { key, .. }, secret) = registry.create_key(ClientId(client), new).await?;
            println!("key {} {:?} client {}\n{secret}", key.id, key.name, key.client);
        }
        Command::Keys { client } => {
            for info in registry.api_keys(client.map(ClientId)).await? {
                println!("{}", key_line(&info));
            }
        }
        Command::RevokeKey { id } => {
            registry.revoke_api_key(id).await?;
            println!("key {id} revoked");
        }
        Command::Credential {
            username,
            client,
            link,
            tracker,
            gateway,
            app,
            password,
        } => {
            let role = match (tracker, gateway, app) {
                (Some(tracker), false, false) => Role::Tracker(TrackerId(tracker)),
                (None, true, false) => Role::Gateway,
                (None, false, true) => Role::App,
                _ => return Err("say what the credential is for: --tracker ID, --gateway or --app".into()),
            };
            let (credential, password) = registry
                .create_credential(
                    &username,
                    password.as_deref(),
                    ClientId(client),
                    link.map(LinkId),
                    role,
                )
                .await?;
            println!(
                "credential {} {:?} client {}\n{password}",
                credential.id, credential.username, credential.client
            );
        }
        Command::DeviceType { name, code } => {
            let device_type = registry.create_device_type(&name, &code).await?;
            println!(
                "device type {} {:?} {}",
                device_type.id, device_type.name, device_type.code
            );
        }
        Command::Tracker {
            client,
            imei,
            context,
            name,
        } => {
            let new = NewTracker {
                name,
                description: None,
                imei,
                status: "active".into(),
                context,
            };
            let tracker = registry.create_tracker(ClientId(client), new).await?;
            println!(
                "tracker {} {:?} imei {}",
                tracker.id,
                tracker.name,
                tracker.imei.as_deref().unwrap_or("-")
            );
        }
        Command::Device {
            client,
            link,
            tracker,
            device_type,
            code,
            uuid,
            name,
        } => {
            let new = NewDevice {
                tracker: TrackerId(tracker),
                worksite: 1,
                team: 1,
                name,
                device_type,
                code,
                uuid,
                status: "active".into(),
            };
            let device = registry
                .create_device(ClientId(client), LinkId(link), new)
                .await?;
            println!(
                "device {} {:?} tracker {}",
                device.id, device.name, device.tracker
            );
        }
    }
    Ok(())
}

async fn list(registry: &Registry) -> Result<(), Failure> {
    for vendor in registry.vendors() {
        println!("vendor {vendor}");
    }
    for device_type in registry.device_types() {
        println!(
            "device type {} {:?} {}",
            device_type.id, device_type.name, device_type.code
        );
    }
    for client in registry.clients() {
        println!(
            "client {} {:?} instance {}",
            client.id, client.name, client.instance
        );
        for link in registry.links(client.id) {
            println!(
                "  link {} vendor {} unknown {:?}{}",
                link.id,
                link.vendor,
                link.unknown,
                link.pin
                    .as_deref()
                    .map_or_else(String::new, |version| format!(" keeps version {version}"))
            );
        }
        for info in registry.api_keys(Some(client.id)).await? {
            let (key, revoked) = (&info.key, if info.revoked.is_some() { " revoked" } else { "" });
            println!(
                "  key {} {:?} link {} scopes {:?}{revoked}",
                key.id,
                key.name,
                shown(key.link),
                key.scopes
            );
        }
        for credential in registry.credentials(Some(client.id)).await? {
            println!(
                "  credential {} {:?} link {} {}",
                credential.id,
                credential.username,
                shown(credential.link),
                role(credential.role)
            );
        }
        for tracker in registry.trackers(client.id) {
            let device = tracker
                .device
                .map_or_else(|| "-".to_owned(), |DeviceId(id)| id.to_string());
            println!(
                "  tracker {} {:?} imei {} device {device}",
                tracker.id,
                tracker.name,
                tracker.imei.as_deref().unwrap_or("-")
            );
        }
    }
    Ok(())
}

/// A key with its times and who answers for it.
fn key_line(info: &ApiKeyInfo) -> String {
    let time = |time: Option<TimeMs>| time.and_then(moment).unwrap_or_else(|| "-".to_owned());
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let scopes: Vec<&str> = info.key.scopes.iter().map(|scope| scope.name()).collect();
    format!(
        "key {} {:?} client {} link {} scopes {} created {} expires {} revoked {} last used {} email {} phone {}",
        info.key.id,
        info.key.name,
        info.key.client,
        shown(info.key.link),
        scopes.join(","),
        time(Some(info.created)),
        time(info.expires),
        time(info.revoked),
        time(info.last_used),
        text(&info.contact.email),
        text(&info.contact.phone),
    )
}

fn moment(time: TimeMs) -> Option<String> {
    let second = time::OffsetDateTime::from_unix_timestamp(time.0.div_euclid(1000)).ok()?;
    second.format(&time::format_description::well_known::Rfc3339).ok()
}

fn role(role: Role) -> String {
    match role {
        Role::Tracker(tracker) => format!("tracker {tracker}"),
        Role::Gateway => "gateway".into(),
        Role::App => "app".into(),
    }
}

fn shown(link: Option<LinkId>) -> String {
    link.map_or_else(|| "-".to_owned(), |link| link.to_string())
}

//! The businesses, their agents, and the members who write to them.

use crate::json::{self, Script, Uuid};
use crate::options::Options;
use crate::rng::{Purpose, Rng};

const FIRST_NAMES: [&str; 36] = [
    "Amélie",
    "Bartosz",
    "Camila",
    "Dagný",
    "Efua",
    "Farid",
    "Giulia",
    "Håkon",
    "Ines",
    "Jonas",
    "Katya",
    "Luca",
    "Mina",
    "Niamh",
    "Olga",
    "Pedro",
    "Quinn",
    "Rosa",
    "Stefan",
    "Thị Mai",
    "Uma",
    "Viktor",
    "Wanda",
    "Xavier",
    "Yara",
    "Zoltán",
    "Björn",
    "Chloé",
    "Emeka",
    "Grace",
    "Hugo",
    "Leïla",
    "Matteo",
    "Nora",
    "Samir",
    "Tove",
];

const LAST_NAMES: [&str; 34] = [
    "Abbott",
    "Bergström",
    "Castro",
    "Dąbrowski",
    "Eriksen",
    "Ferreira",
    "Gruber",
    "Hughes",
    "Ibrahim",
    "Jansen",
    "Kovács",
    "Lindqvist",
    "Moreau",
    "Núñez",
    "O'Connor",
    "Petrov",
    "Quispe",
    "Ricci",
    "Sørensen",
    "Takahashi",
    "Underwood",
    "van der Meer",
    "Weiß",
    "Xu",
    "Young",
    "Zieliński",
    "Adeyemi",
    "Bose",
    "Çelik",
    "D'Angelo",
    "Ekström",
    "Fournier",
    "Grigorescu",
    "Horvat",
];

/// Names that break careless readers and writers of JSON.
const HARD_NAMES: [&str; 8] =
    ["佐藤 花子", "王小明", "Ольга Смирнова", "ليلى حسن", "박지훈", "Sam \"Sunny\" Okoro", "🌻 Flora", "Team\\North"];

const TOKEN_LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A business.
#[derive(Debug)]
pub(crate) struct Tenant {
    /// Airship's business id.
    pub(crate) business: Uuid,
    /// Airship's app key, the shortcode of conversations in the app.
    pub(crate) app_key: Vec<u8>,
    /// The sender number, the shortcode of SMS conversations.
    pub(crate) sender: Vec<u8>,
    /// SuperOffice's ContextIdentifier.
    pub(crate) context: Vec<u8>,
    /// How its sender writes characters outside ASCII.
    pub(crate) script: Script,
    /// Its agents, at least one.
    pub(crate) agents: Vec<Agent>,
}

/// An agent.
#[derive(Debug)]
pub(crate) struct Agent {
    /// Airship's agent id.
    pub(crate) id: Uuid,
    /// The full name, escaped.
    pub(crate) name: Vec<u8>,
    /// The first name, escaped.
    pub(crate) first_name: Vec<u8>,
    /// SuperOffice's UserId.
    pub(crate) user_id: u64,
}

/// All businesses, with the agents distributed round-robin.
pub(crate) fn cast(options: &Options) -> Vec<Tenant> {
    let mut rng = Rng::new(options.seed, Purpose::Cast, 0);
    let mut tenants: Vec<Tenant> = (0..options.tenants).map(|n| tenant(&mut rng, n)).collect();
    let mut names: Vec<usize> = (0..FIRST_NAMES.len() * LAST_NAMES.len()).collect();
    for last in (1..names.len()).rev() {
        names.swap(last, rng.index(last + 1));
    }
    for n in 0..options.agents.max(options.tenants) {
        let tenant = &mut tenants[(n % options.tenants) as usize];
        let name = names[n as usize % names.len()];
        let agent = agent(&mut rng, n, name, n as usize / names.len(), tenant.script);
        tenant.agents.push(agent);
    }
    tenants
}

fn tenant(rng: &mut Rng, n: u32) -> Tenant {
    let context = if n == 0 { "Default".to_owned() } else { format!("Cust{}", 10_000 + 37 * n) };
    Tenant {
        business: json::uuid(rng.bits(), rng.bits()),
        app_key: (0..22).map(|_| rng.pick(TOKEN_LETTERS)).collect(),
        sender: rng.between(10_000, 999_999).to_string().into_bytes(),
        context: context.into_bytes(),
        script: if n.is_multiple_of(2) { Script::Utf8 } else { Script::Ascii },
        agents: Vec::new(),
    }
}

/// An agent with a unique name: when all pairs of names are used, a number is added.
fn agent(rng: &mut Rng, n: u32, name: usize, round: usize, script: Script) -> Agent {
    let first = FIRST_NAMES[name % FIRST_NAMES.len()];
    let last = LAST_NAMES[name / FIRST_NAMES.len()];
    let full = match round {
        0 => format!("{first} {last}"),
        _ => format!("{first} {last} {}", round + 1),
    };
    Agent {
        id: json::uuid(rng.bits(), rng.bits()),
        name: escaped(&full, script),
        first_name: escaped(first, script),
        user_id: 301 + u64::from(n),
    }
}

/// The device that a member uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Device {
    /// A phone, by SMS.
    Sms,
    /// The app on Android.
    Android,
    /// The app on iOS.
    Ios,
}

/// A member: a person who writes to a business.
#[derive(Debug)]
pub(crate) struct Member {
    /// Number of the member, from 0.
    pub(crate) serial: u64,
    /// Index of the business that the member writes to.
    pub(crate) tenant: usize,
    /// Airship's id of the member at the business.
    pub(crate) id: Uuid,
    /// The name, escaped; `Unknown` if the business does not know it.
    pub(crate) name: Vec<u8>,
    /// Form of address, escaped.
    pub(crate) first_name: Vec<u8>,
    /// Airship's channel id.
    pub(crate) channel: Uuid,
    /// Phone number, or device and channel.
    pub(crate) number: Vec<u8>,
    /// The device that the member uses.
    pub(crate) device: Device,
}

impl Member {
    /// The member with this number: a function of seed and number, so that members need not be stored.
    pub(crate) fn new(options: &Options, tenants: &[Tenant], serial: u64) -> Self {
        let mut rng = Rng::new(options.seed, Purpose::Member, serial);
        let tenant = rng.index(tenants.len());
        let (name, first_name) = member_name(&mut rng, tenants[tenant].script);
        let id = json::uuid(rng.bits(), rng.bits());
        let channel = json::uuid(rng.bits(), rng.bits());
        let device = device(&mut rng, options.sms);
        Self { serial, tenant, id, name, first_name, channel, number: number(&mut rng, device, &channel), device }
    }
}

fn member_name(rng: &mut Rng, script: Script) -> (Vec<u8>, Vec<u8>) {
    match rng.below(100) {
        0..30 => (b"Unknown".to_vec(), b"there".to_vec()),
        30..36 => {
            let name = escaped(rng.pick(&HARD_NAMES), script);
            (name.clone(), name)
        }
        _ => {
            let first = rng.pick(&FIRST_NAMES);
            let full = format!("{first} {}", rng.pick(&LAST_NAMES));
            (escaped(&full, script), escaped(first, script))
        }
    }
}

fn device(rng: &mut Rng, sms: f64) -> Device {
    let android = rng.chance(0.55);
    match (rng.chance(sms), android) {
        (true, _) => Device::Sms,
        (false, true) => Device::Android,
        (false, false) => Device::Ios,
    }
}

/// A phone number of the block reserved for fiction, or the device's name and channel.
fn number(rng: &mut Rng, device: Device, channel: &Uuid) -> Vec<u8> {
    let phone = format!("1{}5550{}", rng.between(201, 989), rng.between(100, 199));
    match device {
        Device::Sms => phone.into_bytes(),
        Device::Android => [b"Android_".as_slice(), channel].concat(),
        Device::Ios => [b"iOS_".as_slice(), channel].concat(),
    }
}

fn escaped(text: &str, script: Script) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    json::escape(&mut out, text, script);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_tenant_has_agents_and_no_two_agents_share_a_name() {
        let options = Options { agents: 3000, tenants: 7, ..Options::default() };
        let tenants = cast(&options);
        let agents: Vec<&Agent> = tenants.iter().flat_map(|t| &t.agents).collect();
        assert_eq!(agents.len(), 3000);
        let names: HashSet<&[u8]> = agents.iter().map(|a| a.id.as_slice()).collect();
        assert_eq!(names.len(), 3000);
        for tenant in &tenants {
            let names: HashSet<&[u8]> = tenant.agents.iter().map(|a| a.name.as_slice()).collect();
            assert_eq!(names.len(), tenant.agents.len());
        }
    }

    #[test]
    fn every_tenant_gets_at_least_one_agent() {
        let options = Options { agents: 1, tenants: 5, ..Options::default() };
        assert!(cast(&options).iter().all(|t| t.agents.len() == 1));
    }

    #[test]
    fn a_member_is_always_the_same() {
        let options = Options::default();
        let tenants = cast(&options);
        let (one, again) = (Member::new(&options, &tenants, 5), Member::new(&options, &tenants, 5));
        assert_eq!((one.id, one.name, one.number), (again.id, again.name, again.number));
        assert_ne!(one.id, Member::new(&options, &tenants, 6).id);
    }
}

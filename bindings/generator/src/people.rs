//! Who takes part: the businesses, their agents, and the members who write to them.

use super::dice::{Dice, Purpose};
use super::json::{self, Script, Uuid};
use super::options::GenerateOptions;

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

/// Names that a careless reader or writer of JSON breaks.
const HARD_NAMES: [&str; 8] =
    ["佐藤 花子", "王小明", "Ольга Смирнова", "ليلى حسن", "박지훈", "Sam \"Sunny\" Okoro", "🌻 Flora", "Team\\North"];

const TOKEN_LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// One business.
#[derive(Debug)]
pub(super) struct Tenant {
    /// Airship's business id.
    pub(super) business: Uuid,
    /// Airship's app key: the shortcode of conversations in the app.
    pub(super) app_key: Vec<u8>,
    /// The sender number: the shortcode of conversations over SMS.
    pub(super) sender: Vec<u8>,
    /// SuperOffice's ContextIdentifier.
    pub(super) context: Vec<u8>,
    /// How its sender writes what is not ASCII.
    pub(super) script: Script,
    /// Those who answer; at least one.
    pub(super) agents: Vec<Agent>,
}

/// One who answers.
#[derive(Debug)]
pub(super) struct Agent {
    /// Airship's agent id.
    pub(super) id: Uuid,
    /// The full name, escaped.
    pub(super) name: Vec<u8>,
    /// The first name, escaped.
    pub(super) first_name: Vec<u8>,
    /// SuperOffice's UserId.
    pub(super) user_id: u64,
}

/// All businesses, each with its agents dealt out in turn.
pub(super) fn cast(options: &GenerateOptions) -> Vec<Tenant> {
    let mut dice = Dice::new(options.seed, Purpose::Cast, 0);
    let mut tenants: Vec<Tenant> = (0..options.tenants).map(|n| tenant(&mut dice, n)).collect();
    let mut names: Vec<usize> = (0..FIRST_NAMES.len() * LAST_NAMES.len()).collect();
    for place in (1..names.len()).rev() {
        names.swap(place, dice.place(place + 1));
    }
    for n in 0..options.agents.max(options.tenants) {
        let tenant = &mut tenants[(n % options.tenants) as usize];
        let name = names[n as usize % names.len()];
        let agent = agent(&mut dice, n, name, n as usize / names.len(), tenant.script);
        tenant.agents.push(agent);
    }
    tenants
}

fn tenant(dice: &mut Dice, n: u32) -> Tenant {
    let context = if n == 0 { "Default".to_owned() } else { format!("Cust{}", 10_000 + 37 * n) };
    Tenant {
        business: json::uuid(dice.bits(), dice.bits()),
        app_key: (0..22).map(|_| dice.pick(TOKEN_LETTERS)).collect(),
        sender: dice.between(10_000, 999_999).to_string().into_bytes(),
        context: context.into_bytes(),
        script: if n.is_multiple_of(2) { Script::Utf8 } else { Script::Ascii },
        agents: Vec::new(),
    }
}

/// An agent whose name no other agent has: once all pairs of names are used up, they get a number.
fn agent(dice: &mut Dice, n: u32, name: usize, round: usize, script: Script) -> Agent {
    let first = FIRST_NAMES[name % FIRST_NAMES.len()];
    let last = LAST_NAMES[name / FIRST_NAMES.len()];
    let full = match round {
        0 => format!("{first} {last}"),
        _ => format!("{first} {last} {}", round + 1),
    };
    Agent {
        id: json::uuid(dice.bits(), dice.bits()),
        name: escaped(&full, script),
        first_name: escaped(first, script),
        user_id: 301 + u64::from(n),
    }
}

/// What a member writes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Device {
    /// A phone, by text message.
    Sms,
    /// The app on Android.
    Android,
    /// The app on iOS.
    Ios,
}

/// One who asks.
#[derive(Debug)]
pub(super) struct Member {
    /// Which member this is, counted from 0.
    pub(super) serial: u64,
    /// The business the member writes to, by its place in the cast.
    pub(super) tenant: usize,
    /// Airship's id of the member at the business.
    pub(super) id: Uuid,
    /// The name, escaped; `Unknown` where the business knows none.
    pub(super) name: Vec<u8>,
    /// How one would address the member, escaped.
    pub(super) first_name: Vec<u8>,
    /// Airship's channel id.
    pub(super) channel: Uuid,
    /// The phone number, or device and channel.
    pub(super) number: Vec<u8>,
    /// What the member writes with.
    pub(super) device: Device,
}

impl Member {
    /// The `serial`th member. A function of seed and serial, so that nobody has to be remembered.
    pub(super) fn new(options: &GenerateOptions, tenants: &[Tenant], serial: u64) -> Self {
        let mut dice = Dice::new(options.seed, Purpose::Member, serial);
        let tenant = dice.place(tenants.len());
        let (name, first_name) = member_name(&mut dice, tenants[tenant].script);
        let id = json::uuid(dice.bits(), dice.bits());
        let channel = json::uuid(dice.bits(), dice.bits());
        let device = device(&mut dice, options.sms);
        Self { serial, tenant, id, name, first_name, channel, number: number(&mut dice, device, &channel), device }
    }
}

fn member_name(dice: &mut Dice, script: Script) -> (Vec<u8>, Vec<u8>) {
    match dice.below(100) {
        0..30 => (b"Unknown".to_vec(), b"there".to_vec()),
        30..36 => {
            let name = escaped(dice.pick(&HARD_NAMES), script);
            (name.clone(), name)
        }
        _ => {
            let first = dice.pick(&FIRST_NAMES);
            let full = format!("{first} {}", dice.pick(&LAST_NAMES));
            (escaped(&full, script), escaped(first, script))
        }
    }
}

fn device(dice: &mut Dice, sms: f64) -> Device {
    let android = dice.chance(0.55);
    match (dice.chance(sms), android) {
        (true, _) => Device::Sms,
        (false, true) => Device::Android,
        (false, false) => Device::Ios,
    }
}

/// A phone number of the block kept free for fiction, or the device's name and channel.
fn number(dice: &mut Dice, device: Device, channel: &Uuid) -> Vec<u8> {
    let phone = format!("1{}5550{}", dice.between(201, 989), dice.between(100, 199));
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
        let options = GenerateOptions { agents: 3000, tenants: 7, ..GenerateOptions::default() };
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
    fn a_tenant_without_its_share_of_agents_gets_one_all_the_same() {
        let options = GenerateOptions { agents: 1, tenants: 5, ..GenerateOptions::default() };
        assert!(cast(&options).iter().all(|t| t.agents.len() == 1));
    }

    #[test]
    fn a_member_is_always_the_same() {
        let options = GenerateOptions::default();
        let tenants = cast(&options);
        let (one, again) = (Member::new(&options, &tenants, 5), Member::new(&options, &tenants, 5));
        assert_eq!((one.id, one.name, one.number), (again.id, again.name, again.number));
        assert_ne!(one.id, Member::new(&options, &tenants, 6).id);
    }
}

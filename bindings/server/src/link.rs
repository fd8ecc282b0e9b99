//! Links to the lists behind numbers.

/// The link to a list of conversations.
pub(crate) fn link<'a>(conditions: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut link = String::from("/api/v1/conversations");
    for (number, (name, value)) in conditions.into_iter().enumerate() {
        link.push(if number == 0 { '?' } else { '&' });
        link.push_str(name);
        link.push('=');
        push_encoded(&mut link, value);
    }
    link
}

/// The page of a conversation, under the address of the server.
pub(crate) fn of_page(server: &str, id: &str) -> String {
    let mut link = format!("{}/c/", server.trim_end_matches('/'));
    push_encoded(&mut link, id);
    link
}

fn push_encoded(link: &mut String, value: &str) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            link.push(char::from(byte));
        } else {
            link.push_str(&format!("%{byte:02X}"));
        }
    }
}

/// The condition of a tenant, or of none.
pub(crate) fn of_tenant(tenant: Option<&str>) -> (&'static str, &str) {
    tenant.map_or(("no_tenant", "true"), |tenant| ("tenant", tenant))
}

/// The condition of an agent with this id and name, or of nobody.
pub(crate) fn of_agent<'a>(agent: Option<(Option<&'a str>, Option<&'a str>)>) -> (&'static str, &'a str) {
    match agent {
        None => ("unassigned", "true"),
        Some((Some(id), _)) => ("agent_id", id),
        Some((None, name)) => ("agent_name", name.unwrap_or_default()),
    }
}

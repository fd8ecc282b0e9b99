//! A line of a log as types, as far as convofold's fold looks at it: Airship in both envelopes, and SuperOffice.
//!
//! Texts are borrowed from the line unless they hold escapes. Everything else is skipped by the parser.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Visitor};

/// A text of the line. serde borrows a bare `Cow` only, not one in an `Option`, so this one does it itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text<'a>(pub Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts;
        impl<'de> Visitor<'de> for Texts {
            type Value = Text<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }

            fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text)))
            }
        }
        deserializer.deserialize_str(Texts)
    }
}

/// Makes a struct of optional fields that are borrowed from the line, with a sum that needs every one of them.
macro_rules! fields {
    ($(#[$about:meta])* $name:ident { $($field:ident: $type:ty = $key:literal),* $(,)? }) => {
        $(#[$about])*
        #[derive(Debug, Default, serde::Deserialize)]
        #[expect(missing_docs, reason = "the fields are those of the sources")]
        pub struct $name<'a> {
            $(#[serde(borrow, default, rename = $key)] pub $field: Option<$type>,)*
        }

        impl Touch for $name<'_> {
            fn touch(&self) -> u64 {
                0 $(+ self.$field.as_ref().map_or(0, Touch::touch))*
            }
        }
    };
}

/// What can be looked at, so that nothing of the parsing can be left out.
pub trait Touch {
    /// A number that needs every field.
    fn touch(&self) -> u64;
}

impl Touch for Text<'_> {
    fn touch(&self) -> u64 {
        self.0.len() as u64 + u64::from(self.0.as_bytes().last().copied().unwrap_or_default())
    }
}

fields! {
    /// The top of a line, of whichever source.
    Line {
        id: Text<'a> = "id",
        kind: Text<'a> = "type",
        occurred: Text<'a> = "occurred",
        body: Body<'a> = "body",
        event_id: Text<'a> = "EventId",
        timestamp: Text<'a> = "Timestamp",
        event: Text<'a> = "Event",
        primary_key: Number<'a> = "PrimaryKey",
        context: Text<'a> = "ContextIdentifier",
        session: Session<'a> = "FieldValues",
    }
}

fields! {
    /// Airship's body.
    Body {
        name: Text<'a> = "name",
        interaction_type: Text<'a> = "interaction_type",
        transaction: Text<'a> = "transaction",
        properties: Properties<'a> = "properties",
    }
}

fields! {
    /// What is in Airship's body.
    Properties { convo: Convo<'a> = "convo", message: Message<'a> = "message" }
}

fields! {
    /// An opening or closing.
    Convo {
        member_business_id: Text<'a> = "member_business_id",
        member_name: Text<'a> = "member_name",
        member_number: Text<'a> = "member_number",
        shortcode: Text<'a> = "shortcode",
        business_id: Text<'a> = "business_id",
        started: Text<'a> = "started_timestamp",
        last_message: Text<'a> = "last_message",
        last_direction: Text<'a> = "last_message_direction",
        unread: Text<'a> = "message_count_since_last_accessed",
        last_active: Text<'a> = "last_active_timestamp",
        agent_id: Text<'a> = "agent_id",
        agent_name: Text<'a> = "agent_name",
    }
}

fields! {
    /// A message.
    Message {
        timestamp: Text<'a> = "timestamp",
        business_id: Text<'a> = "business_id",
        agent_id: Text<'a> = "agent_id",
        agent_name: Text<'a> = "agent_name",
        member_business_id: Text<'a> = "member_business_id",
        number: Text<'a> = "number",
        shortcode: Text<'a> = "shortcode",
        app_key: Text<'a> = "airship_app_key",
        channel_id: Text<'a> = "airship_channel_id",
        text: Text<'a> = "message",
    }
}

fields! {
    /// SuperOffice's fields of a session.
    Session {
        alert_level: Text<'a> = "alert_level",
        chatbot_isactive: Text<'a> = "chatbot_isactive",
        consented: Text<'a> = "consented",
        contact_id: Text<'a> = "contact_id",
        customer_alias: Text<'a> = "customer_alias",
        customer_id: Text<'a> = "customer_id",
        project_id: Text<'a> = "project_id",
        rating: Text<'a> = "rating",
        sale_id: Text<'a> = "sale_id",
        status: Text<'a> = "status",
        ticket_id: Text<'a> = "ticket_id",
        topic_id: Text<'a> = "topic_id",
        user_id: Text<'a> = "user_id",
    }
}

/// A whole number. The lifetime is there so that all fields are alike.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(transparent)]
pub struct Number<'a> {
    number: i64,
    #[serde(skip)]
    _line: std::marker::PhantomData<&'a ()>,
}

impl Touch for Number<'_> {
    fn touch(&self) -> u64 {
        self.number.unsigned_abs()
    }
}

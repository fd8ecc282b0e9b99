//! A line of a log as types, with the fields that convofold's fold reads: Airship in both envelopes, and SuperOffice.
//!
//! Texts are borrowed from the line unless they contain escapes. The parser skips everything else.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Visitor};

/// A text of the line. serde borrows a plain `Cow`, but not one in an `Option`, so this type implements it.
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

/// Makes a struct of optional fields that are borrowed from the line, with a sum over all of them.
macro_rules! fields {
    ($(#[$about:meta])* $name:ident { $($field:ident: $type:ty = $key:literal $(or $alias:literal)?),* $(,)? }) => {
        $(#[$about])*
        #[derive(Debug, Default, serde::Deserialize)]
        #[expect(missing_docs, reason = "the fields are those of the sources")]
        pub struct $name<'a> {
            $(#[serde(borrow, default, rename = $key $(, alias = $alias)?)] pub $field: Option<$type>,)*
        }

        impl Touch for $name<'_> {
            fn touch(&self) -> u64 {
                0 $(+ self.$field.as_ref().map_or(0, Touch::touch))*
            }
        }
    };
}

/// A value with a sum over all of its content, so that the compiler cannot remove the parsing.
pub trait Touch {
    /// A number that depends on every field.
    fn touch(&self) -> u64;
}

impl Touch for Text<'_> {
    fn touch(&self) -> u64 {
        self.0.len() as u64 + u64::from(self.0.as_bytes().last().copied().unwrap_or_default())
    }
}

fields! {
    /// The top level of a line, for all sources.
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
    /// The body of an Airship event.
    Body {
        name: Text<'a> = "name",
        interaction_type: Text<'a> = "interaction_type",
        transaction: Text<'a> = "transaction",
        properties: Properties<'a> = "properties",
    }
}

fields! {
    /// The content of the body.
    Properties { convo: Convo<'a> = "convo", message: Message<'a> = "message" }
}

fields! {
    /// A convo event.
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
    /// The session fields of SuperOffice.
    Session {
        alert_level: Scalar<'a> = "alert_level" or "AlertLevel",
        chatbot_isactive: Scalar<'a> = "chatbot_isactive" or "ChatbotIsactive",
        consented: Scalar<'a> = "consented" or "Consented",
        contact_id: Scalar<'a> = "contact_id" or "ContactId",
        customer_alias: Scalar<'a> = "customer_alias" or "CustomerAlias",
        customer_id: Scalar<'a> = "customer_id" or "CustomerId",
        project_id: Scalar<'a> = "project_id" or "ProjectId",
        rating: Scalar<'a> = "rating" or "Rating",
        sale_id: Scalar<'a> = "sale_id" or "SaleId",
        status: Scalar<'a> = "status" or "Status",
        ticket_id: Scalar<'a> = "ticket_id" or "TicketId",
        topic_id: Scalar<'a> = "topic_id" or "TopicId",
        user_id: Scalar<'a> = "user_id" or "UserId",
    }
}

/// A text, a number or a boolean: SuperOffice's fields are any of them.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar<'a> {
    /// A text.
    Text(Text<'a>),
    /// An integer.
    Number(i64),
    /// A boolean.
    Truth(bool),
}

impl<'de: 'a, 'a> Deserialize<'de> for Scalar<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Scalars;
        impl<'de> Visitor<'de> for Scalars {
            type Value = Scalar<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string, a whole number, true or false")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Scalar::Text(Text(Cow::Borrowed(text))))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Scalar::Text(Text(Cow::Owned(text.to_owned()))))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
                Ok(Scalar::Number(number))
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Self::Value, E> {
                i64::try_from(number).map(Scalar::Number).map_err(E::custom)
            }

            fn visit_bool<E>(self, truth: bool) -> Result<Self::Value, E> {
                Ok(Scalar::Truth(truth))
            }
        }
        deserializer.deserialize_any(Scalars)
    }
}

impl Touch for Scalar<'_> {
    fn touch(&self) -> u64 {
        match self {
            Self::Text(text) => text.touch(),
            Self::Number(number) => number.unsigned_abs(),
            Self::Truth(truth) => u64::from(*truth),
        }
    }
}

/// An integer. The lifetime makes all fields alike.
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

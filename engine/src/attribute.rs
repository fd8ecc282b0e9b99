//! The attributes of a conversation: texts of which the latest given value counts (rule F8).

/// Calls `$then!` with every attribute in the order of packing, hashing and export: its name in Rust, its name in JSON,
/// and whether the limit on ids applies to it. All code that handles every attribute follows from this list.
///
/// The content hash and the stored form of an event use this order, so a change here needs new versions of both.
#[doc(hidden)]
#[macro_export]
macro_rules! attributes {
    ($then:ident) => {
        $then! {
            /// The member's name.
            MemberName member_name: text,
            /// The member's number: a phone number, or a device with its channel.
            MemberNumber member_number: id,
            /// The member's id at the business.
            MemberBusinessId member_business_id: id,
            /// The member's channel id.
            MemberChannelId member_channel_id: id,
            /// The sender to which the member wrote.
            Shortcode shortcode: id,
            /// Airship's app key.
            AppKey app_key: id,
            /// The business that the conversation belongs to.
            Tenant tenant: id,
        }
    };
}

macro_rules! declare {
    ($($(#[$doc:meta])* $Attribute:ident $name:ident: $limit:ident,)*) => {
        /// An attribute of a conversation. The latest event that gives it decides (rule F8).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Attribute {
            $($(#[$doc])* $Attribute,)*
        }

        $crate::named! { Attribute is a "attribute": $($Attribute stringify!($name)),* }

        impl Attribute {
            /// Whether it is an id, whose length is limited (rule W5).
            #[must_use]
            pub const fn is_id(self) -> bool {
                match self {
                    $(Self::$Attribute => is_id!($limit),)*
                }
            }
        }
    };
}

macro_rules! is_id {
    (id) => {
        true
    };
    (text) => {
        false
    };
}

attributes!(declare);

/// The value of every attribute, in the order of [`Attribute::ALL`].
pub(crate) type Values<'a> = [Option<&'a str>; Attribute::COUNT];

impl Attribute {
    /// The number of attributes.
    pub const COUNT: usize = Self::ALL.len();

    /// The given values; `None` for all other attributes.
    #[cfg_attr(
        not(any(feature = "airship", feature = "superoffice")),
        expect(dead_code, reason = "a host's own source uses the setters")
    )]
    pub(crate) fn values<const N: usize>(given: [(Self, Option<&str>); N]) -> Values<'_> {
        let mut values = [None; Self::COUNT];
        for (attribute, value) in given {
            values[attribute as usize] = value;
        }
        values
    }
}

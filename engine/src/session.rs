//! The field values of a SuperOffice chat session (rules F11 and H2, `session`).

/// Calls `$then!` with every value of a session, in export order: its name and its type. All code that handles every
/// value follows from this list, here and in the Python module.
#[doc(hidden)]
#[macro_export]
macro_rules! session_values {
    ($then:ident) => {
        $then! {
            /// `AlertLevel`; SuperOffice documents no scale.
            alert_level: i64,
            /// `ChatbotIsactive`.
            chatbot_is_active: bool,
            /// `Consented`.
            consented: bool,
            /// `ContactId`.
            contact_id: i64,
            /// `CustomerAlias`, the name that the customer chose.
            customer_alias: String,
            /// `CustomerId`.
            customer_id: i64,
            /// `ProjectId`.
            project_id: i64,
            /// `Rating`.
            rating: i64,
            /// `SaleId`.
            sale_id: i64,
            /// `Status` as a number, including unknown ones.
            status: i64,
            /// `TicketId`.
            ticket_id: i64,
            /// `TopicId`.
            topic_id: i64,
            /// `UserId`.
            user_id: i64,
        }
    };
}

macro_rules! declare {
    ($($(#[$doc:meta])* $name:ident: $type:ty,)*) => {
        /// The field values of a SuperOffice chat session; `None` means not given.
        ///
        /// A setter takes a value or an `Option`: `Session::new().status(6).rating(3)`.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Hash, serde::Serialize)]
        #[non_exhaustive]
        pub struct Session {
            $($(#[$doc])* #[serde(skip_serializing_if = "Option::is_none")] pub $name: Option<$type>,)*
        }

        /// The field values of a SuperOffice session, and whether they are known to be out of date (rule F11).
        #[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[non_exhaustive]
        pub struct SessionState {
            $($(#[$doc])* pub $name: Option<$type>,)*
            /// Whether a `changed` without a usable status came after the latest event with one.
            pub stale: bool,
        }

        impl Session {
            /// A session without values.
            #[must_use]
            pub fn new() -> Self {
                Self::default()
            }

            $crate::setters::setters! {
                $($(#[$doc])* $name: $type,)*
            }

            /// The name and the type of every value, in export order.
            pub const FIELDS: [(&'static str, SessionType); [$(stringify!($name)),*].len()] =
                [$((stringify!($name), <$type as Value>::TYPE)),*];

            /// The numbers, and the booleans as 0 and 1, in export order.
            #[must_use]
            pub fn numbers(&self) -> [Option<i64>; Self::NUMBERS] {
                let mut numbers = [None; Self::NUMBERS];
                let mut places = numbers.iter_mut();
                $(if <$type as Value>::TYPE.is_number() && let Some(place) = places.next() {
                    *place = self.$name.as_ref().and_then(Value::number);
                })*
                numbers
            }

            /// The texts, in export order.
            #[must_use]
            pub fn texts(&self) -> [Option<&str>; Self::TEXTS] {
                let mut texts = [None; Self::TEXTS];
                let mut places = texts.iter_mut();
                $(if !<$type as Value>::TYPE.is_number() && let Some(place) = places.next() {
                    *place = self.$name.as_ref().and_then(Value::text);
                })*
                texts
            }

            /// Replaces every value that `later` gives (rule F8: the latest non-null value counts).
            pub fn update(&mut self, later: &Self) {
                $(if later.$name.is_some() {
                    self.$name.clone_from(&later.$name);
                })*
            }

            /// Reads every value, in export order.
            pub(crate) fn read<R: ReadValues>(values: &mut R) -> Result<Self, R::Error> {
                Ok(Self { $($name: Value::read(values)?,)* })
            }

            pub(crate) fn into_state(self, stale: bool) -> SessionState {
                SessionState { $($name: self.$name,)* stale }
            }
        }
    };
}

session_values!(declare);

/// The type of a session value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SessionType {
    /// A signed 64-bit integer.
    Number,
    /// True or false.
    Truth,
    /// A text.
    Text,
}

impl SessionType {
    const fn is_number(self) -> bool {
        !matches!(self, Self::Text)
    }
}

/// A number for a boolean that is neither 0 nor 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected 0 or 1, found {0}")]
pub struct NotATruth(pub i64);

/// Reads the values of a session one after the other.
pub(crate) trait ReadValues {
    type Error;

    fn number(&mut self) -> Result<Option<i64>, Self::Error>;
    fn truth(&mut self) -> Result<Option<bool>, Self::Error>;
    fn text(&mut self) -> Result<Option<String>, Self::Error>;
}

/// A possible type of a session value.
trait Value: Sized {
    const TYPE: SessionType;

    fn read<R: ReadValues>(values: &mut R) -> Result<Option<Self>, R::Error>;

    fn number(&self) -> Option<i64> {
        None
    }

    fn text(&self) -> Option<&str> {
        None
    }
}

impl Value for i64 {
    const TYPE: SessionType = SessionType::Number;

    fn read<R: ReadValues>(values: &mut R) -> Result<Option<Self>, R::Error> {
        values.number()
    }

    fn number(&self) -> Option<i64> {
        Some(*self)
    }
}

impl Value for bool {
    const TYPE: SessionType = SessionType::Truth;

    fn read<R: ReadValues>(values: &mut R) -> Result<Option<Self>, R::Error> {
        values.truth()
    }

    fn number(&self) -> Option<i64> {
        Some(i64::from(*self))
    }
}

impl Value for String {
    const TYPE: SessionType = SessionType::Text;

    fn read<R: ReadValues>(values: &mut R) -> Result<Option<Self>, R::Error> {
        values.text()
    }

    fn text(&self) -> Option<&str> {
        Some(self)
    }
}

/// Reads the output of [`Session::numbers`] and [`Session::texts`].
struct Columns<'a> {
    numbers: std::array::IntoIter<Option<i64>, { Session::NUMBERS }>,
    texts: std::array::IntoIter<Option<&'a str>, { Session::TEXTS }>,
}

impl ReadValues for Columns<'_> {
    type Error = NotATruth;

    fn number(&mut self) -> Result<Option<i64>, NotATruth> {
        Ok(self.numbers.next().flatten())
    }

    fn truth(&mut self) -> Result<Option<bool>, NotATruth> {
        match self.numbers.next().flatten() {
            None => Ok(None),
            Some(number @ (0 | 1)) => Ok(Some(number == 1)),
            Some(other) => Err(NotATruth(other)),
        }
    }

    fn text(&mut self) -> Result<Option<String>, NotATruth> {
        Ok(self.texts.next().flatten().map(str::to_owned))
    }
}

impl Session {
    /// The length of [`Session::numbers`].
    pub const NUMBERS: usize = Self::FIELDS.len() - Self::TEXTS;
    /// The length of [`Session::texts`].
    pub const TEXTS: usize = {
        let (mut texts, mut at) = (0, 0);
        while at < Self::FIELDS.len() {
            texts += !Self::FIELDS[at].1.is_number() as usize;
            at += 1;
        }
        texts
    };

    /// The session with these [`numbers`](Session::numbers) and [`texts`](Session::texts).
    ///
    /// # Errors
    /// [`NotATruth`] if the number for a boolean is neither 0 nor 1.
    pub fn from_columns(
        numbers: [Option<i64>; Self::NUMBERS],
        texts: [Option<&str>; Self::TEXTS],
    ) -> Result<Self, NotATruth> {
        Self::read(&mut Columns { numbers: numbers.into_iter(), texts: texts.into_iter() })
    }

    /// The total length of the texts in bytes.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        self.texts().into_iter().flatten().map(str::len).sum()
    }

    /// The status, if it is usable (rule F11: 1 to 11).
    #[must_use]
    pub fn usable_status(&self) -> Option<SessionStatus> {
        self.status.and_then(SessionStatus::from_number)
    }
}

/// The status of a chat session, as SuperOffice numbers it (rule F11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SessionStatus {
    /// 1: the customer fills in the form before the chat.
    PreChatForm,
    /// 2: the customer reads suggested answers.
    Faq,
    /// 3: no agent is available; the customer fills in the offline form.
    OfflineForm,
    /// 4: waiting for an agent.
    InQueue,
    /// 5: the customer wrote last.
    CustomerLast,
    /// 6: the agent or the bot wrote last.
    UserLast,
    /// 7: ended; the customer can resume it.
    Finished,
    /// 8: deleted.
    Deleted,
    /// 9: closed.
    Closed,
    /// 10: became a request.
    RequestPosted,
    /// 11: closed without an answer.
    ClosedFromQueue,
}

impl SessionStatus {
    /// Every status with its number and its name, without the prefix `Status`.
    pub const ALL: [(i64, &'static str, Self); 11] = [
        (1, "PreChatForm", Self::PreChatForm),
        (2, "Faq", Self::Faq),
        (3, "OfflineForm", Self::OfflineForm),
        (4, "InQueue", Self::InQueue),
        (5, "CustomerLast", Self::CustomerLast),
        (6, "UserLast", Self::UserLast),
        (7, "Finished", Self::Finished),
        (8, "Deleted", Self::Deleted),
        (9, "Closed", Self::Closed),
        (10, "RequestPosted", Self::RequestPosted),
        (11, "ClosedFromQueue", Self::ClosedFromQueue),
    ];

    /// The status with this number; `None` for 0 (invalid) and unknown numbers.
    #[must_use]
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.iter().find(|(known, _, _)| *known == number).map(|(_, _, status)| *status)
    }

    /// Whether a session with this status is closed (7 to 11).
    #[must_use]
    pub fn is_closed(self) -> bool {
        matches!(self, Self::Finished | Self::Deleted | Self::Closed | Self::RequestPosted | Self::ClosedFromQueue)
    }
}

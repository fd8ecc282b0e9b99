//! The field values of a SuperOffice chat session (spec F11, H2 `session`).

/// What SuperOffice says of a chat session beside the conversation itself; `None` is "not said".
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Session {
    /// `AlertLevel`: the provider documents no scale.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alert_level: Option<i64>,
    /// `ChatbotIsactive`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chatbot_is_active: Option<bool>,
    /// `Consented`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consented: Option<bool>,
    /// `ContactId`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_id: Option<i64>,
    /// `CustomerAlias`, the name the customer chose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_alias: Option<Box<str>>,
    /// `CustomerId`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<i64>,
    /// `ProjectId`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project_id: Option<i64>,
    /// `Rating`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rating: Option<i64>,
    /// `SaleId`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sale_id: Option<i64>,
    /// `Status`, also where it is no status that convofold knows; see [`SessionStatus`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<i64>,
    /// `TicketId`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticket_id: Option<i64>,
    /// `TopicId`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic_id: Option<i64>,
    /// `UserId`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<i64>,
}

impl Session {
    /// Its numbers, and its truths as 0 and 1, in the order of the export: all but the customer alias.
    #[must_use]
    pub fn numbers(&self) -> [Option<i64>; 12] {
        [
            self.alert_level,
            self.chatbot_is_active.map(i64::from),
            self.consented.map(i64::from),
            self.contact_id,
            self.customer_id,
            self.project_id,
            self.rating,
            self.sale_id,
            self.status,
            self.ticket_id,
            self.topic_id,
            self.user_id,
        ]
    }

    /// Takes over every value that `later` gives (spec F8: the latest non-null value wins).
    pub fn update(&mut self, later: &Self) {
        fn set<T: Clone>(value: &mut Option<T>, later: &Option<T>) {
            if later.is_some() {
                value.clone_from(later);
            }
        }
        set(&mut self.alert_level, &later.alert_level);
        set(&mut self.chatbot_is_active, &later.chatbot_is_active);
        set(&mut self.consented, &later.consented);
        set(&mut self.contact_id, &later.contact_id);
        set(&mut self.customer_alias, &later.customer_alias);
        set(&mut self.customer_id, &later.customer_id);
        set(&mut self.project_id, &later.project_id);
        set(&mut self.rating, &later.rating);
        set(&mut self.sale_id, &later.sale_id);
        set(&mut self.status, &later.status);
        set(&mut self.ticket_id, &later.ticket_id);
        set(&mut self.topic_id, &later.topic_id);
        set(&mut self.user_id, &later.user_id);
    }

    /// The status where it is one that says something (spec F11: 1 to 11).
    #[must_use]
    pub fn usable_status(&self) -> Option<SessionStatus> {
        self.status.and_then(SessionStatus::from_number)
    }
}

/// A chat session's status, as SuperOffice numbers them (spec F11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SessionStatus {
    /// 1: filling in the form before the chat.
    PreChatForm,
    /// 2: reading suggested answers.
    Faq,
    /// 3: nobody is available, filling in the form for that.
    OfflineForm,
    /// 4: waiting for an agent.
    InQueue,
    /// 5: the customer spoke last.
    CustomerLast,
    /// 6: the agent or the bot spoke last.
    UserLast,
    /// 7: ended, and the customer can take it up again.
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

    /// The status of a number; `None` for 0 (invalid) and what is not known.
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

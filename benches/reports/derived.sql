-- What follows from the events: something that counts or was measured, and the times in which an agent had a conversation.

CREATE TABLE fact (
    conversation INTEGER NOT NULL,
    at INTEGER NOT NULL,
    what TEXT NOT NULL, -- started, closing, in, out, first_response, response
    agent INTEGER NOT NULL,
    ms INTEGER -- of durations
);
CREATE TABLE stretch (
    conversation INTEGER NOT NULL,
    agent INTEGER NOT NULL,
    waits INTEGER NOT NULL, -- whether the member waits
    begin INTEGER NOT NULL,
    until INTEGER -- null: it has not ended
);

-- What is stored: events once each, in the order of their conversation.

CREATE TABLE agent (
    n INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    id TEXT -- null: nobody of this tenant
);
CREATE UNIQUE INDEX agent_by_id ON agent (tenant, id);

CREATE TABLE conversation (
    n INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    nobody INTEGER NOT NULL REFERENCES agent
);

CREATE TABLE event (
    conversation INTEGER NOT NULL REFERENCES conversation,
    at INTEGER NOT NULL, -- milliseconds
    rank INTEGER NOT NULL, -- of events at the same time: what opens, messages, what closes
    identity TEXT NOT NULL,
    kind TEXT NOT NULL, -- open, in, out, close
    agent INTEGER REFERENCES agent, -- null: the event says nothing about the agent
    PRIMARY KEY (conversation, at, rank, identity)
) WITHOUT ROWID;
-- A delivery that is repeated is ignored.
CREATE UNIQUE INDEX event_by_identity ON event (conversation, identity);

-- The days of the report: SQLite knows no time zones.
CREATE TABLE bucket (
    begin INTEGER PRIMARY KEY,
    until INTEGER NOT NULL
);

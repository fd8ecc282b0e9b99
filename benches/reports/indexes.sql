CREATE INDEX fact_by_time ON fact (at, what, agent, ms);
CREATE INDEX fact_by_conversation ON fact (conversation);
CREATE INDEX stretch_by_conversation ON stretch (conversation);

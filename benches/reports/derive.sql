-- Derives facts and stretches of the conversations in `chosen`.

DELETE FROM fact WHERE conversation IN (SELECT n FROM chosen);
DELETE FROM stretch WHERE conversation IN (SELECT n FROM chosen);

-- SQLite has no `IGNORE NULLS`: a running count numbers the parts between two statements.
CREATE TEMP TABLE step AS
WITH numbered AS (
    SELECT event.conversation, at, kind, agent, conversation.nobody,
        row_number() OVER past AS place,
        count(agent) OVER past AS agent_part,
        count(*) FILTER (WHERE kind IN ('open', 'close')) OVER past AS status_part,
        -- An answer or a close ends a turn, and is its last event.
        count(*) FILTER (WHERE kind IN ('out', 'close')) OVER before AS turn,
        count(*) FILTER (WHERE kind = 'close') OVER before AS span
    FROM chosen JOIN event ON event.conversation = chosen.n JOIN conversation ON conversation.n = event.conversation
    WINDOW past AS (PARTITION BY event.conversation ORDER BY at, rank, identity),
        before AS (past ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
), state AS (
    SELECT conversation, place, at, kind,
        coalesce(max(agent) OVER (PARTITION BY conversation, agent_part), nobody) AS agent,
        coalesce(max(kind = 'open') FILTER (WHERE kind IN ('open', 'close'))
            OVER (PARTITION BY conversation, status_part), 1) AS is_open,
        min(at) FILTER (WHERE kind = 'in') OVER (PARTITION BY conversation, turn ORDER BY place) AS asked,
        min(at) FILTER (WHERE kind = 'in') OVER (PARTITION BY conversation, span ORDER BY place) AS asked_first
    FROM numbered
), following AS (
    SELECT *, is_open AND kind NOT IN ('out', 'close') AND asked IS NOT NULL AS waits,
        lag(is_open) OVER past AS was_open, lag(agent) OVER past AS was_agent
    FROM state WINDOW past AS (PARTITION BY conversation ORDER BY place)
)
SELECT *, lag(waits) OVER (PARTITION BY conversation ORDER BY place) AS waited FROM following;

INSERT INTO fact
SELECT conversation, at, 'started', agent, NULL FROM step WHERE place = 1 AND kind <> 'close'
UNION ALL
SELECT conversation, at, 'closing', agent, NULL FROM step WHERE was_open AND NOT is_open
UNION ALL
SELECT conversation, at, kind, agent, NULL FROM step WHERE kind IN ('in', 'out')
UNION ALL
SELECT conversation, at, 'response', agent, at - asked FROM step WHERE kind = 'out' AND is_open AND asked IS NOT NULL
UNION ALL
SELECT conversation, at, 'first_response', agent, at - asked_first FROM (
    SELECT *, row_number() OVER (PARTITION BY conversation ORDER BY place) AS number
    FROM step WHERE kind = 'out' AND is_open AND asked_first IS NOT NULL
) WHERE number = 1;

INSERT INTO stretch
SELECT conversation, agent, waits, at, until FROM (
    SELECT *, lead(at) OVER (PARTITION BY conversation ORDER BY place) AS until FROM step
    WHERE was_open IS NOT is_open OR was_agent IS NOT agent OR waited IS NOT waits
) WHERE is_open AND (until IS NULL OR until > at);

DROP TABLE step;

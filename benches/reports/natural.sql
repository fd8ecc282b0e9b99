-- The same report as it is often written first. It is not measured: the run counts how many of its numbers are others.
WITH said AS (
    SELECT conversation, at, kind, coalesce(agent, nobody) AS agent,
        (SELECT max(begin) FROM bucket WHERE begin <= at) AS bucket,
        lag(kind) OVER past AS kind_before, lag(at) OVER past AS at_before,
        min(at) FILTER (WHERE kind = 'in') OVER past AS first_question,
        min(at) FILTER (WHERE kind = 'out') OVER past AS first_answer,
        row_number() OVER past AS place,
        first_value(coalesce(agent, nobody)) OVER (PARTITION BY conversation ORDER BY at DESC, rank DESC) AS agent_now
    FROM event JOIN conversation ON conversation.n = conversation WINDOW past AS (PARTITION BY conversation ORDER BY at, rank)
), measured AS (
    SELECT bucket, agent, 'response' AS what, at - at_before AS ms
    FROM said WHERE kind = 'out' AND kind_before = 'in'
    UNION ALL
    SELECT bucket, agent, 'first_response', at - first_question
    FROM said WHERE kind = 'out' AND at = first_answer AND first_question IS NOT NULL
), ranked AS (
    SELECT *, row_number() OVER same AS place, count(*) OVER (PARTITION BY what, bucket, agent) AS n
    FROM measured WINDOW same AS (PARTITION BY what, bucket, agent ORDER BY ms)
), closed AS (
    SELECT conversation, max(at) FILTER (WHERE kind = 'open') AS opened, max(at) FILTER (WHERE kind = 'close') AS closed,
        max(agent_now) AS agent
    FROM said GROUP BY conversation
)
SELECT bucket, agent, 'started' AS cell, count(*) AS value FROM said WHERE place = 1 GROUP BY bucket, agent
UNION ALL
SELECT bucket, agent, 'closings', count(*) FROM said WHERE kind = 'close' GROUP BY bucket, agent
UNION ALL
SELECT bucket, agent, 'messages_' || kind, count(*) FROM said WHERE kind IN ('in', 'out') GROUP BY bucket, agent, kind
UNION ALL
SELECT bucket, agent, what || '_n', count(*) FROM measured GROUP BY bucket, agent, what
UNION ALL
SELECT bucket, agent, what || '_p50', max(ms) FROM ranked WHERE place = (n * 50 + 99) / 100 GROUP BY bucket, agent, what
UNION ALL
SELECT bucket, agent, what || '_p90', max(ms) FROM ranked WHERE place = (n * 90 + 99) / 100 GROUP BY bucket, agent, what
UNION ALL
SELECT begin, agent, 'open_end', count(*) FROM closed JOIN bucket
ON opened < until AND (closed IS NULL OR closed < opened OR closed >= until) GROUP BY begin, agent;

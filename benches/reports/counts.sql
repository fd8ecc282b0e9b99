SELECT bucket, agent,
    count(*) FILTER (WHERE what = 'started'), count(*) FILTER (WHERE what = 'closing'),
    count(*) FILTER (WHERE what = 'in'), count(*) FILTER (WHERE what = 'out')
FROM (
    SELECT what, agent, (SELECT max(begin) FROM bucket WHERE begin <= at) AS bucket
    FROM fact WHERE at >= :from AND at < :to AND what IN ('started', 'closing', 'in', 'out')
) GROUP BY bucket, agent;

-- Percentiles by nearest rank.
SELECT bucket, agent, what, max(n),
    max(ms) FILTER (WHERE place = (n * 50 + 99) / 100), max(ms) FILTER (WHERE place = (n * 90 + 99) / 100)
FROM (
    SELECT *, row_number() OVER (PARTITION BY what, bucket, agent ORDER BY ms) AS place,
        count(*) OVER (PARTITION BY what, bucket, agent) AS n
    FROM (
        SELECT what, agent, ms, (SELECT max(begin) FROM bucket WHERE begin <= at) AS bucket
        FROM fact WHERE at >= :from AND at < :to AND what IN ('first_response', 'response')
    )
) GROUP BY what, bucket, agent;

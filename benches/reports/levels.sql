-- The number of open conversations and of waiting members: at the end of each day, the largest, and the mean over time.
WITH change AS (
    SELECT agent, max(begin, :from) AS at, 1 AS open, waits AS waiting, NULL AS bucket
    FROM stretch WHERE begin < :to AND (until IS NULL OR until > :from)
    UNION ALL
    SELECT agent, until, -1, -waits, NULL FROM stretch WHERE until > :from AND until < :to
    UNION ALL
    -- A day begins with the level at the end of the day before.
    SELECT agent.n, begin, 0, 0, begin FROM agent, bucket
), level AS (
    SELECT agent, at, sum(sum(open)) OVER past AS open, sum(sum(waiting)) OVER past AS waiting,
        max(max(bucket)) OVER past AS bucket, lead(at, 1, :to) OVER past AS until
    FROM change GROUP BY agent, at
    WINDOW past AS (PARTITION BY agent ORDER BY at)
)
SELECT level.bucket, agent, max(open),
    sum(open) FILTER (WHERE level.until = bucket.until), sum(waiting) FILTER (WHERE level.until = bucket.until),
    sum(open * (level.until - at)) * 1.0 / (bucket.until - bucket.begin)
FROM level JOIN bucket ON bucket.begin = level.bucket
GROUP BY level.bucket, agent;

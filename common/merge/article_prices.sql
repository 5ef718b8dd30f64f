-- One price per article from all its transactions; common/merge/sources.py runs the statements.

-- histogram: a row without a price, a short row and a price that is no number all read as NULL.
CREATE TEMP TABLE histogram AS
SELECT article_id,
       CASE WHEN isfinite(price) THEN round(price * $scale)::BIGINT END AS price,
       count(*) AS n
FROM (SELECT coalesce(article_id, '') AS article_id, try_cast(price AS DOUBLE) AS price
      FROM read_csv($path, columns = $columns, auto_detect = false, header = true,
                    delim = ',', quote = '"', null_padding = true, parallel = true))
GROUP BY ALL;

-- judged: every price of an article, and whether it is of a sale at (nearly) full price.
CREATE TEMP TABLE judged AS
WITH usable AS (
    SELECT left(article_id, 7) AS product, price, sum(n) AS n
    FROM histogram WHERE price > 0 GROUP BY ALL
), ranked AS (
    SELECT product, price,
           sum(n) OVER (PARTITION BY product ORDER BY price) AS upto,
           sum(n) OVER (PARTITION BY product) AS total
    FROM usable
), full_price AS (
    SELECT product, min(price) AS full_price
    FROM ranked WHERE upto >= $quantile * total GROUP BY product
)
SELECT article_id, price, n, full_price,
       CASE WHEN price IS NULL THEN 'price missing'
            WHEN price < 0 THEN 'price negative'
            WHEN price = 0 THEN 'price zero'
            WHEN price < $cut * full_price THEN 'deep discount'
            ELSE 'kept' END AS state
FROM histogram LEFT JOIN full_price ON product = left(article_id, 7);

-- The statistic of each article's prices at (nearly) full price.
SELECT article_id, {statistic} AS price
FROM (SELECT *, sum(n) OVER (PARTITION BY article_id ORDER BY price) AS upto,
             sum(n) OVER (PARTITION BY article_id) AS total
      FROM judged WHERE state = 'kept')
GROUP BY article_id ORDER BY article_id;

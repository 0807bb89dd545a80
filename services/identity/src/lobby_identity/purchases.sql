-- name: columns
-- A purchase in the order of domain.Purchase's fields.
p.purchase_id::text, p.contact_id::text, coalesce(p.external_id, ''), p.amount_minor, p.currency, p.purchase_time,
p.items, p.refunded_minor, p.void_time, p.actor, p.create_time

-- name: insert_purchase
-- A purchase, unless its number in the workspace's own system is known.
INSERT INTO purchase (
    purchase_id, workspace_id, contact_id, external_id, amount_minor, currency, purchase_time, items, actor, create_time
)
VALUES ($1, $2, $3, nullif($4, ''), $5, $6, $7, $8, $9, $10)
ON CONFLICT ON CONSTRAINT purchase_external_id DO NOTHING
RETURNING true;

-- name: find_by_external_id
-- The purchase that has a number of the workspace's own system.
SELECT {columns} FROM purchase AS p WHERE p.workspace_id = $1 AND p.external_id = $2;

-- name: lock_purchase
-- A purchase of a workspace, ours to change.
SELECT {columns} FROM purchase AS p WHERE p.workspace_id = $1 AND p.purchase_id = $2 FOR NO KEY UPDATE;

-- name: list_purchases
-- What some records bought, the newest first, after one of them.
SELECT {columns}
FROM purchase AS p
WHERE p.contact_id = ANY ($1::uuid[])
    AND ($2::timestamptz IS NULL OR (p.purchase_time, p.purchase_id) < ($2, $3::uuid))
ORDER BY p.purchase_time DESC, p.purchase_id DESC
LIMIT $4;

-- name: void_purchase
-- The purchase is as if it had never been.
UPDATE purchase SET void_time = $2 WHERE purchase_id = $1 AND void_time IS NULL;

-- name: insert_refund
-- Some of a purchase was paid back.
INSERT INTO refund (refund_id, purchase_id, external_id, amount_minor, actor, create_time)
VALUES ($1, $2, nullif($3, ''), $4, $5, $6);

-- name: find_refund
-- How much was paid back under a number.
SELECT amount_minor FROM refund WHERE purchase_id = $1 AND external_id = $2;

-- name: add_refund
-- So much more of the purchase is paid back.
UPDATE purchase SET refunded_minor = refunded_minor + $2 WHERE purchase_id = $1;

-- name: read_spends
-- What each of some records spent, by currency.
SELECT
    contact_id::text AS contact_id, currency, sum(amount_minor - refunded_minor)::bigint AS amount_minor,
    count(*)::int AS purchase_count, max(purchase_time) AS last_purchase_time
FROM purchase
WHERE contact_id = ANY ($1::uuid[]) AND void_time IS NULL
GROUP BY contact_id, currency;

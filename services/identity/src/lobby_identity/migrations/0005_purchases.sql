-- Expands: what people bought.

-- What one record bought. A merge changes nothing here.
CREATE TABLE purchase (
    purchase_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    -- NULL: the workspace's own system gave none, or its buyer was forgotten
    external_id text COLLATE "C",
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    currency text COLLATE "C" NOT NULL,
    purchase_time timestamptz NOT NULL,
    -- name, sku and quantity of each
    items jsonb NOT NULL DEFAULT '[]',
    refunded_minor bigint NOT NULL DEFAULT 0 CHECK (refunded_minor BETWEEN 0 AND amount_minor),
    void_time timestamptz,
    actor text NOT NULL,
    create_time timestamptz NOT NULL,
    CONSTRAINT purchase_external_id UNIQUE (workspace_id, external_id)
);
CREATE INDEX purchase_contact_id ON purchase (contact_id, purchase_time DESC, purchase_id DESC);

-- What was paid back of a purchase.
CREATE TABLE refund (
    refund_id uuid PRIMARY KEY,
    purchase_id uuid NOT NULL,
    external_id text COLLATE "C",
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    actor text NOT NULL,
    create_time timestamptz NOT NULL,
    CONSTRAINT refund_external_id UNIQUE (purchase_id, external_id)
);

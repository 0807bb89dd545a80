-- Expands: sheets, by which two parties settle: a frozen rule, days that are closed one after the other, disputes.

CREATE TABLE sheet (
    sheet_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    -- Whose verdicts it settles; sheets of one policy share a counter.
    counter_id uuid NOT NULL,
    display_name text NOT NULL,
    -- The frozen rule as the first line of the export has it; all of it is in here.
    rule text NOT NULL,
    start_day date NOT NULL,
    create_time timestamptz NOT NULL,
    end_day date,
    -- The first local day that is not closed, and when it is due.
    next_day date NOT NULL,
    next_close_time timestamptz NOT NULL,
    closed_days integer NOT NULL DEFAULT 0,
    digest text NOT NULL,
    new bigint NOT NULL DEFAULT 0,
    repeat bigint NOT NULL DEFAULT 0,
    excluded bigint NOT NULL DEFAULT 0
);
CREATE INDEX sheet_workspace ON sheet (workspace_id, create_time, sheet_id);
CREATE INDEX sheet_due ON sheet (next_close_time);
CREATE TRIGGER sheet_is_frozen
    BEFORE DELETE OR UPDATE OF sheet_id, workspace_id, counter_id, display_name, rule, start_day, create_time ON sheet
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- A day that is closed.
CREATE TABLE sheet_day (
    sheet_id uuid NOT NULL REFERENCES sheet,
    number integer NOT NULL,
    day date NOT NULL,
    lines integer NOT NULL,
    new bigint NOT NULL,
    repeat bigint NOT NULL,
    excluded bigint NOT NULL,
    -- As the export has it.
    text text NOT NULL,
    digest text NOT NULL,
    PRIMARY KEY (sheet_id, number),
    CONSTRAINT sheet_day_once UNIQUE (sheet_id, day)
);
CREATE TRIGGER sheet_day_is_append_only BEFORE UPDATE OR DELETE ON sheet_day
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- What a closed day settled of one entry. The newest line of an entry is what is settled of it.
CREATE TABLE sheet_line (
    sheet_id uuid NOT NULL,
    number integer NOT NULL,
    -- Where it stands in its day, from 0.
    place integer NOT NULL,
    entry_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    occurred_time timestamptz NOT NULL,
    campaign_id uuid,
    repeat_of uuid,
    dispute_id uuid,
    verdict text NOT NULL,
    reason text NOT NULL,
    counts_as text NOT NULL,
    -- As the export has it.
    text text NOT NULL,
    PRIMARY KEY (sheet_id, number, place),
    FOREIGN KEY (sheet_id, number) REFERENCES sheet_day,
    CONSTRAINT sheet_line_once_a_day UNIQUE (sheet_id, entry_id, number)
);
CREATE TRIGGER sheet_line_is_append_only BEFORE UPDATE OR DELETE ON sheet_line
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE sheet_dispute (
    dispute_id uuid PRIMARY KEY,
    sheet_id uuid NOT NULL REFERENCES sheet,
    entry_id uuid NOT NULL,
    wanted_verdict text NOT NULL CHECK (wanted_verdict IN ('new', 'repeat', 'excluded')),
    note text NOT NULL,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'accepted', 'rejected', 'withdrawn')),
    creator text NOT NULL,
    -- Whether the outside party objected; else somebody of the workspace.
    by_partner boolean NOT NULL,
    create_time timestamptz NOT NULL DEFAULT now(),
    answer text NOT NULL DEFAULT '',
    resolver text NOT NULL DEFAULT '',
    resolve_time timestamptz,
    CONSTRAINT sheet_dispute_ends_somehow CHECK ((state = 'open') = (resolve_time IS NULL))
);
CREATE INDEX sheet_dispute_sheet ON sheet_dispute (sheet_id, create_time, dispute_id);
CREATE UNIQUE INDEX sheet_dispute_open ON sheet_dispute (sheet_id, entry_id) WHERE state = 'open';

-- When each tenant's rows of a feature were last proven to be the same on both sides, or were not (docs/moving.md). Run it as banyan_owner.
--
-- Written by the mover. `detail` names tables, keys and columns, never a value. Control tables say tenant, not tenant_id.
CREATE TABLE banyan.row_proof (
  tenant     integer     NOT NULL,
  feature    text        NOT NULL,
  checked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  state      text        NOT NULL,
  -- How many there are, where they could be read.
  rows       bigint,
  detail     text        NOT NULL,
  CONSTRAINT row_proof_pkey PRIMARY KEY (tenant, feature),
  CONSTRAINT row_proof_move_fkey FOREIGN KEY (feature) REFERENCES banyan.move (feature),
  CONSTRAINT row_proof_state_known CHECK (state IN ('equal', 'different', 'failed'))
);
GRANT SELECT, INSERT, UPDATE ON banyan.row_proof TO banyan_app;

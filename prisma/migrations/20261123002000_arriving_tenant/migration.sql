-- Tenants whose rows are being copied (docs/following.md). Run it as banyan_owner.
--
-- A large tenant is copied chunk by chunk, each in a transaction of its own, and that may be interrupted between any two of them. From the
-- first one to the last it stands here, and for the gateway it is as if it were not in the registry: nobody sees half of it. Control
-- tables say tenant, not tenant_id.
CREATE TABLE banyan.arriving_tenant (
  tenant     integer     NOT NULL,
  since      timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT arriving_tenant_pkey PRIMARY KEY (tenant),
  CONSTRAINT arriving_tenant_fkey FOREIGN KEY (tenant) REFERENCES tenant (id)
);
GRANT SELECT ON banyan.arriving_tenant TO banyan_app;

-- How far each of its tables has come; changes together with the rows. A table without a line has none of them yet.
CREATE TABLE banyan.arriving_table (
  tenant     integer NOT NULL,
  table_name text    NOT NULL,
  rows       bigint  NOT NULL,
  -- The key of the last row that has arrived, as text and without the tenant, in the order of legacy's own database. NULL: all have.
  last_key   text[],
  CONSTRAINT arriving_table_pkey PRIMARY KEY (tenant, table_name),
  -- Whoever takes the tenant away ends its copy: the next chunk is refused.
  CONSTRAINT arriving_table_tenant_fkey FOREIGN KEY (tenant) REFERENCES banyan.arriving_tenant (tenant) ON DELETE CASCADE
);

-- Tenants that are being deleted (docs/tenants.md). Run it as banyan_owner.
--
-- A deletion takes many short transactions, and may be interrupted between two of them. From the first one on the tenant stands here, and
-- for the gateway it is as if it were not in the registry: nobody sees half of it. Control tables say tenant, not tenant_id.
CREATE TABLE banyan.leaving_tenant (
  tenant     integer     NOT NULL,
  since      timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT leaving_tenant_pkey PRIMARY KEY (tenant),
  CONSTRAINT leaving_tenant_fkey FOREIGN KEY (tenant) REFERENCES tenant (id)
);
GRANT SELECT ON banyan.leaving_tenant TO banyan_app;

-- What an instance acts on already, and where writes that began before are still under way: a slow write of one tenant keeps nobody else's
-- owner from changing. `epoch` stays what it was: everything up to there is confirmed. An instance of an older version says only that.
ALTER TABLE banyan.instance
  ADD COLUMN heard bigint NOT NULL DEFAULT 0,
  ADD COLUMN busy  text[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN banyan.instance.busy IS 'tenant and feature, with a space in between';

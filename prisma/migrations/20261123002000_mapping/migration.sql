-- By which names a slot's rows come from legacy, and go back (docs/moving.md). Run it as banyan_owner.

-- As the route table says it, and as it was when the first tenant began to follow; '{}': all names are the same. Whoever follows has
-- read it at some revision, and ends where it is another one now.
ALTER TABLE banyan.follow_position
  ADD COLUMN mapping json NOT NULL DEFAULT '{}',
  ADD COLUMN mapping_revision integer NOT NULL DEFAULT 0;

-- Followers note how far they have come; names are laid down by `banyan follow` alone.
REVOKE UPDATE ON banyan.follow_position FROM banyan_app;
GRANT UPDATE (position, forgotten_to) ON banyan.follow_position TO banyan_app;

-- The roles of one database, and what each may do. `manage.py database_roles` runs this, and so may psql
-- (psql --single-transaction --file roles.sql); whoever runs it makes roles and belongs to the database's
-- owner: the administrator. Run again it changes nothing. It has no password in it.
--
-- financial_alerts_owner  runs migrations, and owns the tables.
-- financial_alerts_app    is what the service and its commands connect as: rows, and nothing else.
-- financial_alerts_app_b  is the same again. The two take turns, so that a new password shuts nobody out:
--                         whoever has the old one goes on with it. It logs in from its first turn on.

DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'financial_alerts_owner') THEN
    CREATE ROLE financial_alerts_owner LOGIN NOINHERIT;
  END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'financial_alerts_app') THEN
    CREATE ROLE financial_alerts_app LOGIN NOINHERIT;
  END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'financial_alerts_app_b') THEN
    CREATE ROLE financial_alerts_app_b NOLOGIN NOINHERIT;
  END IF;
END
$$;

-- On RDS the administrator is no superuser, and may only give to others what it is a member of.
GRANT financial_alerts_owner TO CURRENT_USER;

-- A session keeps what its role says, whichever client a pooler lends it to. A lock is waited for 2 s and
-- answered with 503; a statement ends while its process is still given time to (30 s); a transaction that
-- nobody goes on with lets go of its locks after a minute.
ALTER ROLE financial_alerts_app SET lock_timeout = '2s';
ALTER ROLE financial_alerts_app SET statement_timeout = '30s';
ALTER ROLE financial_alerts_app SET idle_in_transaction_session_timeout = '60s';
ALTER ROLE financial_alerts_app SET timezone = 'UTC';
ALTER ROLE financial_alerts_app_b SET lock_timeout = '2s';
ALTER ROLE financial_alerts_app_b SET statement_timeout = '30s';
ALTER ROLE financial_alerts_app_b SET idle_in_transaction_session_timeout = '60s';
ALTER ROLE financial_alerts_app_b SET timezone = 'UTC';

-- A migration that waits for a lock holds up everybody behind it: it fails after 5 s, to be run again.
-- What it does may take as long as it takes.
ALTER ROLE financial_alerts_owner SET lock_timeout = '5s';
ALTER ROLE financial_alerts_owner SET statement_timeout = 0;
ALTER ROLE financial_alerts_owner SET idle_in_transaction_session_timeout = '10min';
ALTER ROLE financial_alerts_owner SET timezone = 'UTC';

-- Nobody else connects, and nobody but the owner makes tables.
DO $$
BEGIN
  EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO '
                 'financial_alerts_owner, financial_alerts_app, financial_alerts_app_b',
                 current_database());
END
$$;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO financial_alerts_owner;
GRANT USAGE ON SCHEMA public TO financial_alerts_app, financial_alerts_app_b;

-- Tables that are there already go to the owner, so that it can change them; their sequences go along.
DO $$
DECLARE
  found record;
BEGIN
  FOR found IN SELECT tablename FROM pg_tables
               WHERE schemaname = 'public' AND tableowner <> 'financial_alerts_owner' LOOP
    EXECUTE format('ALTER TABLE public.%I OWNER TO financial_alerts_owner', found.tablename);
  END LOOP;
END
$$;

-- Rows of the tables there are, and of those that migrations will make. No TRUNCATE, no REFERENCES, no
-- TRIGGER.
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public
  TO financial_alerts_app, financial_alerts_app_b;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public
  TO financial_alerts_app, financial_alerts_app_b;
ALTER DEFAULT PRIVILEGES FOR ROLE financial_alerts_owner IN SCHEMA public
  GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO financial_alerts_app, financial_alerts_app_b;
ALTER DEFAULT PRIVILEGES FOR ROLE financial_alerts_owner IN SCHEMA public
  GRANT USAGE, SELECT ON SEQUENCES TO financial_alerts_app, financial_alerts_app_b;

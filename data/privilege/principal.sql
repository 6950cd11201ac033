-- Who may verify whose a statement is, and nothing else: a role that nobody
-- signs in as, and that nobody is a member of.
DO $gate$
DECLARE held record;
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'gatehouse_keeper') THEN
    CREATE ROLE gatehouse_keeper NOLOGIN NOINHERIT;
  END IF;
  FOR held IN SELECT rolname FROM pg_roles WHERE rolname = 'gatehouse_keeper'
    AND (rolsuper OR rolcanlogin OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication) LOOP
    RAISE EXCEPTION 'the role gatehouse_keeper is there, and may do more than keep a key: drop it';
  END LOOP;
  FOR held IN SELECT r.rolname FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner WHERE n.nspname = 'gatehouse' AND r.rolname <> 'gatehouse_keeper' LOOP
    RAISE EXCEPTION 'the schema gatehouse is there, and belongs to %: drop it', held.rolname;
  END LOOP;
END $gate$;
CREATE SCHEMA IF NOT EXISTS gatehouse AUTHORIZATION gatehouse_keeper;
REVOKE ALL ON SCHEMA gatehouse FROM PUBLIC;

-- The key that the gate signs with, and its two pads (RFC 2104). More than one
-- is there only while a new one takes over.
CREATE TABLE IF NOT EXISTS gatehouse.key (
  secret bytea NOT NULL CHECK (octet_length(secret) = 32),
  inner_pad bytea NOT NULL,
  outer_pad bytea NOT NULL,
  made timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE gatehouse.key OWNER TO gatehouse_keeper;
REVOKE ALL ON TABLE gatehouse.key FROM PUBLIC;

-- Makes a key beside those that are there: 244 random bits, hashed.
CREATE OR REPLACE FUNCTION gatehouse.new_key() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $gate$
DECLARE
  fresh bytea := sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
  padded bytea := fresh || decode(repeat('00', 32), 'hex');
  inner_part bytea := padded;
  outer_part bytea := padded;
BEGIN
  FOR i IN 0..63 LOOP
    inner_part := set_byte(inner_part, i, get_byte(padded, i) # 54);
    outer_part := set_byte(outer_part, i, get_byte(padded, i) # 92);
  END LOOP;
  INSERT INTO gatehouse.key (secret, inner_pad, outer_pad) VALUES (fresh, inner_part, outer_part);
END $gate$;
ALTER FUNCTION gatehouse.new_key() OWNER TO gatehouse_keeper;
REVOKE ALL ON FUNCTION gatehouse.new_key() FROM PUBLIC;
DO $gate$
BEGIN
  IF NOT EXISTS (SELECT FROM gatehouse.key) THEN
    PERFORM gatehouse.new_key();
  END IF;
END $gate$;

-- What the gate sends before a statement. It counts only where the message that
-- the database got begins with it, which no client's does: the gate refuses
-- that. So whoever has read one can do nothing with it. What it leaves behind is
-- signed anew, for this transaction of this process.
CREATE OR REPLACE FUNCTION gatehouse.enter(token text) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $gate$
DECLARE
  pads record;
  said text := left(token, -65);
  mac text := right(token, 64);
BEGIN
  IF length(token) > 60000 OR token <> said || '.' || mac OR NOT coalesce(starts_with(current_query(), 'SELECT gatehouse.enter(''' || token || ''')'), false) THEN
    RAISE EXCEPTION 'gatehouse.enter is for the gate alone' USING ERRCODE = 'insufficient_privilege';
  END IF;
  -- Nothing of the token is read before its MAC holds. Both are hashed again, so
  -- that how long comparing takes says nothing of them.
  SELECT k.inner_pad, k.outer_pad INTO pads FROM gatehouse.key k
    WHERE sha256(k.outer_pad || convert_to(mac, 'UTF8')) = sha256(k.outer_pad
      || convert_to(encode(sha256(k.outer_pad || sha256(k.inner_pad || convert_to('enter:' || said, 'UTF8'))), 'hex'), 'UTF8'));
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the gate signs with another key than gatehouse.key' USING ERRCODE = 'insufficient_privilege';
  END IF;
  IF abs(extract(epoch FROM clock_timestamp()) - (convert_from(decode(said, 'base64'), 'UTF8')::json ->> 'at')::bigint) > 900 THEN
    RAISE EXCEPTION 'the clocks of the gate and of the database are more than 15 minutes apart' USING ERRCODE = 'insufficient_privilege';
  END IF;
  PERFORM set_config('gatehouse.principal', token || '.' || encode(sha256(pads.outer_pad || sha256(pads.inner_pad
    || convert_to('within:' || token, 'UTF8') || int4send(pg_backend_pid()) || timestamptz_send(transaction_timestamp()))), 'hex'), true);
END $gate$;
ALTER FUNCTION gatehouse.enter(text) OWNER TO gatehouse_keeper;
REVOKE ALL ON FUNCTION gatehouse.enter(text) FROM PUBLIC;

-- What the gate said of the statement; NULL where it said nothing, and where what
-- stands there was set by somebody else, or in another transaction.
CREATE OR REPLACE FUNCTION gatehouse.claims() RETURNS json
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $gate$
DECLARE
  value text := current_setting('gatehouse.principal', true);
  token text := left(value, -65);
  mac text := right(value, 64);
  message text := current_query();
BEGIN
  IF length(value) > 60000 OR coalesce(value, '') = '' OR value <> token || '.' || mac THEN
    RETURN NULL;
  END IF;
  -- Where this message says whose it is, nobody is whom another one named.
  IF starts_with(message, 'SELECT gatehouse.enter(') AND NOT starts_with(message, 'SELECT gatehouse.enter(''' || token || ''')') THEN
    RETURN NULL;
  END IF;
  -- What this holds of is what enter wrote, and nobody else.
  PERFORM FROM gatehouse.key k
    WHERE sha256(k.outer_pad || convert_to(mac, 'UTF8')) = sha256(k.outer_pad
      || convert_to(encode(sha256(k.outer_pad || sha256(k.inner_pad || convert_to('within:' || token, 'UTF8')
      || int4send(pg_backend_pid()) || timestamptz_send(transaction_timestamp()))), 'hex'), 'UTF8'));
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  RETURN convert_from(decode(split_part(token, '.', 1), 'base64'), 'UTF8')::json;
END $gate$;
ALTER FUNCTION gatehouse.claims() OWNER TO gatehouse_keeper;
REVOKE ALL ON FUNCTION gatehouse.claims() FROM PUBLIC;

-- The name of whoever a statement is of: principal, or an alias such as users.id.
CREATE OR REPLACE FUNCTION gatehouse.principal(name text) RETURNS text
LANGUAGE plpgsql STABLE STRICT PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $gate$
BEGIN
  RETURN gatehouse.claims() -> 'names' ->> name;
END $gate$;
ALTER FUNCTION gatehouse.principal(text) OWNER TO gatehouse_keeper;
GRANT EXECUTE ON FUNCTION gatehouse.principal(text) TO PUBLIC;

-- Whether whoever a statement is of has one of these roles at the gate.
CREATE OR REPLACE FUNCTION gatehouse.has_role(VARIADIC names text[]) RETURNS boolean
LANGUAGE plpgsql STABLE STRICT PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $gate$
BEGIN
  RETURN EXISTS (SELECT FROM json_array_elements_text(gatehouse.claims() -> 'roles') AS r WHERE r = ANY (names));
END $gate$;
ALTER FUNCTION gatehouse.has_role(text[]) OWNER TO gatehouse_keeper;
GRANT EXECUTE ON FUNCTION gatehouse.has_role(text[]) TO PUBLIC;

-- Whether the gate itself said that it does not know whose a statement is.
CREATE OR REPLACE FUNCTION gatehouse.unattributed() RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $gate$
BEGIN
  RETURN coalesce((gatehouse.claims() ->> 'unattributed')::boolean, false);
END $gate$;
ALTER FUNCTION gatehouse.unattributed() OWNER TO gatehouse_keeper;
GRANT EXECUTE ON FUNCTION gatehouse.unattributed() TO PUBLIC;

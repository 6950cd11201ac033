DO $gate$
DECLARE
  tables text[] := $tables$;
  columns text[] := $columns$;
  names text[] := $names$;
  parents text[] := $parents$;
  also_reading text := $reading$;
  also_writing text := $writing$;
  exempt text[] := $exempt$;
  kind oid;
  own text;
  own_writing text;
  held record;
  other record;
BEGIN
  FOR i IN 1..array_length(tables, 1) LOOP
    -- With what hangs below it: a partition that is asked by its own name has
    -- its own policies.
    FOR held IN WITH RECURSIVE tree (id) AS (
        SELECT tables[i]::regclass::oid UNION SELECT h.inhrelid FROM pg_inherits h JOIN tree ON h.inhparent = tree.id
      ) SELECT id, id::regclass AS name FROM tree LOOP
      SELECT a.atttypid INTO kind FROM pg_attribute a WHERE a.attrelid = held.id AND a.attname = columns[i] AND a.attnum > 0 AND NOT a.attisdropped;
      IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no column % in %', columns[i], held.name;
      END IF;
      WHILE (SELECT t.typtype = 'd' FROM pg_type t WHERE t.oid = kind) LOOP
        SELECT t.typbasetype INTO kind FROM pg_type t WHERE t.oid = kind;
      END LOOP;
      -- A name that is no value of the column's kind is nobody's, and none is cut or
      -- rounded to one.
      own := CASE
        WHEN parents[i] <> '' THEN
          format('%I IN (SELECT %s)', columns[i], parents[i]) -- that it sees
        WHEN kind IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'numeric'::regtype) THEN
          format('%I = (SELECT CASE WHEN n ~ ''^(0|-?[1-9][0-9]{0,17})$'' THEN n::%s END FROM gatehouse.principal(%L) AS n)',
            columns[i], CASE kind WHEN 'numeric'::regtype THEN 'numeric' ELSE 'bigint' END, names[i])
        WHEN kind = 'uuid'::regtype THEN
          format('%I = (SELECT CASE WHEN n ~ ''^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$'' THEN n::uuid END FROM gatehouse.principal(%L) AS n)',
            columns[i], names[i])
        WHEN (SELECT t.typcategory IN ('S', 'E') FROM pg_type t WHERE t.oid = kind) THEN
          format('%I::text = (SELECT gatehouse.principal(%L))', columns[i], names[i])
      END;
      IF own IS NULL THEN
        RAISE EXCEPTION 'the column % of % is of the type %, which no name of a principal is compared with', columns[i], held.name, kind::regtype;
      END IF;
      own_writing := own;
      IF parents[i] <> '' THEN -- what may see all need not be let change all
        own_writing := format('(%s AND NOT (SELECT gatehouse.unattributed()))', own);
      END IF;

      FOR other IN SELECT polname FROM pg_policy WHERE polrelid = held.id LOOP
        IF other.polname NOT IN ('gatehouse_select', 'gatehouse_insert', 'gatehouse_update', 'gatehouse_delete', 'gatehouse_exempt') THEN
          IF (SELECT polpermissive FROM pg_policy WHERE polrelid = held.id AND polname = other.polname) THEN
            RAISE EXCEPTION 'the policy % of % lets more through, beside these: drop it, or make it AS RESTRICTIVE', other.polname, held.name;
          END IF;
          CONTINUE;
        END IF;
        EXECUTE format('DROP POLICY %I ON %s', other.polname, held.name);
      END LOOP;
      EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', held.name);
      EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', held.name);
      EXECUTE format('CREATE POLICY gatehouse_select ON %s FOR SELECT USING (%s%s)', held.name, own, also_reading);
      EXECUTE format('CREATE POLICY gatehouse_insert ON %s FOR INSERT WITH CHECK (%s%s)', held.name, own_writing, also_writing);
      EXECUTE format('CREATE POLICY gatehouse_update ON %1$s FOR UPDATE USING (%2$s%3$s) WITH CHECK (%2$s%3$s)', held.name, own_writing, also_writing);
      EXECUTE format('CREATE POLICY gatehouse_delete ON %s FOR DELETE USING (%s%s)', held.name, own_writing, also_writing);
      IF exempt <> '{}' THEN
        EXECUTE format('CREATE POLICY gatehouse_exempt ON %s TO %s USING (true) WITH CHECK (true)', held.name,
          (SELECT string_agg(quote_ident(e), ', ') FROM unnest(exempt) AS e));
      END IF;
      -- These ask for no policy.
      EXECUTE format('REVOKE TRUNCATE, REFERENCES, TRIGGER ON TABLE %s FROM PUBLIC, %I', held.name, $role$);
    END LOOP;
  END LOOP;

  -- What passes row security although the role may not.
  FOR held IN SELECT g.rolname FROM pg_roles g WHERE (g.rolsuper OR g.rolbypassrls OR g.rolname = 'gatehouse_keeper' OR g.rolname = ANY (exempt))
      AND pg_has_role($role$, g.oid, 'MEMBER') LOOP
    RAISE EXCEPTION 'the role % is a member of %, and may do what that may', $role$, held.rolname;
  END LOOP;
  FOR held IN WITH RECURSIVE tree (id) AS (
      SELECT t::regclass::oid FROM unnest(tables) AS t UNION SELECT h.inhrelid FROM pg_inherits h JOIN tree ON h.inhparent = tree.id
    ), edges (id, reads, passes) AS (
      SELECT v.oid, d.refobjid, v.relkind = 'm' OR (o.rolsuper OR o.rolbypassrls OR o.rolname = ANY (exempt))
        AND NOT coalesce((SELECT option_value::boolean FROM pg_options_to_table(v.reloptions) WHERE option_name = 'security_invoker'), false)
      FROM pg_depend d JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid AND d.refclassid = 'pg_class'::regclass
      JOIN pg_class v ON v.oid = r.ev_class AND v.relkind IN ('v', 'm') AND v.oid <> d.refobjid JOIN pg_roles o ON o.oid = v.relowner
    ), views (id, passes) AS (
      SELECT edges.id, edges.passes FROM edges JOIN tree ON tree.id = edges.reads
      UNION SELECT edges.id, edges.passes OR views.passes FROM edges JOIN views ON views.id = edges.reads
    ) SELECT DISTINCT id::regclass AS name FROM views
      WHERE passes AND (has_any_column_privilege($role$, id, 'SELECT, INSERT, UPDATE') OR has_table_privilege($role$, id, 'DELETE')) LOOP
    RAISE EXCEPTION 'the view % shows the role % what its owner sees, which is every row: give it to another owner, or (PostgreSQL 15) ALTER VIEW % SET (security_invoker = true)',
      held.name, $role$, held.name;
  END LOOP;
  FOR held IN SELECT p.oid::regprocedure AS name, o.rolname FROM pg_proc p JOIN pg_roles o ON o.oid = p.proowner
      WHERE p.prosecdef AND (o.rolsuper OR o.rolbypassrls OR o.rolname = ANY (exempt)) AND has_function_privilege($role$, p.oid, 'EXECUTE') LOOP
    RAISE WARNING 'the function % runs as %, who sees every row: look at what it gives', held.name, held.rolname;
  END LOOP;
END $gate$;
